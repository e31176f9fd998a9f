/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold of the ranges of any image that opens, for fuzzers of formats. */
#ifndef CHECK_RANGES_H
#define CHECK_RANGES_H

#include <stdlib.h>

#include "../../src/image/internal.h"

/* Touches the first and last byte of what is there at an address; is there anything? */
static bool probe(const struct image *image, uint64_t address)
{
	static volatile uint8_t sink;
	size_t size;
	uint8_t buffer[64];
	const uint8_t *p = image_at(image, address, &size);
	if (p) {
		if (!size)
			abort();
		sink = p[0];
		sink = p[size - 1];
	}
	if (!!p != image_read(image, address, buffer, 1))
		abort();
	image_read(image, address, buffer, sizeof(buffer));
	const uint8_t *page = image_page(image, address & ~(uint64_t)(PAGE_SIZE - 1));
	if (page)
		sink = page[PAGE_SIZE - 1];
	(void)sink;
	return p;
}

/*
 * Checks that ranges are in order and don't overlap, and reads at and around the first `most` of
 * them. `whole`: the bytes of a range are there, since nothing has to be unpacked.
 */
static inline void check_ranges(const struct image *image, size_t most, bool whole)
{
	size_t count;
	uint64_t end = 0;
	const struct image_range *ranges = image_ranges(image, &count);
	for (size_t i = 0; i < count; i++) {
		if (ranges[i].start < end || !ranges[i].size)
			abort();
		end = ranges[i].start + ranges[i].size;
		if (i >= most)
			continue;
		bool first = probe(image, ranges[i].start), last = probe(image, end - 1);
		if (whole && (!first || !last))
			abort();
		probe(image, ranges[i].start - 1);
		probe(image, ranges[i].start + ranges[i].size / 2);
		probe(image, end);
	}
	probe(image, 0);
	probe(image, UINT64_MAX);
}

#endif
