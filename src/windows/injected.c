/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PE images in memory that the loader did not map: loaded reflectively, mapped by hand, or a file
 * that lies within other data; and what of their regions is none.
 */
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/damage.h>
#include <impscan/machine_type.h>
#include <impscan/module_reader.h>
#include <impscan/region.h>
#include <impscan/search.h>
#include <impscan/vad.h>
#include <impscan/view.h>
#include <impscan/wide.h>

#include <stdlib.h>
#include <string.h>

/* Regions of less bytes are searched at every 16 bytes, as heaps allocate; larger ones by pages. */
#define SMALL_REGION (UINT64_C(4) << 20)

/*
 * Steps of looking through a page, of a place in it that may be a header, of reading headers, and
 * of an image that was found, which becomes a module.
 */
#define PAGE_STEPS	1
#define CANDIDATE_STEPS 3
#define HEADER_STEPS	20
#define FOUND_STEPS	40

/* A page is remembered as dull when it has so many false starts at least. */
#define DULL_LEAST 4

/* A search for images in the regions of one view. */
struct search {
	struct space *space;
	struct budget budget;	 /* of the region */
	struct address_set dull; /* pages whose bytes alone say that no image begins there */
	struct injections *injections;
};

/*
 * Do the sections lie as in the file (true), or as the loader maps them? Between its headers and
 * its first section a mapped image has zeros; the file has that section's bytes there. Where both
 * layouts are the same it makes no difference.
 */
static bool is_file_layout(const struct pe *pe, uint64_t available)
{
	if (pe->size_of_image > available)
		return true;
	for (size_t i = 0; i < pe->section_count; i++) {
		const struct pe_section *section = &pe->sections[i];
		uint64_t raw = section->pointer_to_raw_data;
		if (!section->size_of_raw_data || raw < pe->size_of_headers ||
		    raw >= section->virtual_address)
			continue;
		/* The gap between headers and first section, or the first section itself? */
		uint8_t bytes[64];
		size_t size = (size_t)min_of((uint64_t)sizeof(bytes),
					     min_of((uint64_t)section->virtual_address - raw,
						    (uint64_t)section->size_of_raw_data));
		if (pe_copy(pe, raw, bytes, size) != PE_READ_OK)
			return false;
		for (size_t b = 0; b < size; b++)
			if (bytes[b])
				return true;
		return false;
	}
	return false;
}

/* How many bytes of the memory belong to the image. */
static uint64_t image_extent(const struct pe *pe, bool file_layout, uint64_t available)
{
	uint64_t size = pe->size_of_image;
	if (file_layout) {
		size = pe->size_of_headers;
		for (size_t i = 0; i < pe->section_count; i++)
			size = max_of(size, (uint64_t)pe->sections[i].pointer_to_raw_data +
						    pe->sections[i].size_of_raw_data);
	}
	return min_of(size, available);
}

/* Where a header's second part begins at most, in bytes from the first one. */
#define NT_HEADERS_MAX 0x10000

static bool is_machine(uint16_t machine)
{
	return machine == IMAGE_FILE_MACHINE_I386 || machine == IMAGE_FILE_MACHINE_AMD64 ||
	       machine == IMAGE_FILE_MACHINE_ARM64;
}

/* Is it certainly no header, by the `available` bytes of its page from there on? */
static bool is_false_start(const uint8_t *bytes, size_t available)
{
	uint16_t machine;
	switch (pe_first_look(bytes, available, NT_HEADERS_MAX, &machine)) {
	case PE_LOOK_BEYOND:
		return false;
	case PE_LOOK_MACHINE:
		return !is_machine(machine);
	default:
		return true;
	}
}

/* Is there a PE at `address`, within `available` bytes? Headers alone must make sense. */
static bool pe_image_at(struct search *search, uint64_t address, uint64_t available,
			struct injected *injected)
{
	(void)budget_spend(&search->budget, CANDIDATE_STEPS);
	struct module_reader reader;
	module_reader_init(&reader, search->space, address, available);
	_cleanup_pe_ struct pe pe = {0};
	enum pe_status status = pe_open(&pe, &reader.reader);
	if (!is_machine(pe.machine))
		return false;
	(void)budget_spend(&search->budget, HEADER_STEPS);
	if (status != PE_OK || pe.nt_headers > NT_HEADERS_MAX || !pe.section_count ||
	    !pe.size_of_image)
		return false;
	(void)budget_spend(&search->budget, FOUND_STEPS + pe.section_count);
	injected->base = address;
	injected->pe32_plus = pe.pe32_plus;
	injected->file_layout = is_file_layout(&pe, available);
	injected->size = image_extent(&pe, injected->file_layout, available);
	return true;
}

/* Are there a header's first two bytes at any multiple of 2 bytes? */
static IMPSCAN_WIDE bool any_header(const uint8_t *bytes, size_t size)
{
	/* As wide as what is compared. */
	uint16_t any = 0;
	for (size_t i = 0; i < size / 2; i++)
		any |= (uint16_t)(le16(bytes + i * 2) == 0x5a4d ? 0xffff : 0);
	return any;
}

/*
 * Looks for an image in the page at `address`, of which `present` are the bytes; returns where to
 * go on.
 */
