/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Searching the memory of a process with a runtime of .NET for assemblies. Executable or not makes
 * no difference, since the code that is run is compiled from them. Image sections are left out:
 * what is mapped there is a module already.
 *
 * The same assembly may lie in several places: Assembly.Load() copies an array of the managed heap
 * into a section, and the array stays until it is collected. Copies have the same MVID, which each
 * build gets anew, the same type references and the same size, where these can be read; and all
 * bytes agree that both have, but for what a protector has wiped in one of them. Otherwise one that
 * was changed would be hidden by the other.
 */
#include "scan/managed.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/dotnet.h>
#include <impscan/hash.h>
#include <impscan/module_reader.h>
#include <impscan/vad.h>

#define ASSEMBLY_NAME "ASSEMBLY"

/* Steps of a page, of an assembly that was found, and of comparing a page of two. */
enum { PAGE_STEPS = 1, FOUND_STEPS = 20, COMPARE_STEPS = 3 };

/* Dotnet_read() clears a bit for each page of this many bytes in one step. */
#define CLEARED_A_STEP (UINT64_C(32) << 20)

/* Bytes that a protector writes over others at most, beside zeros. */
#define WRITTEN_MAX 64

/* A place where an assembly lies. */
struct copy {
	uint64_t base;
	uint64_t size;	    /* in bytes, up to the end of the VAD */
	uint64_t file_size; /* the file's, by its headers */
	const struct vad *vad;
	bool whole; /* its type references were read */
	bool wiped; /* headers of its metadata are gone */
	bool taken; /* it becomes a module */
	char mvid[37];
	char typerefhash[SHA256_SIZE];
};

struct managed_search {
	struct view *view;
	const struct modules *modules;
	struct budget budget;
	struct dotnet dotnet;
	struct copy *copies;
	size_t count;
	size_t capacity;
};

/*
 * Is it a module already? Where nothing tells what can be run, code that nobody loaded and
 * assemblies look alike: in a process with a runtime such a file is an assembly.
 */
static bool is_known(const struct managed_search *search, const struct vad *vad, uint64_t base)
{
	const struct module *module = modules_at(search->modules, base);
	return module && !(vad->assumed && module->injected && module->file_layout);
}

/* Reads what tells the assembly from others. */
static void add_copy(struct managed_search *search, const struct pe_reader *range,
		     const struct vad *vad, const struct dotnet_place *place)
{
	struct dotnet *dotnet = &search->dotnet;
	struct copy copy = {
		.base = range->base + place->position,
		.file_size = place->size,
		.vad = vad,
	};
	copy.size = min_of(place->size, vad->end - copy.base + 1);
	struct dotnet_part part;
	if (is_known(search, vad, copy.base) ||
	    !budget_spend(&search->budget, FOUND_STEPS + copy.size / CLEARED_A_STEP))
		return;
	dotnet_part_init(&part, range, place->position, copy.size);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &part.reader);
	dotnet_read(dotnet, &pe);
	/* Without a header that leads to it, what has no metadata is no assembly. */
	if (place->wiped && dotnet->status != DOTNET_OK && dotnet->status != DOTNET_PARTIAL)
		return;
	copy.wiped = dotnet->wiped;
	copy.whole = dotnet->status == DOTNET_OK && *dotnet->mvid;
	if (copy.whole) {
		memcpy(copy.mvid, dotnet->mvid, sizeof(copy.mvid));
		hash_sha256(copy.typerefhash, &dotnet->linguistic);
	}
	*array_push(search->copies, search->count, search->capacity) = copy;
}

/* Finds what begins in the page at `address`; it may go on to the end of the VAD. */
static void search_page(struct managed_search *search, const struct vad *vad, uint64_t address)
{
	struct module_reader reader;
	module_reader_init(&reader, search->view->space, address,
			   min_of(vad->end - address + 1, (uint64_t)UINT32_MAX));
	uint64_t position = 0;
	size_t absent = 0;
	struct dotnet_place place;
	while (dotnet_next(&reader.reader, &position, PAGE_SIZE, &search->budget, &place, &absent))
		add_copy(search, &reader.reader, vad, &place);
	module_reader_free(&reader);
}

/*
 * Searches pages up to `end`. Almost none has anything that an assembly may begin with, so that
 * this is about as fast as the memory can be read.
 */
