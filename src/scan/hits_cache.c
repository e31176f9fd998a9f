/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See hits_cache.h. */
#include "scan/hits_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/hash_table.h>

/* Bytes that are kept at most. */
#define KEPT_MAX ((size_t)128 << 20)

struct entry {
	uint64_t hash;
	char *key; /* NULL: the slot is free */
	struct hits *hits;
};

struct hits_cache {
	pthread_mutex_t lock;
	struct hash_table table;
	size_t memory;
};

static bool is_used(const void *slot, const void *key)
{
	(void)key;
	return ((const struct entry *)slot)->key != NULL;
}

static bool matches(const void *slot, const void *key)
{
	const struct entry *entry = slot, *wanted = key;
	return entry->hash == wanted->hash && !strcmp(entry->key, wanted->key);
}

static uint64_t slot_hash(const void *slot)
{
	return ((const struct entry *)slot)->hash;
}

static const struct hash_kind kind = {sizeof(struct entry), is_used, matches, slot_hash};

struct hits_cache *hits_cache_new(void)
{
	struct hits_cache *cache = alloc_new(struct hits_cache);
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

static void forget(struct hits_cache *cache)
{
	struct entry *entries = cache->table.slots;
	for (size_t i = 0; i < cache->table.capacity; i++) {
		free(entries[i].key);
		hits_unref(entries[i].hits);
	}
	free(cache->table.slots);
	cache->table = (struct hash_table){0};
	cache->memory = 0;
}

void hits_cache_free(struct hits_cache *cache)
{
	if (!cache)
		return;
	forget(cache);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* The slot that a key has, or would have; its text stays the caller's. */
static struct entry wanted(const struct text *key)
{
	const char *text = text_string(key);
	return (struct entry){.hash = hash_string(text), .key = (char *)(uintptr_t)text};
}

bool hits_cache_find(struct hits_cache *cache, const struct text *key, struct hits **hits)
{
	struct entry want = wanted(key);
	pthread_mutex_lock(&cache->lock);
	const struct entry *entry = hash_table_find(&cache->table, &kind, want.hash, &want);
	*hits = entry ? hits_ref(entry->hits) : NULL;
	pthread_mutex_unlock(&cache->lock);
	return entry != NULL;
}

void hits_cache_add(struct hits_cache *cache, const struct text *key, struct hits *hits)
{
	struct entry want = wanted(key);
	pthread_mutex_lock(&cache->lock);
	if (cache->memory > KEPT_MAX)
		forget(cache);
	struct entry *entry = hash_table_place(&cache->table, &kind, want.hash, &want);
	if (!entry->key) {
		*entry = (struct entry){want.hash, alloc_strdup(want.key), hits_ref(hits)};
		cache->table.count++;
		cache->memory += 2 * sizeof(*entry) + key->length + hits_memory(hits);
	}
	pthread_mutex_unlock(&cache->lock);
}
