/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * x64 four-level translation (Intel SDM volume 3, 4.5).
 */
#include "memory/wide.h"

#include <impscan/kernel_address.h>

static const uint8_t *top(const struct space *space)
{
	return image_page(space->memory->image, space->dtb & PTE_FRAME_8);
}

static void walk(struct space *space, uint64_t address, struct page *page)
{
	uint64_t tag = (address >> 21) + 1;
	struct space_table *known = &space->tables[(address >> 21) % SPACE_TABLES];
	if (known->tag == tag) {
		wide_page_table(known, address, page);
		return;
	}
	struct space_table table = {.tag = tag, .writable = true, .executable = true};
	table.entries = top(space);
	/* From the PML4, whose entries each cover 512 GB; pages of 1 GB and 2 MB. */
	wide_walk(space, &table, known, address, 39, 30, page);
}

static bool canonical(uint64_t address)
{
	return address < USER_END_X64 || address >= KERNEL_HALF_X64;
}

const struct paging_operations paging_x64 = {
	.name = "x64",
	.entry_size = 8,
	.frame = {12, 36},
	.frame_mask = PTE_FRAME_8,
	.address_mask = UINT64_MAX,
	.top_shift = 39,
	.top_entries = 512,
	.large_shift = 30,
	.top = top,
	.large_frame = wide_large_frame,
	.top_moves = true,
	.walk = walk,
	.rights = WIDE_RIGHTS,
	.canonical = canonical,
};
