/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many small reads of one PE, as pefile does them.
 *
 * Room: pe.
 */
#ifndef IMPSCAN_PE_CURSOR_H
#define IMPSCAN_PE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/pe.h>

#define PE_CURSOR_PAGES	 16  /* pages of memory that a cursor remembers */
#define PE_CURSOR_STRING 512 /* the longest read of a cursor */

/*
 * Many small reads of one PE, cheaply: the pages of memory last used are remembered, and what lies
 * in one piece is not copied. Of a file it reads as pefile does, which looks first into the section
 * that it used last: where sections overlap, the order of reads matters. For one thread.
 */
struct pe_cursor {
	const struct pe *pe;
	size_t last; /* extents[last] was used last; extent_count: none yet */
	/*
	 * A bit for each page of positions below `seen_end`, set for those that were asked for and
	 * counted in `pages` (those present in `pages_found` as well); NULL: don't count. The
	 * caller's.
	 */
	uint8_t *seen;
	uint64_t seen_end;
	size_t pages;
	size_t pages_found;
	struct {
		uint64_t page; /* number + 1; 0: free */
		const uint8_t *bytes;
		size_t available;
	} cache[PE_CURSOR_PAGES];
	uint8_t copy[PE_CURSOR_STRING];
};

void pe_cursor_init(struct pe_cursor *cursor, const struct pe *pe);

/* Does pefile's get_data() give anything for this RVA, be it nothing but an empty string? */
bool pe_cursor_exists(struct pe_cursor *cursor, uint64_t rva);

/* Counts the page of a position as one that was asked for. */
void pe_cursor_count(struct pe_cursor *cursor, uint64_t position);

/* The position of an RVA that pe_cursor_data() could read. */
uint64_t pe_cursor_position(struct pe_cursor *cursor, uint64_t rva);

/*
 * `size` (at most PE_CURSOR_STRING) bytes at `rva`, or NULL and why in `*how`. Valid until the next
 * call.
 */
const uint8_t *pe_cursor_data(struct pe_cursor *cursor, uint64_t rva, size_t size,
			      enum pe_read *how);

/*
 * The string at `rva` up to its NUL, to `limit` bytes (at most PE_CURSOR_STRING) or to the end of
 * its section's bytes; not terminated, its length in `*length`. Where nothing can be, an empty one
 * with PE_READ_OUTSIDE. NULL only when a page of it is absent. Valid until the next call when it is
 * the cursor's `copy`, otherwise as long as the reader's bytes.
 */
const char *pe_cursor_string(struct pe_cursor *cursor, uint64_t rva, size_t limit, size_t *length,
			     enum pe_read *how);

#endif
