/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <impscan/address_set.h>

#include <stdlib.h>

#include <impscan/address_map.h>
#include <impscan/alloc.h>

/* The slot that holds `address`, or the free one where it belongs. */
static uint64_t *find_slot(const struct address_set *set, uint64_t address)
{
	size_t i = (size_t)address_hash(address) & (set->capacity - 1);
	while (set->slots[i] && set->slots[i] != address + 1)
		i = (i + 1) & (set->capacity - 1);
	return &set->slots[i];
}

static void grow(struct address_set *set)
{
	struct address_set larger = {.count = set->count};
	larger.capacity = set->capacity ? set->capacity * 2 : 64;
	larger.slots = alloc_zero(larger.capacity, sizeof(*larger.slots));
	for (size_t i = 0; i < set->capacity; i++)
		if (set->slots[i])
			*find_slot(&larger, set->slots[i] - 1) = set->slots[i];
	free(set->slots);
	*set = larger;
}

bool address_set_add(struct address_set *set, uint64_t address)
{
	if (set->count * 2 >= set->capacity)
		grow(set);
	uint64_t *slot = find_slot(set, address);
	if (*slot)
		return false;
	*slot = address + 1;
	set->count++;
	return true;
}

bool address_set_has(const struct address_set *set, uint64_t address)
{
	return set->count && *find_slot(set, address);
}

void address_set_free(struct address_set *set)
{
	free(set->slots);
	*set = (struct address_set){0};
}
