/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: a map from texts to texts or numbers, for lists whose parts refer to each
 * other by name.
 */
#ifndef IMPSCAN_MATCH_SLICE_MAP_H
#define IMPSCAN_MATCH_SLICE_MAP_H

#include <stdint.h>

#include <impscan/hash_table.h>

#include "known.h"

struct slice_entry {
	struct slice key; /* key.at is NULL in a free slot */
	struct slice value;
	size_t number;
};

/* All zero is an empty map. It points to its texts, which stay their owners'. */
struct slice_map {
	struct hash_table table; /* of struct slice_entry */
};

/*
 * Returns the entry of `key`, whose `at` is not NULL, to be read and filled until the next call; a
 * new one has neither a value nor a number.
 */
struct slice_entry *slice_map_place(struct slice_map *map, struct slice key);

/* Returns the entry of `key`; NULL: there is none. */
const struct slice_entry *slice_map_find(const struct slice_map *map, struct slice key);

/* Frees the memory of a map, which is empty then. */
void slice_map_free(struct slice_map *map);

#endif
