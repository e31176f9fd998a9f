/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Places of an import directory in memory that can't be read, or can't hold what the file held.
 *
 * Each makes the list partial, so that no hash is given. The first one becomes the reason in words;
 * the others are only counted.
 */
#include <stdio.h>
#include <string.h>

#include <impscan/bytes.h>

#include "imports/reading.h"

void trouble_absent(struct import_reading *r, const char *what, uint64_t rva)
{
	if (r->trouble++)
		return;
	const struct pe_reader *reader = r->pe->reader;
	uint64_t position = rva;
	if (!r->memory)
		position = pe_cursor_position(&r->cursor, rva);
	/* What crosses a page's end begins in one and is missed in the next. */
	size_t available;
	if (reader->at(reader, position, &available)) {
		uint64_t next = (position / PAGE_SIZE + 1) * PAGE_SIZE;
		rva += next - position;
		position = next;
	}
	const char *why = reader->why ? reader->why(reader, position) : NULL;
	snprintf(r->imports->reason, sizeof(r->imports->reason), "%s at 0x%llx not present%s%s",
		 what, (unsigned long long)rva, why ? ": " : "", why ? why : "");
}

void trouble_damage(struct import_reading *r, const char *what, uint64_t rva, const char *why)
{
	if (!r->beyond && !r->trouble++)
		snprintf(r->imports->reason, sizeof(r->imports->reason), "%s at 0x%llx: %s", what,
			 (unsigned long long)rva, why);
}

bool page_is_zero(struct import_reading *r, uint64_t rva)
{
	uint64_t page = rva / PAGE_SIZE + 1;
	if (page == r->other_page)
		return false;
	if (page == r->zero_page)
		return true;
	uint64_t start = rva - rva % PAGE_SIZE;
	uint64_t end = min_of(start + PAGE_SIZE, r->pe->reader->size);
	bool zero = pe_reader_is_zero(r->pe->reader, start, end);
	*(zero ? &r->zero_page : &r->other_page) = page;
	return zero;
}
