/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * x86 two-level translation without PAE: 1,024 entries of 4 bytes a table, pages of 4 MB, their
 * physical addresses of 40 bits with PSE-36 (Intel SDM volume 3, 4.3). All pages are executable.
 */
#include "memory/paging.h"

#include <impscan/bytes.h>

#define LARGE_FRAME UINT32_C(0xffc00000) /* bits 22-31 */
#define LARGE_HIGH  UINT32_C(0x001fe000) /* bits 32-39, kept in 13-20 */

static void walk_page_table(const struct space_table *table, uint64_t address, struct page *page)
{
	uint32_t entry = le32(table->entries + 4 * (address >> 12 & 1023));
	page->entry = entry;
	page->span = PAGE_SIZE;
	page->state = PAGE_LOST;
	if (!(entry & PTE_VALID))
		return;
	page->state = PAGE_VALID;
	page->mapped = true;
	page->frame = entry & PTE_FRAME_4;
	page->writable = table->writable && (entry & PTE_WRITE);
	page->executable = true;
}

static uint64_t large_frame(uint64_t entry, unsigned int shift)
{
	(void)shift;
	return (entry & LARGE_FRAME) | (entry & LARGE_HIGH) << (32 - 13);
}

static void large_page(uint32_t entry, uint64_t address, struct page *page)
{
	page->state = PAGE_VALID;
	page->mapped = true;
	page->frame = large_frame(entry, 22) | (address & ~LARGE_FRAME & PTE_FRAME_4);
	page->writable = entry & PTE_WRITE;
	page->executable = true;
}

static void walk(struct space *space, uint64_t address, struct page *page)
{
	uint64_t tag = (address >> 22) + 1;
	struct space_table *known = &space->tables[(address >> 22) % SPACE_TABLES];
	if (known->tag == tag) {
		walk_page_table(known, address, page);
		return;
	}
	const struct image *image = space->memory->image;
	page->span = UINT64_C(1) << 22;
	page->state = PAGE_NO_TABLE;
	const uint8_t *directory = image_page(image, space->dtb & PTE_FRAME_4);
	if (!directory)
		return;
	uint32_t entry = le32(directory + 4 * (address >> 22));
	page->entry = entry;
	if ((entry & PTE_VALID) && (entry & PTE_LARGE)) {
		large_page(entry, address, page);
		return;
	}
	struct space_table table = {.tag = tag, .executable = true};
	if (entry & PTE_VALID) {
		table.writable = entry & PTE_WRITE;
		table.entries = image_page(image, entry & PTE_FRAME_4);
	} else {
		table.writable = true;
		table.entries = space_table_behind(space, entry);
	}
	if (!table.entries)
		return;
	*known = table;
	walk_page_table(known, address, page);
}

static bool canonical(uint64_t address)
{
	return address <= UINT32_MAX;
}

static const uint8_t *top(const struct space *space)
{
	return image_page(space->memory->image, space->dtb & PTE_FRAME_4);
}

const struct paging_operations paging_x86 = {
	.name = "x86",
	.entry_size = 4,
	.frame = {12, 20},
	.frame_mask = PTE_FRAME_4,
	.address_mask = UINT32_MAX,
	.top_shift = 22,
	.top_entries = 1024,
	.large_shift = 22,
	.top = top,
	.large_frame = large_frame,
	.top_moves = true,
	.walk = walk,
	.rights = PTE_VALID | PTE_WRITE,
	.canonical = canonical,
};
