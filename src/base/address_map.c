/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Maps from addresses to numbers: a hash table of pairs.
 */
#include <impscan/address_map.h>

#include <stdlib.h>

struct address_value {
	uint64_t address; /* + 1; 0: free */
	uint64_t value;
};

static bool is_used(const void *slot, const void *key)
{
	(void)key;
	return ((const struct address_value *)slot)->address;
}

static bool matches(const void *slot, const void *key)
{
	return ((const struct address_value *)slot)->address == *(const uint64_t *)key + 1;
}

static uint64_t slot_hash(const void *slot)
{
	return hash_number(((const struct address_value *)slot)->address - 1);
}

static const struct hash_kind kind = {sizeof(struct address_value), is_used, matches, slot_hash};

static struct address_value *place(struct address_map *map, uint64_t address)
{
	return hash_table_place(&map->table, &kind, hash_number(address), &address);
}

static void fill(struct address_map *map, struct address_value *entry, uint64_t address,
		 uint64_t value)
{
	*entry = (struct address_value){address + 1, value};
	map->table.count++;
}

bool address_map_add(struct address_map *map, uint64_t address, uint64_t value)
{
	struct address_value *entry = place(map, address);
	if (entry->address)
		return false;
	fill(map, entry, address, value);
	return true;
}

uint64_t *address_map_value(struct address_map *map, uint64_t address)
{
	struct address_value *entry = place(map, address);
	if (!entry->address)
		fill(map, entry, address, 0);
	return &entry->value;
}

bool address_map_get(const struct address_map *map, uint64_t address, uint64_t *value)
{
	const struct address_value *entry =
		hash_table_find(&map->table, &kind, hash_number(address), &address);
	if (entry)
		*value = entry->value;
	return entry;
}

void address_map_free(struct address_map *map)
{
	free(map->table.slots);
	*map = (struct address_map){0};
}
