/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The addresses of one process, as a dump of it has them: no page tables, but ranges of the image
 * that lie at virtual addresses, and perhaps what the pages of each range may be used for.
 */
#include "memory/paging.h"

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/kernel_address.h>
#include <impscan/search.h>

#include <stdlib.h>

void memory_set_ranges(struct memory *memory, const struct memory_range *ranges, size_t count)
{
	free(memory->ranges);
	memory->ranges = alloc_zero(count, sizeof(*ranges));
	if (count)
		memcpy(memory->ranges, ranges, count * sizeof(*ranges));
	memory->range_count = count;
	memory->ranges_known = true;
	memory->generation++;
}

/* The number of the first range that ends above `address`. Mostly it is that of the page before. */
static size_t find_range(struct space *space, uint64_t address)
{
	const struct memory *memory = space->memory;
	size_t near = space->range;
	if (near < memory->range_count && memory->ranges[near].start <= address &&
	    address < memory->ranges[near].end)
		return near;
	near = search_first(i, 0, memory->range_count, memory->ranges[i].end > address);
	space->range = near;
	return near;
}

/* Fills in what is known of the page, and returns up to which address it is the same. */
static uint64_t fill_rights(struct space *space, uint64_t address, struct page *page, bool *used)
{
	const struct memory *memory = space->memory;
	/* Where nothing is known, all that there is may be code. */
	page->executable = !memory->ranges_known;
	*used = false;
	if (!memory->ranges_known)
		return USER_END_X64;
	size_t number = find_range(space, address);
	if (number == memory->range_count)
		return USER_END_X64;
	const struct memory_range *range = &memory->ranges[number];
	if (range->start > address)
		return range->start;
	page->writable = range->writable;
	page->executable = range->executable;
	*used = true;
	return range->end;
}

/* The first address from that of a page that is absent on, at which the image has a whole page. */
static uint64_t next_held(const struct image *image, uint64_t address)
{
	size_t count;
	const struct image_range *ranges = image_ranges(image, &count);
	size_t next = search_first(i, 0, count, ranges[i].start + ranges[i].size > address);
	return next == count ? USER_END_X64 : max_of(ranges[next].start & PAGE_MASK, address);
}

/* Looks up the page at `address`, and returns up to which address pages are like it. */
static uint64_t look_up(struct space *space, uint64_t address, struct page *page)
{
	const struct image *image = space->memory->image;
	size_t available;
	bool used;
	page->span = PAGE_SIZE;
	uint64_t end = fill_rights(space, address, page, &used);
	const uint8_t *bytes = image_at(image, address, &available);
	if (bytes && available >= PAGE_SIZE) {
		page->state = PAGE_VALID;
		page->mapped = true;
		page->frame = address;
		return min_of(end, address + (available & PAGE_MASK));
	}
	page->state = used ? PAGE_LEFT_OUT : PAGE_NO_TABLE;
	return max_of(min_of(end, next_held(image, address)), address + PAGE_SIZE);
}

static void walk(struct space *space, uint64_t address, struct page *page)
{
	(void)look_up(space, address & PAGE_MASK, page);
}

static uint64_t run(struct space *space, uint64_t address, uint64_t last, struct page *page)
{
	*page = (struct page){.state = PAGE_NO_TABLE, .span = PAGE_SIZE};
	if (address >= USER_END_X64)
		return PAGE_SIZE;
	uint64_t end = look_up(space, address, page);
	return min_of(end - address, last - address + 1);
}

static bool canonical(uint64_t address)
{
	return address < USER_END_X64;
}

static const uint8_t *top(const struct space *space)
{
	(void)space;
	return NULL;
}

const struct paging_operations paging_ranges = {
	.name = "none",
	.entry_size = 8,
	.address_mask = UINT64_MAX,
	.top_shift = 39,
	.top_entries = 1,
	.top = top,
	.walk = walk,
	.run = run,
	.canonical = canonical,
};
