/*
 * x64 four-level translation (Intel SDM volume 3, 4.5).
 */
#include "memory/paging.h"

#include <impscan/bytes.h>

#define ENTRY_VALID	 (UINT64_C(1) << 0)
#define ENTRY_WRITE	 (UINT64_C(1) << 1)
#define ENTRY_LARGE	 (UINT64_C(1) << 7)
#define ENTRY_NO_EXECUTE (UINT64_C(1) << 63)
#define ENTRY_FRAME	 UINT64_C(0x000ffffffffff000)

/* The last level: 512 entries of 4096 bytes each. */
static void walk_page_table(const struct space_table *table, uint64_t address, struct page *page)
{
	uint64_t entry = le64(table->entries + 8 * (address >> 12 & 511));
	page->entry = entry;
	page->span = PAGE_SIZE;
	page->state = PAGE_LOST;
	if (!(entry & ENTRY_VALID))
		return;
	page->state = PAGE_VALID;
	page->mapped = true;
	page->frame = entry & ENTRY_FRAME;
	page->writable = table->writable && (entry & ENTRY_WRITE);
	page->executable = table->executable && !(entry & ENTRY_NO_EXECUTE);
}

static void large_page(const struct space_table *above, uint64_t address, struct page *page)
{
	uint64_t offset = address & (page->span - 1) & ~(PAGE_SIZE - 1);
	page->state = PAGE_VALID;
	page->mapped = true;
	page->frame = (page->entry & ENTRY_FRAME & ~(page->span - 1)) + offset;
	page->writable = above->writable;
	page->executable = above->executable;
}

static void walk(struct space *space, uint64_t address, struct page *page)
{
	uint64_t tag = (address >> 21) + 1;
	struct space_table *known = &space->tables[(address >> 21) % SPACE_TABLES];
	if (known->tag == tag) {
		walk_page_table(known, address, page);
		return;
	}

	const struct image *image = space->memory->image;
	struct space_table table = {.tag = tag, .writable = true, .executable = true};
	table.entries = image_page(image, space->dtb & ENTRY_FRAME);
	page->span = UINT64_C(1) << 39;
	/* PML4E, PDPTE, PDE: shift is that of the lowest address bit which indexes the table. */
	for (unsigned int shift = 39; shift >= 21 && table.entries; shift -= 9) {
		uint64_t entry = le64(table.entries + 8 * (address >> shift & 511));
		page->entry = entry;
		page->span = UINT64_C(1) << shift;
		if (!(entry & ENTRY_VALID)) {
			table.entries = entry_table(space, entry);
			continue;
		}
		table.writable &= !!(entry & ENTRY_WRITE);
		table.executable &= !(entry & ENTRY_NO_EXECUTE);
		if (shift < 39 && (entry & ENTRY_LARGE)) {
			large_page(&table, address, page);
			return;
		}
		table.entries = image_page(image, entry & ENTRY_FRAME);
	}
	if (!table.entries) {
		page->state = PAGE_NO_TABLE;
		return;
	}
	*known = table;
	walk_page_table(known, address, page);
}

static bool canonical(uint64_t address)
{
	uint64_t top = address >> 47;
	return top == 0 || top == 0x1ffff;
}

const struct paging_operations paging_x64 = {
	.name = "x64",
	.entry_size = 8,
	.walk = walk,
	.canonical = canonical,
};
