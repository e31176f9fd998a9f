/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables of 512 entries of 8 bytes, as x64 and PAE have them (Intel SDM volume 3, 4.4 and 4.5).
 */
#include "memory/wide.h"

#include <impscan/bytes.h>

void wide_page_table(const struct space_table *table, uint64_t address, struct page *page)
{
	uint64_t entry = le64(table->entries + 8 * (address >> 12 & 511));
	page->entry = entry;
	page->span = PAGE_SIZE;
	page->state = PAGE_LOST;
	if (!(entry & PTE_VALID))
		return;
	page->state = PAGE_VALID;
	page->mapped = true;
	page->frame = entry & PTE_FRAME_8;
	page->writable = table->writable && (entry & PTE_WRITE);
	page->executable = table->executable && !(entry & PTE_NO_EXECUTE);
}

uint64_t wide_large_frame(uint64_t entry, unsigned int shift)
{
	return entry & PTE_FRAME_8 & ~((UINT64_C(1) << shift) - 1);
}

static void large_page(const struct space_table *above, uint64_t address, struct page *page)
{
	uint64_t offset = address & (page->span - 1) & ~(PAGE_SIZE - 1);
	page->state = PAGE_VALID;
	page->mapped = true;
	page->frame = (page->entry & PTE_FRAME_8 & ~(page->span - 1)) + offset;
	page->writable = above->writable;
	page->executable = above->executable;
}

void wide_walk(struct space *space, struct space_table *table, struct space_table *known,
	       uint64_t address, unsigned int shift, unsigned int largest, struct page *page)
{
	page->span = UINT64_C(1) << shift;
	for (; shift >= 21 && table->entries; shift -= 9) {
		uint64_t entry = le64(table->entries + 8 * (address >> shift & 511));
		page->entry = entry;
		page->span = UINT64_C(1) << shift;
		if (!(entry & PTE_VALID)) {
			table->entries = space_table_behind(space, entry);
			continue;
		}
		table->writable &= !!(entry & PTE_WRITE);
		table->executable &= !(entry & PTE_NO_EXECUTE);
		if (shift <= largest && (entry & PTE_LARGE)) {
			large_page(table, address, page);
			return;
		}
		table->entries = image_page(space->memory->image, entry & PTE_FRAME_8);
	}
	if (!table->entries) {
		page->state = PAGE_NO_TABLE;
		return;
	}
	*known = *table;
	wide_page_table(known, address, page);
}