static uint64_t look_at_page(struct search *search, const struct vad *vad, uint64_t step,
			     uint64_t address, const uint8_t *present)
{
	uint64_t next = (address & ~(PAGE_SIZE - 1)) + PAGE_SIZE;
	/* The same page may be looked through by both steps, and begin anywhere in the file. */
	uint64_t page = (uint64_t)(uintptr_t)present << 1 | (step == PAGE_SIZE);
	size_t false_starts = 0;
	bool dull = address % PAGE_SIZE == 0;
	if (dull && address_set_has(&search->dull, page))
		return next;
	if (step < PAGE_SIZE && !any_header(present, (size_t)(next - address)))
		return next;
	for (uint64_t at = address; at < next; at += step) {
		const uint8_t *bytes = present + (at - address);
		struct injected injected = {.vad = vad};
		if (bytes[0] != 'M' || bytes[1] != 'Z')
			continue;
		if (is_false_start(bytes, (size_t)(next - at))) {
			false_starts++;
			continue;
		}
		dull = false;
		if (pe_image_at(search, at, vad->end - at + 1, &injected)) {
			*array_push(search->injections->items, search->injections->count,
				    search->injections->capacity) = injected;
			/* What lies within it belongs to it. */
			return (at + injected.size + step - 1) & ~(step - 1);
		}
		if (budget_exceeded(&search->budget))
			break;
	}
	(void)budget_spend(&search->budget, false_starts / 16);
	if (dull && false_starts >= DULL_LEAST)
		address_set_add(&search->dull, page);
	return next;
}

static void find_in_region(struct search *search, const struct region *region)
{
	const struct vad *vad = region->vad;
	uint64_t step = vad->end - vad->start < SMALL_REGION ? 16 : PAGE_SIZE;
	uint64_t address = vad->start, end = vad->end + 1;
	while ((address = space_present(search->space, address, end, &search->budget)) < end &&
	       budget_spend(&search->budget, PAGE_STEPS)) {
		size_t available;
		const uint8_t *present = space_at(search->space, address, &available);
		uint64_t next = (address & ~(PAGE_SIZE - 1)) + PAGE_SIZE;
		if (present)
			next = look_at_page(search, vad, step, address, present);
		if (next <= address)
			return;
		address = next;
	}
}

void injected_pages(const struct injected *injected, uint64_t *start, uint64_t *end)
{
	const uint64_t base = injected->base;
	*start = (base + PAGE_SIZE - 1) & PAGE_MASK;
	*end = max_of((base + injected->size) & PAGE_MASK, *start);
	/* A small one would have none, and share its address with what is behind it. */
	if (*start == base && *end == base)
		*end += PAGE_SIZE;
}

/* Takes the images, in order, from both ends of a range of pages. */
static void trim(const struct injected *images, size_t count, uint64_t *start, uint64_t *end)
{
	uint64_t from, to;
	for (size_t i = 0; i < count; i++) {
		injected_pages(&images[i], &from, &to);
		if (from <= *start && to > *start)
			*start = to;
	}
	for (size_t i = count; i-- > 0;) {
		injected_pages(&images[i], &from, &to);
		if (from < *end && to >= *end)
			*end = from;
	}
}

/* Adds what the images from number `first` on leave of a region. */
static void add_headerless(const struct region *region, size_t first, struct injections *injections)
{
	const struct vad *vad = region->vad;
	const size_t count = injections->count - first;
	uint64_t start = vad->start, end = vad->end + 1;
	uint64_t used = region->first_committed, used_end = region->last_committed + PAGE_SIZE;
	if (count) {
		trim(&injections->items[first], count, &start, &end);
		trim(&injections->items[first], count, &used, &used_end);
		if (start >= end || used >= used_end)
			return;
	}
	*array_push(injections->items, injections->count, injections->capacity) = (struct injected){
		.vad = vad,
		.base = start,
		.size = end - start,
		.no_header = true,
		.used = used,
		.used_size = used_end - used,
		.inner = first,
		.inner_count = count,
	};
}

void view_injections(struct view *view, const struct regions *regions,
		     struct injections *injections)
{
	struct budget all = budget_part(view->budget);
	struct search search = {.space = view->space, .injections = injections};
	*injections = (struct injections){0};
	for (size_t i = 0; i < regions->count; i++) {
		size_t before = injections->count;
		search.budget = budget_part(&all);
		/* A region that could not be searched is not reported as one without a header. */
		if (budget_spend(&search.budget, 1))
			find_in_region(&search, &regions->items[i]);
		if (!budget_close_part(&all, &search.budget)) {
			damage_once(injections->damage,
				    "region at 0x%llx not searched whole: it costs too much "
				    "work",
				    (unsigned long long)regions->items[i].vad->start);
			continue;
		}
		add_headerless(&regions->items[i], before, injections);
	}
	address_set_free(&search.dull);
	(void)budget_close_part(view->budget, &all);
	view->cut |= injections->damage[0] != 0;
}

const struct injected *injections_of(const struct injections *injections, const struct vad *vad)
{
	size_t at = search_first(i, 0, injections->count, injections->items[i].vad >= vad);
	return at < injections->count && injections->items[at].vad == vad ? &injections->items[at]
									  : NULL;
}

void injections_free(struct injections *injections)
{
	free(injections->items);
	*injections = (struct injections){0};
}
