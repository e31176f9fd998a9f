/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes as memory of which pages are absent, for fuzzers of what reads PEs. */
#ifndef ABSENT_PAGES_H
#define ABSENT_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <impscan/pe.h>

struct memory {
	struct pe_reader reader;
	const uint8_t *data;
	uint8_t absent; /* a bit for each of 8 pages, repeating */
};

static const uint8_t *memory_at(const struct pe_reader *reader, uint64_t position,
				size_t *available)
{
	const struct memory *m = reader->context;
	if (position >= reader->size)
		abort();
	if (m->absent >> position / 4096 % 8 & 1)
		return NULL;
	uint64_t page_end = (position / 4096 + 1) * 4096;
	*available = (size_t)((page_end < reader->size ? page_end : reader->size) - position);
	return m->data + position;
}

/* Initialises memory of `size` bytes, which stay the caller's; what else a reader has is his to set. */
static void memory_init(struct memory *m, const uint8_t *data, size_t size, uint8_t absent)
{
	*m = (struct memory){.data = data, .absent = absent};
	m->reader = (struct pe_reader){
		.layout = PE_LAYOUT_MEMORY,
		.size = size,
		.at = memory_at,
		.context = m,
	};
}

#endif
