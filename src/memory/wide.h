/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the memory room: what x64 and PAE have in common, tables of 512 entries of 8 bytes.
 */
#ifndef MEMORY_WIDE_H
#define MEMORY_WIDE_H

#include "memory/paging.h"

#define WIDE_RIGHTS (PTE_VALID | PTE_WRITE | PTE_NO_EXECUTE)

/*
 * Walks from one table down to the page, large or not, and fills in `*page`.
 *
 * table: the entries of that table (NULL: not present) and the rights above it; changed on the way
 * known: set to the last-level table when there is one, under table->tag
 * shift: how far `address` is shifted to index the first table
 * largest: the shift of the highest level with large pages
 */
void wide_walk(struct space *space, struct space_table *table, struct space_table *known,
	       uint64_t address, unsigned int shift, unsigned int largest, struct page *page);

/* The physical address in the entry of a large page, of a level with that shift. */
uint64_t wide_large_frame(uint64_t entry, unsigned int shift);

/* Fills in a page by its entry in the last-level table, valid or not. */
void wide_page_table(const struct space_table *table, uint64_t address, struct page *page);

#endif
