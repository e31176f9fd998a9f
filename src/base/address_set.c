/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sets of addresses: a hash table whose slots are an address + 1, or 0 when free.
 */
#include <impscan/address_set.h>

#include <stdlib.h>

static bool is_used(const void *slot, const void *key)
{
	(void)key;
	return *(const uint64_t *)slot;
}

static bool matches(const void *slot, const void *key)
{
	return *(const uint64_t *)slot == *(const uint64_t *)key + 1;
}

static uint64_t slot_hash(const void *slot)
{
	return hash_number(*(const uint64_t *)slot - 1);
}

static const struct hash_kind kind = {sizeof(uint64_t), is_used, matches, slot_hash};

bool address_set_add(struct address_set *set, uint64_t address)
{
	uint64_t *slot = hash_table_place(&set->table, &kind, hash_number(address), &address);
	if (*slot)
		return false;
	*slot = address + 1;
	set->table.count++;
	return true;
}

bool address_set_has(const struct address_set *set, uint64_t address)
{
	return hash_table_find(&set->table, &kind, hash_number(address), &address);
}

void address_set_free(struct address_set *set)
{
	free(set->table.slots);
	*set = (struct address_set){0};
}
