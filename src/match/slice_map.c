/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Maps from texts to texts or numbers: a hash table.
 */
#include "slice_map.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, with the secret that keeps lists from being made for one slot. */
static uint64_t hash_slice(struct slice s)
{
	uint64_t hash = hash_secret;
	for (size_t i = 0; i < s.length; i++)
		hash = (hash ^ (unsigned char)s.at[i]) * UINT64_C(0x100000001b3);
	return hash_number(hash);
}

static bool is_used(const void *slot, const void *key)
{
	(void)key;
	return ((const struct slice_entry *)slot)->key.at;
}

static bool matches(const void *slot, const void *key)
{
	const struct slice *own = &((const struct slice_entry *)slot)->key, *other = key;
	return own->length == other->length && !memcmp(own->at, other->at, own->length);
}

static uint64_t slot_hash(const void *slot)
{
	return hash_slice(((const struct slice_entry *)slot)->key);
}

static const struct hash_kind kind = {sizeof(struct slice_entry), is_used, matches, slot_hash};

struct slice_entry *slice_map_place(struct slice_map *map, struct slice key)
{
	struct slice_entry *entry = hash_table_place(&map->table, &kind, hash_slice(key), &key);
	if (!entry->key.at) {
		*entry = (struct slice_entry){.key = key};
		map->table.count++;
	}
	return entry;
}

const struct slice_entry *slice_map_find(const struct slice_map *map, struct slice key)
{
	return hash_table_find(&map->table, &kind, hash_slice(key), &key);
}

void slice_map_free(struct slice_map *map)
{
	free(map->table.slots);
	*map = (struct slice_map){0};
}
