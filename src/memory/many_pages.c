/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions about many pages at once, answered from whole page tables: a machine has some ten
 * million pages, and a walk for each of them would take too long.
 */
#include "memory/paging.h"

#include <impscan/bytes.h>
#include <impscan/kernel_address.h>

/* Bytes from `address` to the end of the range that a page's `span` is about. */
static uint64_t rest_of_span(const struct page *page, uint64_t address)
{
	return page->span - (address & (page->span - 1));
}

/*
 * How many bytes are lost like `address`, when it has no page table and the prototype PTE that the
 * VAD has for it is not present: those whose prototype PTEs lie in the same missing pages of the
 * kernel. Views of terabytes whose prototype PTEs were never made are usual (the bitmap of control
 * flow guard).
 */
static uint64_t lost_run(struct space *space, uint64_t address)
{
	struct page missing = {.span = PAGE_SIZE}, kernel;
	uint64_t prototype = space->find_prototype(space->find_context, address);
	unsigned int size = space->memory->operations->entry_size;
	space->memory->operations->walk(space, address, &missing);
	space_look_up(space->kernel, prototype, &kernel);
	uint64_t pages = max_of(rest_of_span(&kernel, prototype) / size, UINT64_C(1));
	uint64_t rest = rest_of_span(&missing, address) / PAGE_SIZE;
	return min_of(pages, rest) * PAGE_SIZE;
}

/* How many consecutive entries have the same rights as the first. */
static inline size_t count_alike(const uint8_t *entries, size_t most, unsigned int size,
				 uint64_t rights)
{
	uint64_t first = le_pointer(entries, size) & rights;
	size_t n = 1;
	while (n < most && (le_pointer(entries + n * size, size) & rights) == first)
		n++;
	return n;
}

uint64_t space_run(struct space *space, uint64_t address, uint64_t last, struct page *page)
{
	address &= ~(PAGE_SIZE - 1);
	last |= PAGE_SIZE - 1;
	if (space->memory->operations->run)
		return space->memory->operations->run(space, address, last, page);
	space_look_up(space, address, page);
	const struct space_table *table = space_known_table(space, address);
	uint64_t most = (last - address) / PAGE_SIZE + 1;
	/* A large page, or what a missing table leaves out. */
	if (page->span > PAGE_SIZE)
		return min_of(rest_of_span(page, address), most * PAGE_SIZE);
	if (page->state == PAGE_LOST && !table && space->find_prototype)
		return min_of(lost_run(space, address), most * PAGE_SIZE);
	if (!page->mapped || !table)
		return PAGE_SIZE;
	const struct paging_operations *operations = space->memory->operations;
	const unsigned int size = operations->entry_size;
	uint64_t entries = PAGE_SIZE / size, at = address / PAGE_SIZE % entries;
	const uint8_t *from = table->entries + at * size;
	size_t here = (size_t)min_of(most, entries - at);
	return PAGE_SIZE * (size == 8 ? count_alike(from, here, 8, operations->rights)
				      : count_alike(from, here, 4, operations->rights));
}

/* May the page be in memory, or in a file that holds it? */
static bool may_be_present(const struct page *page)
{
	return page->state == PAGE_VALID || page->state == PAGE_TRANSITION ||
	       page->state == PAGE_PAGEFILE;
}

uint64_t space_present_run(struct space *space, uint64_t address, uint64_t end,
			   struct budget *budget, uint64_t *run_end)
{
	*run_end = end;
	while (address < end && budget_spend(budget, 1)) {
		struct page page;
		uint64_t size = space_run(space, address, end - 1, &page);
		/* `size` counts from the start of the page */
		uint64_t next = address + min_of(size - address % PAGE_SIZE, end - address);
		if (may_be_present(&page)) {
			*run_end = next;
			return address;
		}
		address = next;
	}
	return end;
}

uint64_t space_present(struct space *space, uint64_t address, uint64_t end, struct budget *budget)
{
	uint64_t run_end;
	return space_present_run(space, address, end, budget, &run_end);
}

/*
 * Is the page of a process's entry its own: is it valid with another frame than the section's
 * prototype PTE has, or private?
 */
static inline bool is_own(uint64_t entry, uint64_t prototype, uint64_t frame_mask)
{
	bool valid = entry & PTE_VALID;
	/* without branches, which would depend on the data */
	bool other = !(prototype & PTE_VALID) | (((entry ^ prototype) & frame_mask) != 0);
	return (valid & other) | entry_is_kept(entry);
}

