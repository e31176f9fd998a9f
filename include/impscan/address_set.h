/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A set of addresses: where a walk over links of an image has been, so that it ends.
 *
 * Room: base.
 */
#ifndef IMPSCAN_ADDRESS_SET_H
#define IMPSCAN_ADDRESS_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty one. */
struct address_set {
	uint64_t *slots; /* address + 1; 0: free */
	size_t count;
	size_t capacity; /* a power of two, or 0 */
};

/* Adds `address` (below UINT64_MAX); false when it was there already. */
bool address_set_add(struct address_set *set, uint64_t address);

bool address_set_has(const struct address_set *set, uint64_t address);

void address_set_free(struct address_set *set);
#define _cleanup_address_set_ __attribute__((cleanup(address_set_free)))

#endif
