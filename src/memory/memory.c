/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all spaces of an image share: making it and setting it up. Page files: page_file.c.
 */
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/entry.h>
#include <impscan/memory.h>

#include <stdlib.h>

#include "memory/paging.h"

static const struct paging_operations *const operations[] = {
	[PAGING_X86] = &paging_x86,
	[PAGING_PAE] = &paging_pae,
	[PAGING_X64] = &paging_x64,
	[PAGING_RANGES] = &paging_ranges,
};

const char *paging_name(enum paging paging)
{
	return operations[paging]->name;
}

/* All bits up to the highest one of `address`. */
static uint64_t bits_below(uint64_t address)
{
	uint64_t bits = PAGE_SIZE - 1;
	while (bits < address)
		bits = bits << 1 | 1;
	return bits;
}

struct memory *memory_new(const struct image *image, enum paging paging)
{
	struct memory *memory = alloc_new(struct memory);
	memory->image = image;
	memory->paging = paging;
	memory->operations = operations[paging];
	size_t count;
	const struct image_range *ranges = image_ranges(image, &count);
	uint64_t top = count ? ranges[count - 1].start + ranges[count - 1].size - 1 : 0;
	memory->last = top;
	memory->format = (struct entry_format){
		.layout.frame = memory->operations->frame,
		.image_frames = bits_below(top) & ~(PAGE_SIZE - 1),
		.valid_frame = memory->operations->frame_mask,
		.address_bits = memory->operations->address_mask,
	};
	memory->store_number = -1;
	memory->store_pages = SPACE_STORE_PAGES;
	return memory;
}

static void free_store(struct memory *memory)
{
	if (memory->store)
		memory->store->free_state(memory->store_state);
}

void memory_free(struct memory *memory)
{
	if (!memory)
		return;
	page_files_close(memory);
	free_store(memory);
	free(memory->ranges);
	free(memory);
}

enum paging memory_paging(const struct memory *memory)
{
	return memory->paging;
}

void memory_set_entries(struct memory *memory, const struct entry_layout *layout)
{
	memory->format.layout = *layout;
	memory->generation++;
}

void memory_reset_entries(struct memory *memory)
{
	memory_set_entries(memory, &(struct entry_layout){.frame = memory->operations->frame});
}

void memory_set_invalid_mask(struct memory *memory, uint64_t mask)
{
	memory->format.mask = mask;
	memory->format.mask_known = true;
	memory->generation++;
}

void memory_set_store(struct memory *memory, int number, const struct page_store_ops *ops,
		      void *state, const char *why)
{
	free_store(memory);
	memory->store = ops;
	memory->store_state = state;
	memory->store_number = number;
	memory->store_why = why;
	memory->generation++;
}

const void *memory_store_state(const struct memory *memory, const struct page_store_ops *ops)
{
	return memory->store == ops ? memory->store_state : NULL;
}

void memory_set_store_pages(struct memory *memory, size_t pages)
{
	memory->store_pages = pages;
}
