/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A map from addresses to numbers, for walks over the links of an image that must find again what
 * they saw at an address. It grows; nothing is removed.
 *
 * Room: base.
 */
#ifndef IMPSCAN_ADDRESS_MAP_H
#define IMPSCAN_ADDRESS_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include <impscan/hash_table.h>

/* All zero is an empty map. */
struct address_map {
	struct hash_table table;
};

/*
 * Adds `address` (any but UINT64_MAX) with a value. Returns false when the address has a value
 * already, which it keeps.
 */
bool address_map_add(struct address_map *map, uint64_t address, uint64_t value);

/*
 * Returns where the value of `address` (any but UINT64_MAX) is kept, to be read and changed until
 * the next call; it is 0 when the address was not in the map.
 */
uint64_t *address_map_value(struct address_map *map, uint64_t address);

/* Sets `*value` to an address's value. Returns false, and sets nothing, when it has none. */
bool address_map_get(const struct address_map *map, uint64_t address, uint64_t *value);

/* Frees the memory of a map, which is empty then. */
void address_map_free(struct address_map *map);
#define _cleanup_address_map_ __attribute__((cleanup(address_map_free)))

#endif
