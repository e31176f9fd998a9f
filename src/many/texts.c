/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See texts.h. */
#include "many/texts.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

struct text_slot {
	uint64_t hash;
	uint32_t number; /* 1 + the text's; 0: free */
};

struct text_key {
	uint64_t hash;
	const char *text;
	size_t length;
	char *const *items;
};

static bool text_is_used(const void *slot, const void *key)
{
	(void)key;
	return ((const struct text_slot *)slot)->number != 0;
}

static bool text_matches(const void *p, const void *k)
{
	const struct text_slot *slot = p;
	const struct text_key *key = k;
	if (slot->hash != key->hash)
		return false;
	const char *item = key->items[slot->number - 1];
	return !strncmp(item, key->text, key->length) && !item[key->length];
}

static uint64_t text_slot_hash(const void *slot)
{
	return ((const struct text_slot *)slot)->hash;
}

static const struct hash_kind text_kind = {sizeof(struct text_slot), text_is_used, text_matches,
					   text_slot_hash};

/* Eight bytes at a time, since a set of hashes is some 300 bytes, and looked up for each row. */
static uint64_t hash_bytes(const char *text, size_t length)
{
	uint64_t hash = hash_secret ^ length;
	for (; length >= 8; text += 8, length -= 8) {
		hash = (hash ^ le64(text)) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	uint64_t rest = 0;
	for (size_t i = 0; i < length; i++)
		rest = rest << 8 | (uint8_t)text[i];
	return hash_number(hash ^ rest);
}

uint32_t texts_number(struct texts *texts, const char *text, size_t length)
{
	const struct text_key key = {hash_bytes(text, length), text, length, texts->items};
	struct text_slot *slot = hash_table_place(&texts->table, &text_kind, key.hash, &key);
	if (slot->number)
		return slot->number - 1;
	assert(texts->count < UINT32_MAX - 1);
	*array_push(texts->items, texts->count, texts->capacity) = alloc_strndup(text, length);
	*slot = (struct text_slot){key.hash, (uint32_t)texts->count};
	texts->table.count++;
	return slot->number - 1;
}

void texts_free(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->items[i]);
	free(texts->items);
	free(texts->table.slots);
	*texts = (struct texts){0};
}

struct pair_slot {
	uint64_t first, second;
	uint32_t number; /* 1 + the pair's; 0: free */
};

static bool pair_is_used(const void *slot, const void *key)
{
	(void)key;
	return ((const struct pair_slot *)slot)->number != 0;
}

static bool pair_matches(const void *p, const void *k)
{
	const struct pair_slot *slot = p, *key = k;
	return slot->first == key->first && slot->second == key->second;
}

static uint64_t pair_hash(const void *p)
{
	const struct pair_slot *slot = p;
	return hash_number(hash_number(slot->first) + slot->second);
}

static const struct hash_kind pair_kind = {sizeof(struct pair_slot), pair_is_used, pair_matches,
					   pair_hash};

uint32_t pairs_number(struct pairs *pairs, uint64_t first, uint64_t second)
{
	const struct pair_slot key = {first, second, 0};
	struct pair_slot *slot = hash_table_place(&pairs->table, &pair_kind, pair_hash(&key), &key);
	if (slot->number)
		return slot->number - 1;
	assert(pairs->count < UINT32_MAX - 1);
	*slot = (struct pair_slot){first, second, (uint32_t)++pairs->count};
	pairs->table.count++;
	return slot->number - 1;
}

void pairs_free(struct pairs *pairs)
{
	free(pairs->table.slots);
	*pairs = (struct pairs){0};
}
