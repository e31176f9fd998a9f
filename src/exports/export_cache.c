/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The cache of export tables: a DLL's exports are read once, however many processes have it.
 *
 * A table is kept with the pages that it was read from. It is used for another process only when
 * that has the same pages, or other pages with the same bytes, at the same RVAs. A process that
 * changed one of them has its exports read anew. Most often the physical pages are the same, so
 * that comparing means comparing a few pointers.
 */
#include <impscan/exports.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "exports/export_table.h"

/* A power of 2. A machine has some thousand DLLs in use. */
#define BUCKETS 1024

/* Tables of one bucket, and bytes of all tables. Further ones are read again for each process. */
#define BUCKET_MAX 32
#define MEMORY_MAX ((size_t)64 << 20)

/* Number of locks for reading tables; a divisor of BUCKETS. */
#define READING 64

/* Bytes of the headers that choose the bucket: enough to differ between most DLLs. */
#define HEADER_HASHED 512

struct kept_table {
	struct kept_table *next;
	uint64_t size;		   /* of the DLL in memory: nothing beyond it was read */
	struct module_page *pages; /* the header's first, then by RVA */
	size_t page_count;
	unsigned int pointer_size;
	struct export_table *table; /* NULL: it has no exports */
};

struct export_cache {
	pthread_rwlock_t lock; /* for the two below; a table in a bucket does not change */
	struct kept_table *buckets[BUCKETS];
	size_t memory;
	pthread_mutex_t reading[READING]; /* by bucket: tables that are being read */
};

struct export_cache *export_cache_new(void)
{
	struct export_cache *cache = alloc_new(struct export_cache);
	pthread_rwlock_init(&cache->lock, NULL);
	for (size_t i = 0; i < READING; i++)
		pthread_mutex_init(&cache->reading[i], NULL);
	return cache;
}

static void kept_free(struct kept_table *kept)
{
	export_table_unref(kept->table);
	free(kept->pages);
	free(kept);
}

void export_cache_free(struct export_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct kept_table *k = cache->buckets[i], *next; k; k = next) {
			next = k->next;
			kept_free(k);
		}
	for (size_t i = 0; i < READING; i++)
		pthread_mutex_destroy(&cache->reading[i]);
	pthread_rwlock_destroy(&cache->lock);
	free(cache);
}

/*
 * By the bytes of the headers, not by their page: injected DLLs lie in other pages in each process.
 */
static size_t bucket_number(const uint8_t *header)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < HEADER_HASHED; i += 8)
		hash = (hash ^ le64(header + i)) * UINT64_C(0x9e3779b97f4a7c15);
	return hash >> 32 & (BUCKETS - 1);
}

static struct kept_table **bucket_of(struct export_cache *cache, const uint8_t *header)
{
	return &cache->buckets[bucket_number(header)];
}

/* The whole page at an RVA, a multiple of the page size; NULL when it is not present. */
static const uint8_t *page_at(const struct pe_reader *reader, uint64_t rva)
{
	size_t available;
	const uint8_t *page = reader->at(reader, rva, &available);
	return page && available >= PAGE_SIZE ? page : NULL;
}

/*
 * Does the reader give the same pages? It may have taken them from the section or from other
 * processes: to an export table that makes no difference, as it does to what is said of a module.
 */
static bool reader_gives_pages(const struct kept_table *kept, const struct pe_reader *reader)
{
	for (size_t i = 0; i < kept->page_count; i++) {
		const uint8_t *ours = page_at(reader, kept->pages[i].rva);
		const uint8_t *theirs = kept->pages[i].data;
		if (ours != theirs && (!ours || !theirs || memcmp(ours, theirs, PAGE_SIZE) != 0))
			return false;
	}
	return true;
}

struct export_reading export_cache_lock(struct export_cache *cache, const struct pe_reader *reader)
{
	const uint8_t *header = page_at(reader, 0);
	struct export_reading reading = {
		&cache->reading[header ? bucket_number(header) % READING : 0],
	};
	pthread_mutex_lock(reading.mutex);
	return reading;
}

void export_cache_unlock(struct export_reading *reading)
{
	pthread_mutex_unlock(reading->mutex);
}

bool export_cache_find(struct export_cache *cache, const struct pe_reader *reader,
		       unsigned int *pointer_size, struct export_table **table)
{
	const uint8_t *header = page_at(reader, 0);
	if (!header)
		return false;
	pthread_rwlock_rdlock(&cache->lock);
	const struct kept_table *kept = *bucket_of(cache, header);
	pthread_rwlock_unlock(&cache->lock);
	while (kept && (kept->size != reader->size || !reader_gives_pages(kept, reader)))
		kept = kept->next;
	if (!kept)
		return false;
	*pointer_size = kept->pointer_size;
	*table = kept->table ? export_table_ref(kept->table) : NULL;
	return true;
}

static int compare_pages(const void *a, const void *b)
{
	const struct module_page *x = a, *y = b;
	return x->rva < y->rva ? -1 : x->rva > y->rva;
}

/* Returns a sorted copy of the pages without repetitions; `*count` becomes their number. */
static struct module_page *copy_pages(const struct module_page *pages, size_t *count)
{
	struct module_page *copy = alloc_zero(*count, sizeof(*copy));
	memcpy(copy, pages, *count * sizeof(*copy));
	qsort(copy, *count, sizeof(*copy), compare_pages);
	size_t n = 0;
	for (size_t i = 0; i < *count; i++)
		if (!i || copy[i].rva != copy[n - 1].rva)
			copy[n++] = copy[i];
	*count = n;
	return alloc_resize(copy, n, sizeof(*copy));
}

void export_cache_keep(struct export_cache *cache, const struct pe_reader *reader,
		       const struct module_page *pages, size_t count, unsigned int pointer_size,
		       struct export_table *table)
{
	if (!count)
		return;
	struct kept_table *kept = alloc_new(struct kept_table);
	kept->size = reader->size;
	kept->page_count = count;
	kept->pages = copy_pages(pages, &kept->page_count);
	kept->pointer_size = pointer_size;
	kept->table = table ? export_table_ref(table) : NULL;
	if (kept->pages[0].rva || !kept->pages[0].data) {
		kept_free(kept);
		return;
	}
	size_t memory = sizeof(*kept) + kept->page_count * sizeof(*kept->pages) +
			(table ? export_table_memory(table) : 0);
	pthread_rwlock_wrlock(&cache->lock);
	struct kept_table **bucket = bucket_of(cache, kept->pages[0].data);
	size_t others = 0;
	for (const struct kept_table *k = *bucket; k; k = k->next)
		others++;
	bool room = others < BUCKET_MAX && memory <= MEMORY_MAX - cache->memory;
	if (room) {
		cache->memory += memory;
		kept->next = *bucket;
		*bucket = kept;
	}
	pthread_rwlock_unlock(&cache->lock);
	if (!room)
		kept_free(kept);
}
