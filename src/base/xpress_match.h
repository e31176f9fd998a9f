/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Within the room `base`: what both forms of Xpress do with a match. */
#ifndef IMPSCAN_BASE_XPRESS_MATCH_H
#define IMPSCAN_BASE_XPRESS_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <impscan/bytes.h>

#define XPRESS_MATCH_MINIMUM 3

/*
 * Copies a match: `count` bytes to out + at, from `distance` bytes before. The caller has checked
 * that 1 <= distance <= at, and that at + count <= size.
 */
static inline void xpress_copy_match(uint8_t *out, size_t size, size_t at, size_t distance,
				     size_t count)
{
	const size_t step = 8;
	uint8_t *to = out + at;
	const uint8_t *from = to - distance;
	if (distance >= step && size - at >= count + step) {
		/* What is written behind the match is overwritten by what comes next. */
		for (size_t i = 0; i < count; i += step)
			memcpy(to + i, from + i, step);
		return;
	}
	if (distance == 1) {
		memset(to, *from, count);
		return;
	}
	/* Byte by byte: a match may overlap what it writes. */
	size_t i = 0;
	const bool wide = distance < step && size - at >= count + step;
	for (; i < (wide ? min_of(count, step) : count); i++)
		to[i] = from[i];
	/* From then on it repeats what it wrote, at a multiple of the distance as well. */
	static const uint8_t multiples[] = {0, 8, 8, 9, 8, 10, 12, 14};
	for (size_t back = wide ? multiples[distance] : step; i < count; i += step)
		memcpy(to + i, to + i - back, step);
}

#endif
