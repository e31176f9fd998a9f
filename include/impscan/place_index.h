/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An index of items that are sorted by where they start, to find the one that a place lies in: of
 * the ranges of an image by physical address, of parts of a file by offset.
 *
 * Room: base.
 */
#ifndef IMPSCAN_PLACE_INDEX_H
#define IMPSCAN_PLACE_INDEX_H

#include <stddef.h>
#include <stdint.h>

/*
 * Places are divided into buckets of 1 << shift bytes. For each bucket the index has the last item
 * that starts no later than the bucket does. So the item that a place of bucket b lies in is one of
 * those from last[b] to last[b + 1].
 */
struct place_index {
	uint32_t *last; /* numbers of items, one for each bucket and one for the end of the last */
	uint64_t buckets;
	unsigned int shift;
};

/*
 * Builds an index of `count` sorted items, at least 1. `last` is the last place that can be looked
 * up; start() returns where item number `i` starts. The caller frees `index->last`.
 */
void place_index_build(struct place_index *index, const void *items, size_t count, uint64_t last,
		       uint64_t (*start)(const void *items, size_t i));

#endif
