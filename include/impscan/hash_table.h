/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hash table with open addressing and linear probing. Slots are of any type and lie in one array.
 * Nothing is ever removed from a table.
 *
 * What a table holds is described by a constant struct hash_kind. The functions are inlined, so
 * that the compiler sees the kind's functions, and a table is as fast as one written by hand:
 *
 *	static const struct hash_kind kind = {sizeof(struct place), is_used, matches, slot_hash};
 *
 *	struct place *place = hash_table_place(&table, &kind, hash_number(rva), &rva);
 *	if (!place->used) {
 *		*place = (struct place){...};
 *		table.count++;
 *	}
 *
 * Room: base.
 */
#ifndef IMPSCAN_HASH_TABLE_H
#define IMPSCAN_HASH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* All zero is an empty table. Free `slots` with free(). */
struct hash_table {
	void *slots;	 /* `capacity` slots; a free one is all zero when it is new */
	size_t count;	 /* used slots; always less than the capacity, unless both are 0 */
	size_t capacity; /* a power of two, or 0 */
};

/*
 * What the slots of a table are. `key` is what is looked for, as it was given to hash_table_find()
 * or hash_table_place(): a structure of the caller's, with whatever else the functions need.
 */
struct hash_kind {
	size_t size; /* of a slot, in bytes */
	/* Returns whether a slot is in use. */
	bool (*is_used)(const void *slot, const void *key);
	/* Returns whether a slot in use holds the key. */
	bool (*matches)(const void *slot, const void *key);
	/* Returns the hash of a slot in use, the same as that of its key. */
	uint64_t (*hash)(const void *slot);
};

/* A random number, never 0, that stays the same while the program runs. */
extern uint64_t hash_secret;

/*
 * Returns the hash of a number. It differs from run to run, so that nobody can make up an image
 * whose values all fall into one slot. All its bits are of equal use.
 */
static inline uint64_t hash_number(uint64_t number)
{
	uint64_t h = (number ^ hash_secret >> 7) * hash_secret;
	h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio (Knuth) */
	return h ^ h >> 32;
}

/* One step of hash_string(), with eight bytes. */
static inline uint64_t hash_word(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * hash_secret;
	return hash ^ hash >> 32;
}

/* The same for a string, eight bytes at a time; the last ones may be taken twice. */
static inline uint64_t hash_string(const char *string)
{
	const size_t length = strlen(string);
	uint64_t hash = length, word = 0;
	uint32_t half[2];
	size_t at = 0;
	for (; at + sizeof(word) <= length; at += sizeof(word)) {
		memcpy(&word, string + at, sizeof(word));
		hash = hash_word(hash, word);
	}
	if (length >= sizeof(word)) {
		memcpy(&word, string + length - sizeof(word), sizeof(word));
	} else if (length >= sizeof(*half)) {
		memcpy(&half[0], string, sizeof(*half));
		memcpy(&half[1], string + length - sizeof(*half), sizeof(*half));
		word = half[0] | (uint64_t)half[1] << 32;
	} else if (length) {
		word = (unsigned char)string[0] | (uint64_t)(unsigned char)string[length / 2] << 8 |
		       (uint64_t)(unsigned char)string[length - 1] << 16;
	}
	return hash_number(hash_word(hash, word));
}

/* Returns the capacity of a table that has room for `count` used slots. */
size_t hash_table_capacity(size_t count);

/*
 * Makes room for `count` used slots in all, so that no more than half of the slots are used.
 * `key` is handed to the kind's is_used().
 */
void hash_table_reserve(struct hash_table *table, const struct hash_kind *kind, const void *key,
			size_t count);

/* Returns the slot of a key, or the free one where it belongs. The table must have a free slot. */
__attribute__((always_inline)) static inline void *hash_table_probe(const struct hash_table *table,
								    const struct hash_kind *kind,
								    uint64_t hash, const void *key)
{
	for (size_t i = (size_t)hash;; i++) {
		char *slot = (char *)table->slots + (i & (table->capacity - 1)) * kind->size;
		if (!kind->is_used(slot, key) || kind->matches(slot, key))
			return slot;
	}
}

/* Returns the slot of a key, or NULL when the table doesn't have it. `hash` is the key's. */
__attribute__((always_inline)) static inline void *hash_table_find(const struct hash_table *table,
								   const struct hash_kind *kind,
								   uint64_t hash, const void *key)
{
	if (!table->count)
		return NULL;
	void *slot = hash_table_probe(table, kind, hash, key);
	return kind->is_used(slot, key) ? slot : NULL;
}

/*
 * Returns the slot of a key, or the free one where it belongs, after making room for one more.
 * `hash` is the key's. Whoever fills a free slot adds 1 to table->count. Slots move when the table
 * grows: what is returned is valid until the next call.
 */
__attribute__((always_inline)) static inline void *hash_table_place(struct hash_table *table,
								    const struct hash_kind *kind,
								    uint64_t hash, const void *key)
{
	if (table->count * 2 >= table->capacity)
		hash_table_reserve(table, kind, key, table->count + 1);
	return hash_table_probe(table, kind, hash, key);
}

#endif
