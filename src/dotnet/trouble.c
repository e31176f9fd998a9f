/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading bytes of metadata, and noting why they can't be read: a page is absent, or holds only
 * zeros in memory where the file has something, or makes no sense; or it takes too long.
 */
#include <stdio.h>

#include <impscan/bytes.h>
#include <impscan/damage.h>

#include "dotnet/metadata.h"

enum { STEPS_A_PAGE = 4 };

bool net_spend(struct metadata *m, uint64_t steps)
{
	steps += (m->cursor.pages - m->pages_counted) * STEPS_A_PAGE;
	m->pages_counted = m->cursor.pages;
	if (budget_spend(m->dotnet->budget, steps))
		return true;
	damage_once(m->dotnet->reason, "reading the metadata takes too long: stopped");
	return false;
}

void net_absent(struct metadata *m, const char *what, uint64_t rva)
{
	const struct pe_reader *reader = m->pe->reader;
	uint64_t position = pe_cursor_position(&m->cursor, rva);
	/* What crosses a page's end begins in one and is missed in the next. */
	size_t available;
	while (position < reader->size && reader->at(reader, position, &available)) {
		rva += available;
		position += available;
	}
	const char *why = reader->why ? reader->why(reader, position) : NULL;
	damage_once(m->dotnet->reason, "%s at 0x%llx not present%s%s", what,
		    (unsigned long long)rva, why ? ": " : "", why ? why : "");
}

void net_damage(struct metadata *m, const char *what, uint64_t rva, const char *why)
{
	damage_once(m->dotnet->reason, "%s at 0x%llx: %s", what, (unsigned long long)rva, why);
}

enum step net_bytes(struct metadata *m, const char *what, uint64_t rva, size_t size,
		    const uint8_t **bytes)
{
	enum pe_read how;
	*bytes = pe_cursor_data(&m->cursor, rva, size, &how);
	if (how == PE_READ_ABSENT) {
		net_absent(m, what, rva);
		return STEP_STOP;
	}
	return *bytes ? STEP_OK : STEP_NOT;
}

bool net_zero_page(struct metadata *m, uint64_t rva)
{
	if (!m->in_memory)
		return false;
	const struct pe_reader *reader = m->pe->reader;
	uint64_t position = pe_cursor_position(&m->cursor, rva);
	uint64_t page = (reader->base + position) / PAGE_SIZE + 1;
	if (page == m->other_page || page == m->zero_page)
		return page == m->zero_page;
	/* What lies in the file behind a page's start need not be at a page's start in the reader. */
	uint64_t in_page = (reader->base + position) % PAGE_SIZE;
	uint64_t at = position - min_of(in_page, position);
	uint64_t end = min_of(position - in_page + PAGE_SIZE, reader->size);
	bool zero = pe_reader_is_zero(reader, at, end);
	*(zero ? &m->zero_page : &m->other_page) = page;
	return zero;
}
