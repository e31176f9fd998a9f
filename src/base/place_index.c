/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An index of sorted items, for fast lookups.
 */
#include <impscan/place_index.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* Buckets of an index; so it takes 32 MB at most. */
#define BUCKETS_MAX (UINT64_C(1) << 23)

void place_index_build(struct place_index *index, const void *items, size_t count, uint64_t last,
		       uint64_t (*start)(const void *items, size_t i))
{
	/* Up to one bucket a page or eight an item: so most buckets need no search at all. */
	uint64_t most = max_of(UINT64_C(64), min_of(8 * (uint64_t)count, BUCKETS_MAX));
	index->shift = 12;
	while (last >> index->shift >= most)
		index->shift++;
	index->buckets = (last >> index->shift) + 1;
	index->last = alloc_zero((size_t)index->buckets + 1, sizeof(*index->last));
	uint32_t item = 0;
	for (uint64_t bucket = 0; bucket <= index->buckets; bucket++) {
		while (item + 1 < count && start(items, item + 1) <= bucket << index->shift)
			item++;
		index->last[bucket] = item;
	}
}
