/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Translation with PAE: three levels, physical addresses beyond 4 GB, no-execute (Intel SDM volume
 * 3, 4.4). CR3 points to four entries of 8 bytes anywhere in a page, at a multiple of 32.
 */
#include "memory/wide.h"

#include <impscan/bytes.h>

#define POINTERS_PAGE  UINT64_C(0xfffff000)
#define POINTERS_PLACE UINT64_C(0xfe0)

static const uint8_t *top(const struct space *space)
{
	const uint8_t *page = image_page(space->memory->image, space->dtb & POINTERS_PAGE);
	return page ? page + (space->dtb & POINTERS_PLACE) : NULL;
}

static void walk(struct space *space, uint64_t address, struct page *page)
{
	uint64_t tag = (address >> 21) + 1;
	struct space_table *known = &space->tables[(address >> 21) % SPACE_TABLES];
	if (known->tag == tag) {
		wide_page_table(known, address, page);
		return;
	}
	const struct image *image = space->memory->image;
	page->span = UINT64_C(1) << 30;
	page->state = PAGE_NO_TABLE;
	const uint8_t *pointers = top(space);
	if (!pointers)
		return;
	/* These entries carry no rights, and what they point to is never paged out. */
	uint64_t entry = le64(pointers + 8 * (address >> 30 & 3));
	if (!(entry & PTE_VALID))
		return;
	struct space_table table = {.tag = tag, .writable = true, .executable = true};
	table.entries = image_page(image, entry & PTE_FRAME_8);
	if (table.entries)
		wide_walk(space, &table, known, address, 21, 21, page);
}

static bool canonical(uint64_t address)
{
	return address <= UINT32_MAX;
}

const struct paging_operations paging_pae = {
	.name = "x86 PAE",
	.entry_size = 8,
	.frame = {12, 36},
	.frame_mask = PTE_FRAME_8,
	.address_mask = UINT32_MAX,
	.top_shift = 30,
	.top_entries = 4,
	.large_shift = 21,
	.top = top,
	.large_frame = wide_large_frame,
	.walk = walk,
	.rights = WIDE_RIGHTS,
	.canonical = canonical,
};
