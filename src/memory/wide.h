/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the memory room: what x64 and PAE have in common, tables of 512 entries of 8 bytes.
 */
#ifndef MEMORY_WIDE_H
#define MEMORY_WIDE_H

#include "memory/paging.h"

#define WIDE_RIGHTS (PTE_VALID | PTE_WRITE | PTE_NO_EXECUTE)

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
