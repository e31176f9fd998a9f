/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the memory room: what x64 and PAE have in common, tables of 512 entries of 8 bytes.
 */
#ifndef MEMORY_WIDE_H
#define MEMORY_WIDE_H

#include "memory/paging.h"

#define WIDE_VALID	(UINT64_C(1) << 0)
#define WIDE_WRITE	(UINT64_C(1) << 1)
#define WIDE_LARGE	(UINT64_C(1) << 7)
#define WIDE_NO_EXECUTE (UINT64_C(1) << 63)
#define WIDE_FRAME	UINT64_C(0x000ffffffffff000)
#define WIDE_RIGHTS	(WIDE_VALID | WIDE_WRITE | WIDE_NO_EXECUTE)

/*
 * Goes down from the table that `address >> shift` indexes to the page, large or not; `table` has
 * that table's entries (NULL: not present) and rights. A page table on the way is remembered as
 * `known`, under table->tag. `largest` is the shift of the highest level that may map a page itself.
 */
void wide_walk(struct space *space, struct space_table *table, struct space_table *known,
	       uint64_t address, unsigned int shift, unsigned int largest, struct page *page);

/* The physical address that the entry of a large page has, of a level with that shift. */
uint64_t wide_large_frame(uint64_t entry, unsigned int shift);

/* The last level. */
void wide_page_table(const struct space_table *table, uint64_t address, struct page *page);

#endif
