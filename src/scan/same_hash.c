/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counting equal hashes: of each a number of 64 bits is kept, and all are sorted at the end. Hashes
 * of different kinds have different numbers.
 */
#include "scan/same_hash.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

#include "scan/unit.h"

/* FNV-1a, finished by the mixing step of splitmix64. 0: there is no hash. */
static uint64_t fingerprint(enum hash_type type, const char *hash)
{
	uint64_t h = 0xcbf29ce484222325u ^ ((uint64_t)type + 1);
	if (!*hash)
		return 0;
	for (; *hash; hash++)
		h = (h ^ (uint8_t)*hash) * 0x100000001b3u;
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
	return (h ^ h >> 27) | 1;
}

static void add(struct hash_counts *counts, enum hash_type type, const struct row *row)
{
	uint64_t of_declared = fingerprint(type, hash_of_type(&row->hashes, type)),
		 of_rebuilt = fingerprint(type, hash_of_type(&row->rebuilt, type));
	if (of_declared)
		*array_push(counts->items, counts->count, counts->capacity) = of_declared;
	if (of_rebuilt && of_rebuilt != of_declared)
		*array_push(counts->items, counts->count, counts->capacity) = of_rebuilt;
}

void hash_counts_add(struct hash_counts *counts, const struct row *row)
{
	for (unsigned int type = 0; type < HASH_TYPES; type++)
		add(counts, (enum hash_type)type, row);
	counts->sorted = false;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* How many are below `value`. */
static size_t below(const struct hash_counts *counts, uint64_t value)
{
	size_t low = 0, high = counts->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (counts->items[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint64_t matched(const struct row *row)
{
	enum row_matched by = row->match.by;
	enum hash_type type = row_matched_type(by);
	if (by == MATCHED_NOTHING || by == MATCHED_RESOLVED)
		return 0;
	return fingerprint(
		type, hash_of_type(row_matched_rebuilt(by) ? &row->rebuilt : &row->hashes, type));
}

size_t hash_counts_others(struct hash_counts *counts, const struct row *row)
{
	uint64_t value = matched(row);
	if (!counts->sorted && counts->count)
		qsort(counts->items, counts->count, sizeof(*counts->items), compare);
	counts->sorted = true;
	if (!value)
		return 0;
	size_t all = below(counts, value + 1) - below(counts, value);
	return all ? all - 1 : 0;
}

void hash_counts_clear(struct hash_counts *counts)
{
	counts->count = 0;
	counts->sorted = false;
}

void hash_counts_free(struct hash_counts *counts)
{
	free(counts->items);
	*counts = (struct hash_counts){0};
}

void kept_modules_add(struct kept_modules *kept, const struct row *row, struct hits *hits)
{
	struct kept_module *module = array_push(kept->items, kept->count, kept->capacity);
	module->row = row_copy(row);
	module->hits = hits_ref(hits);
	kept->memory += sizeof(*row) + 1024 + hits_memory(hits);
	kept->memory += row->command_line ? strlen(row->command_line) : 0;
	kept->memory += row->reason ? strlen(row->reason) : 0;
	kept->memory += row->rebuilt_others.count * OTHER_LIST_MEMORY;
}

void kept_modules_clear(struct kept_modules *kept)
{
	for (size_t i = 0; i < kept->count; i++) {
		row_free(kept->items[i].row);
		hits_unref(kept->items[i].hits);
	}
	free(kept->items);
	*kept = (struct kept_modules){0};
}
