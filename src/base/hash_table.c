/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Growing of hash tables, and the secret of their hashes. The rest is inline in hash_table.h.
 */
#include <impscan/hash_table.h>

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include <impscan/alloc.h>

/* Slots of the smallest table. */
#define CAPACITY_LEAST 64

uint64_t hash_secret = UINT64_C(0x9e3779b97f4a7c15);

/* Takes the secret from the 16 random bytes that the kernel gives every process (getauxval(3)). */
__attribute__((constructor)) static void take_secret(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	if (random)
		memcpy(&hash_secret, random, sizeof(hash_secret));
	hash_secret |= 1; /* it is multiplied by */
}

/* Returns the free slot for a hash, in a table that doesn't have its key. */
static void *free_slot(const struct hash_table *table, const struct hash_kind *kind, uint64_t hash,
		       const void *key)
{
	for (size_t i = (size_t)hash;; i++) {
		char *slot = (char *)table->slots + (i & (table->capacity - 1)) * kind->size;
		if (!kind->is_used(slot, key))
			return slot;
	}
}

size_t hash_table_capacity(size_t count)
{
	size_t capacity = CAPACITY_LEAST;
	while (capacity / 2 < count)
		capacity *= 2;
	return capacity;
}

void hash_table_reserve(struct hash_table *table, const struct hash_kind *kind, const void *key,
			size_t count)
{
	struct hash_table larger = {.count = table->count, .capacity = hash_table_capacity(count)};
	if (larger.capacity <= table->capacity)
		return;
	larger.slots = alloc_zero(larger.capacity, kind->size);
	for (size_t i = 0; table->count && i < table->capacity; i++) {
		const char *slot = (const char *)table->slots + i * kind->size;
		if (kind->is_used(slot, key))
			memcpy(free_slot(&larger, kind, kind->hash(slot), key), slot, kind->size);
	}
	free(table->slots);
	*table = larger;
}