/* Consecutive entries of a page table, and the prototype PTEs that the VAD has for their pages. */
struct entry_row {
	const struct memory *memory;
	const uint8_t *entries;
	const uint8_t *prototypes; /* NULL: not present */
	uint64_t prototype;	   /* the address of the first */
};

/*
 * The bits of those of entries `from` to `end` that lead to another prototype PTE than the VAD's.
 */
static uint64_t other_prototypes(const struct entry_row *row, size_t from, size_t end,
				 unsigned int size)
{
	uint64_t bits = 0;
	for (size_t n = from; n < end; n++) {
		uint64_t entry = le_pointer(row->entries + n * size, size);
		if (entry_is_prototype(entry) &&
		    !entry_leads_to(&row->memory->format, entry, row->prototype + n * size))
			bits |= UINT64_C(1) << (n - from);
	}
	return bits;
}

/* Compares `count` entries, `first` being the number of their first page. */
static inline void compare(const struct entry_row *row, size_t count, unsigned int size,
			   size_t first, uint64_t *own)
{
	const uint64_t frame_mask = row->memory->operations->frame_mask;
	const uint8_t *entries = row->entries, *prototypes = row->prototypes;
	for (size_t i = 0; i < count;) {
		size_t shift = (first + i) % 64;
		size_t end = min_of(count, i + 64 - shift);
		uint64_t bits = 0;
		bool any = false;
		for (size_t n = i; n < end; n++) {
			uint64_t entry = le_pointer(entries + n * size, size);
			uint64_t prototype =
				prototypes ? le_pointer(prototypes + n * size, size) : 0;
			bits |= (uint64_t)is_own(entry, prototype, frame_mask) << (n - i);
			any |= entry_is_prototype(entry);
		}
		if (any)
			bits |= other_prototypes(row, i, end, size);
		own[(first + i) / 64] |= bits << shift;
		i = end;
	}
}

/* Compares up to `count` pages that are in one table, with prototype PTEs that are in one page. */
static size_t compare_table(struct space *space, const struct space_table *table, uint64_t address,
			    uint64_t prototype, size_t count, size_t first, uint64_t *own)
{
	const unsigned int size = space->memory->operations->entry_size;
	const size_t entries = PAGE_SIZE / size;
	size_t at = address / PAGE_SIZE % entries;
	size_t available = PAGE_SIZE - prototype % PAGE_SIZE;
	/*
	 * Copied: the kernel's space may be this one, and then remember another table in its place.
	 */
	struct entry_row row = {
		.memory = space->memory,
		.entries = table->entries + at * size,
		.prototype = prototype,
	};
	row.prototypes = space->kernel ? space_at(space->kernel, prototype, &available) : NULL;
	count = min_of(count, entries - at);
	/* A prototype PTE across two pages is none. */
	count = min_of(count, max_of(available / size, (size_t)1));
	if (available < size)
		row.prototypes = NULL;
	if (size == 8)
		compare(&row, count, 8, first, own);
	else
		compare(&row, count, 4, first, own);
	return count;
}

void space_own_pages(struct space *space, uint64_t address, uint64_t prototype, size_t count,
		     uint64_t *own)
{
	const unsigned int size = space->memory->operations->entry_size;
	space_refresh(space);
	for (size_t i = 0; i < count;) {
		uint64_t at = address + i * PAGE_SIZE;
		struct page page = {.span = PAGE_SIZE, .state = PAGE_NO_TABLE};
		if (!space_canonical(space, at))
			return;
		const struct space_table *table = space_known_table(space, at);
		if (!table) {
			space->memory->operations->walk(space, at, &page);
			table = space_known_table(space, at);
		}
		if (table) {
			i += compare_table(space, table, at, prototype + i * size, count - i, i,
					   own);
			continue;
		}
		uint64_t pages = rest_of_span(&page, at) / PAGE_SIZE;
		size_t end = i + (size_t)min_of(pages, (uint64_t)(count - i));
		/* A large page is none of an image's; the caller is to look. */
		for (; i < end; i++)
			own[i / 64] |= (uint64_t)page.mapped << i % 64;
	}
}

/* Without branches and with constant steps, so that compilers vectorise it. */
static inline bool any_from(const uint8_t *bytes, size_t size, unsigned int step, uint32_t least)
{
	unsigned int any = 0;
	for (size_t i = step - 4; i + 4 <= size; i += step)
		any |= le32(bytes + i) >= least;
	return any;
}

bool any_kernel_pointer(const uint8_t *bytes, size_t size, unsigned int pointer_size)
{
	return pointer_size == 8 ? any_from(bytes, size, 8, KERNEL_HALF_X64 >> 32)
				 : any_from(bytes, size, 4, KERNEL_HALF_X86);
}
