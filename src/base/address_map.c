/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <impscan/address_map.h>

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include <impscan/alloc.h>

/* 16 random bytes that the system gives every process. */
static uint64_t secret(void)
{
	uint64_t value = UINT64_C(0x9e3779b97f4a7c15);
	const void *random = (const void *)getauxval(AT_RANDOM);
	if (random)
		memcpy(&value, random, sizeof(value));
	return value;
}

uint64_t address_hash(uint64_t address)
{
	static uint64_t key;
	uint64_t k = __atomic_load_n(&key, __ATOMIC_RELAXED);
	if (!k) {
		k = secret() | 1;
		__atomic_store_n(&key, k, __ATOMIC_RELAXED);
	}
	uint64_t h = (address ^ k >> 7) * k;
	h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

/* The slot that holds `address`, or the free one where it belongs. */
static struct address_map_slot *find_slot(const struct address_map *map, uint64_t address)
{
	size_t i = (size_t)address_hash(address) & (map->capacity - 1);
	while (map->slots[i].address && map->slots[i].address != address + 1)
		i = (i + 1) & (map->capacity - 1);
	return &map->slots[i];
}

static void grow(struct address_map *map)
{
	struct address_map larger = {.count = map->count};
	larger.capacity = map->capacity ? map->capacity * 2 : 64;
	larger.slots = alloc_zero(larger.capacity, sizeof(*larger.slots));
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].address)
			*find_slot(&larger, map->slots[i].address - 1) = map->slots[i];
	free(map->slots);
	*map = larger;
}

bool address_map_add(struct address_map *map, uint64_t address, uint64_t value)
{
	if (map->count * 2 >= map->capacity)
		grow(map);
	struct address_map_slot *slot = find_slot(map, address);
	if (slot->address)
		return false;
	*slot = (struct address_map_slot){address + 1, value};
	map->count++;
	return true;
}

bool address_map_get(const struct address_map *map, uint64_t address, uint64_t *value)
{
	const struct address_map_slot *slot = map->count ? find_slot(map, address) : NULL;
	if (!slot || !slot->address)
		return false;
	*value = slot->value;
	return true;
}

void address_map_free(struct address_map *map)
{
	free(map->slots);
	*map = (struct address_map){0};
}
