/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A map from addresses to numbers: what a walk over links of an image has found where.
 *
 * Room: base.
 */
#ifndef IMPSCAN_ADDRESS_MAP_H
#define IMPSCAN_ADDRESS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_map_slot {
	uint64_t address; /* + 1; 0: free */
	uint64_t value;
};

/* All zero is an empty one. */
struct address_map {
	struct address_map_slot *slots;
	size_t count;
	size_t capacity; /* a power of two, or 0 */
};

/* Adds `address` (below UINT64_MAX) with a value; false, and nothing changes, when it has one. */
bool address_map_add(struct address_map *map, uint64_t address, uint64_t value);

/* Gives the value of an address; false when it has none. */
bool address_map_get(const struct address_map *map, uint64_t address, uint64_t *value);

void address_map_free(struct address_map *map);

/*
 * The hash that maps and sets of addresses use. It differs from run to run, so that nobody can make
 * up an image whose addresses all meet in one slot.
 */
uint64_t address_hash(uint64_t address);

#endif