static void search_run(struct managed_search *search, const struct vad *vad, uint64_t address,
		       uint64_t end)
{
	for (size_t available; address < end; address += available) {
		const uint8_t *bytes = space_at(search->view->space, address, &available);
		if (!bytes)
			available = PAGE_SIZE;
		if (!budget_spend(&search->budget, PAGE_STEPS))
			return;
		if (bytes && dotnet_may_begin(bytes, available))
			search_page(search, vad, address);
	}
}

static void search_vad(struct managed_search *search, const struct vad *vad)
{
	uint64_t address = vad->start, end = vad->end + 1, run_end;
	while ((address = space_present_run(search->view->space, address, end, &search->budget,
					    &run_end)) < end) {
		search_run(search, vad, address, run_end);
		address = run_end;
		if (!address || budget_exceeded(&search->budget))
			return;
	}
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/*
 * Whole ones first, those of the same assembly side by side: first those that are as in the file,
 * and of them what the runtime reads, in sections.
 */
static int compare_copies(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;
	if (x->whole != y->whole)
		return x->whole ? -1 : 1;
	int order = strcmp(x->mvid, y->mvid);
	if (!order)
		order = strcmp(x->typerefhash, y->typerefhash);
	if (!order)
		order = compare_numbers(x->file_size, y->file_size);
	if (!order)
		order = x->wiped - y->wiped;
	if (!order)
		order = (x->vad->kind == VAD_PRIVATE) - (y->vad->kind == VAD_PRIVATE);
	return order ? order : compare_numbers(x->base, y->base);
}

static int compare_bases(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;
	return compare_numbers(x->base, y->base);
}

/* May they be of the same assembly? */
static bool alike(const struct copy *a, const struct copy *b)
{
	return a->whole && b->whole && a->file_size == b->file_size && !strcmp(a->mvid, b->mvid) &&
	       !strcmp(a->typerefhash, b->typerefhash);
}

/* How many pages of a copy are absent, as far as the budget goes. */
static uint64_t count_absent(struct managed_search *search, const struct copy *copy)
{
	uint64_t present = 0, address = copy->base, end = copy->base + copy->size;
	uint64_t all = (end - 1) / PAGE_SIZE - copy->base / PAGE_SIZE + 1;
	struct space *space = search->view->space;
	while ((address = space_present(space, address, end, &search->budget)) < end &&
	       budget_spend(&search->budget, 1)) {
		present++;
		address = (address & ~(PAGE_SIZE - 1)) + PAGE_SIZE;
	}
	return all - present;
}

/*
 * Do bytes differ no more than those of a copy that was wiped do? One of two has zeros, but for the
 * names of the function and the DLL that it imports, which are overwritten.
 */
static bool differ_by_wiping(const uint8_t *p, const uint8_t *q, size_t size, size_t *written)
{
	for (size_t i = 0; i < size; i++)
		*written += p[i] != q[i] && p[i] && q[i];
	return *written <= WRITTEN_MAX;
}

/* Do two copies of the same size agree wherever both are present? */
static bool bytes_agree(struct managed_search *search, const struct copy *a, const struct copy *b)
{
	struct space *space = search->view->space;
	bool any = false, wiped = a->wiped || b->wiped;
	uint64_t end = min_of(a->size, b->size);
	size_t written = 0;
	for (uint64_t at = 0, next; at < end; at = next) {
		size_t left, right;
		const uint8_t *p = space_at(space, a->base + at, &left);
		const uint8_t *q = space_at(space, b->base + at, &right);
		if (!budget_spend(&search->budget, COMPARE_STEPS))
			return false;
		left = p ? left : (size_t)(PAGE_SIZE - (a->base + at) % PAGE_SIZE);
		right = q ? right : (size_t)(PAGE_SIZE - (b->base + at) % PAGE_SIZE);
		next = at + min_of(min_of((uint64_t)left, (uint64_t)right), end - at);
		if (p && q && memcmp(p, q, (size_t)(next - at)) != 0 &&
		    !(wiped && differ_by_wiping(p, q, (size_t)(next - at), &written)))
			return false;
		any |= p && q;
	}
	return any;
}

/* Of copies `from` to `end`, the first one of those that have most pages. */
static size_t fullest(struct managed_search *search, size_t from, size_t end)
{
	size_t best = from;
	uint64_t least = UINT64_MAX;
	for (size_t i = from; i < end && end - from > 1 && least; i++) {
		uint64_t absent = count_absent(search, &search->copies[i]);
		best = absent < least ? i : best;
		least = min_of(least, absent);
	}
	return best;
}

static void swap(struct copy *a, struct copy *b)
{
	struct copy copy = *a;
	*a = *b;
	*b = copy;
}

/*
 * Takes, of copies `from` to `end` that may be the same, the fullest one, and those that differ
 * from each that was taken. They come to stand at the front.
 */
static void take_different(struct managed_search *search, size_t from, size_t end)
{
	struct copy *copies = search->copies;
	swap(&copies[from], &copies[fullest(search, from, end)]);
	copies[from].taken = true;
	for (size_t i = from + 1, taken = from + 1; i < end; i++) {
		bool known = false;
		for (size_t k = from; k < taken && !known; k++)
			known = bytes_agree(search, &copies[k], &copies[i]);
		if (budget_exceeded(&search->budget))
			return;
		if (known)
			continue;
		copies[i].taken = true;
		swap(&copies[taken++], &copies[i]);
	}
}

static void take_whole(struct managed_search *search)
{
	const struct copy *copies = search->copies;
	for (size_t i = 0, end; i < search->count && copies[i].whole; i = end) {
		for (end = i + 1; end < search->count && alike(&copies[i], &copies[end]);)
			end++;
		take_different(search, i, end);
	}
}

/* Takes those that can't be read whole, unless another one is the same. */
static void take_others(struct managed_search *search)
{
	struct copy *copies = search->copies;
	for (size_t i = 0; i < search->count; i++) {
		bool known = copies[i].whole;
		for (size_t k = 0; k < i && !known; k++)
			known = copies[k].taken && copies[k].file_size == copies[i].file_size &&
				bytes_agree(search, &copies[k], &copies[i]);
		copies[i].taken |= !known;
		if (!budget_spend(&search->budget, 1 + i / 64))
			return;
	}
}

static void add_modules(struct managed_search *search, struct modules *modules)
{
	for (size_t i = 0; i < search->count; i++) {
		const struct copy *copy = &search->copies[i];
		struct module *module = modules_at(modules, copy->base);
		if (module && !copy->taken)
			module->copy = true;
		if (!copy->taken)
			continue;
		if (!module)
			module = modules_add(modules, copy->base);
		const char *path = strings_copy(&modules->names.strings, copy->vad->file);
		module->size = copy->size;
		module->name = ASSEMBLY_NAME;
		module->path = path ? path : "";
		module->found_in = FOUND_MANAGED;
		module->injected = false;
		module->file_layout = true;
	}
}

/* Notes that a part of the work was cut off. */
static void close_part(struct managed_search *search, struct budget *whole, struct modules *modules)
{
	if (budget_close_part(whole, &search->budget))
		return;
	modules_note_cut(modules, "search of assemblies");
	search->view->cut = true;
}

/* Searches all memory. No VAD takes what the others need. */
static void search_vads(struct managed_search *search, struct modules *modules)
{
	const struct vads *vads = &search->view->vads;
	struct budget all = budget_part(search->view->budget);
	for (size_t i = 0; i < vads->count && !budget_exceeded(&all); i++) {
		if (vads->items[i].kind == VAD_IMAGE)
			continue;
		search->budget = budget_part(&all);
		search_vad(search, &vads->items[i]);
		close_part(search, &all, modules);
	}
	(void)budget_close_part(search->view->budget, &all);
}

/* Chooses among copies. */
static void choose(struct managed_search *search, struct modules *modules)
{
	search->budget = budget_part(search->view->budget);
	if (search->count)
		qsort(search->copies, search->count, sizeof(*search->copies), compare_copies);
	take_whole(search);
	take_others(search);
	if (search->count)
		qsort(search->copies, search->count, sizeof(*search->copies), compare_bases);
	close_part(search, search->view->budget, modules);
}

void managed_find(struct unit_maps *maps, struct modules *modules)
{
	if (!unit_runs_dotnet(maps))
		return;
	struct managed_search search = {.view = maps->view, .modules = modules};
	search.dotnet.budget = &search.budget;
	search_vads(&search, modules);
	choose(&search, modules);
	add_modules(&search, modules);
	dotnet_free(&search.dotnet);
	free(search.copies);
}
