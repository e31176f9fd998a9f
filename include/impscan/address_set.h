/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A set of addresses. Walks over the links of an image note in one where they have been, so that a
 * circle of links ends them. It grows; nothing is removed.
 *
 * Room: base.
 */
#ifndef IMPSCAN_ADDRESS_SET_H
#define IMPSCAN_ADDRESS_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/hash_table.h>

/* All zero is an empty set. */
struct address_set {
	struct hash_table table;
};

/* Adds `address` (any but UINT64_MAX). Returns false when it was in the set already. */
bool address_set_add(struct address_set *set, uint64_t address);

/* Returns whether an address is in the set. */
bool address_set_has(const struct address_set *set, uint64_t address);

/* Returns how many addresses are in the set. */
static inline size_t address_set_count(const struct address_set *set)
{
	return set->table.count;
}

/* Frees the memory of a set, which is empty then. */
void address_set_free(struct address_set *set);
#define _cleanup_address_set_ __attribute__((cleanup(address_set_free)))

#endif
