/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cursors: many small reads of one PE, as pefile does them.
 *
 * Room: pe.
 */
#ifndef IMPSCAN_PE_CURSOR_H
#define IMPSCAN_PE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/pe.h>

#define PE_CURSOR_PAGES	 16  /* pages of memory that a cursor caches */
#define PE_CURSOR_STRING 512 /* bytes of the longest read of a cursor */

/*
 * A cursor makes many small reads of one PE cheap: it caches the pages of memory that it used last,
 * and does not copy what lies in one piece. It is used by one thread.
 *
 * In file layout it looks first into the section that it used last, as pefile does. So where
 * sections overlap, what is read depends on the order of reads.
 */
struct pe_cursor {
	const struct pe *pe;
	size_t last; /* number of the extent that was used last; extent_count: none yet */
	/*
	 * For counting pages: a bitmap of the caller's with a bit for each page below position
	 * `seen_end`, set when the page was read. NULL: pages are not counted.
	 */
	uint8_t *seen;
	uint64_t seen_end;
	size_t pages;	    /* pages that were read */
	size_t pages_found; /* pages of these that are present */
	struct {
		uint64_t page; /* number + 1; 0: free */
		const uint8_t *bytes;
		size_t available;
	} cache[PE_CURSOR_PAGES];
	uint8_t copy[PE_CURSOR_STRING];
};

/* Initialises a cursor, which owns nothing. `pe` must stay open while it is used. */
void pe_cursor_init(struct pe_cursor *cursor, const struct pe *pe);

/*
 * Makes the cursor count pages. The bitmap `*seen` of `*size` bytes stays the caller's, who frees
 * it; it is enlarged where that is needed, emptied, and must outlive the cursor. Both are 0 at
 * first.
 */
void pe_cursor_count_pages(struct pe_cursor *cursor, uint8_t **seen, size_t *size);

/* Returns whether pefile's get_data() accepts an RVA, even if it returns no bytes for it. */
bool pe_cursor_exists(struct pe_cursor *cursor, uint64_t rva);

/* Counts the page of a position as one that was read. */
void pe_cursor_count(struct pe_cursor *cursor, uint64_t position);

/* Returns the position of an RVA; it makes sense only where pe_cursor_exists() holds. */
uint64_t pe_cursor_position(struct pe_cursor *cursor, uint64_t rva);

/*
 * Returns `size` bytes at an RVA, valid until the next call. `size` is at most PE_CURSOR_STRING.
 * NULL when the PE doesn't have all of them or a page is absent; `*how` says which.
 */
const uint8_t *pe_cursor_data(struct pe_cursor *cursor, uint64_t rva, size_t size,
			      enum pe_read *how);

/*
 * Returns the bytes at an RVA, and sets `*available` to how many there are: more than none, and in
 * memory at most up to the end of the page. They stay valid as long as the reader's. NULL when the
 * PE doesn't have them or the page is absent.
 */
const uint8_t *pe_cursor_bytes(struct pe_cursor *cursor, uint64_t rva, size_t *available);

/*
 * Returns the string at an RVA, up to its NUL, to `limit` bytes (at most PE_CURSOR_STRING) or to
 * the end of its section. It is not terminated; `*length` is its length in bytes.
 *
 * Where the PE has no such RVA, the string is empty and `*how` PE_READ_OUTSIDE. NULL only when a
 * page of the string is absent. When the result is the cursor's `copy`, it is valid until the next
 * call; otherwise as long as the reader's bytes.
 */
const char *pe_cursor_string(struct pe_cursor *cursor, uint64_t rva, size_t limit, size_t *length,
			     enum pe_read *how);

#endif
