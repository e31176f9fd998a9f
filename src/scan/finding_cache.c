/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The cache of findings: a hash table by the address of the image section (its control area).
 * Entries are never changed, but for the settled list that may be added, and are freed with the
 * cache.
 */
#include "scan/finding_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/module_reader.h>

#include "scan/finding.h"

struct cached_finding {
	uint64_t control_area;
	uint64_t size; /* what the process lets be read of the module */
	struct module_page *pages;
	size_t page_count;
	struct finding finding;
	struct finding_cost cost;
	_Atomic(struct settled *) settled;
	struct cached_finding *next; /* of the same bucket */
};

/* A power of two; some thousand sections are in use on a machine. */
#define BUCKETS 4096

/*
 * Variants kept of one section: one process in a hundred has pages of its own. Which ones are kept
 * changes no finding, only the time that it takes.
 */
#define VARIANTS_MAX 8

/* Findings of one bucket: addresses of sections that fall into the same one are made up. */
#define BUCKET_MAX 64

/* Bytes that the cache may take; what finds no room is found out again by each process. */
#define MEMORY_MAX ((size_t)48 << 20)

struct finding_cache {
	pthread_rwlock_t lock;
	atomic_size_t memory;
	struct cached_finding *buckets[BUCKETS];
};

struct finding_cache *finding_cache_new(void)
{
	struct finding_cache *cache = alloc_new(struct finding_cache);
	pthread_rwlock_init(&cache->lock, NULL);
	return cache;
}

static void entry_free(struct cached_finding *entry)
{
	finding_free(&entry->finding);
	settled_free(entry->settled);
	free(entry->pages);
	free(entry);
}

void finding_cache_free(struct finding_cache *cache)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct cached_finding *entry = cache->buckets[i], *next; entry; entry = next) {
			next = entry->next;
			entry_free(entry);
		}
	pthread_rwlock_destroy(&cache->lock);
	free(cache);
}

static struct cached_finding **bucket_of(struct finding_cache *cache, uint64_t control_area)
{
	uint64_t hash = control_area * UINT64_C(0x9e3779b97f4a7c15);
	return &cache->buckets[(hash >> 32) & (BUCKETS - 1)];
}

/*
 * Does the process have the same pages itself? Mostly they are the same physically; the one that
 * the address table lies in is everybody's own, but mostly with the same addresses.
 *
 * Unlike the cache of export tables, which compares what a module reader gives, this does not take
 * pages from the section or from other processes: a finding says of such pages where they were
 * taken from, and so holds for no other process.
 */
static bool process_has_pages(const struct cached_finding *entry, struct space *space,
			      uint64_t base)
{
	for (size_t i = 0; i < entry->page_count; i++) {
		struct page page;
		space_page(space, base + entry->pages[i].rva, &page);
		if (page.data != entry->pages[i].data &&
		    (!page.data || memcmp(page.data, entry->pages[i].data, PAGE_SIZE) != 0))
			return false;
	}
	return true;
}

struct cached_finding *finding_cache_get(struct finding_cache *cache,
					 const struct module_reader *reader,
					 struct finding *finding)
{
	/* Entries are never freed while the cache lives: only the list is locked. */
	pthread_rwlock_rdlock(&cache->lock);
	struct cached_finding *entry = *bucket_of(cache, reader->control_area);
	pthread_rwlock_unlock(&cache->lock);
	for (; entry; entry = entry->next)
		if (entry->control_area == reader->control_area &&
		    entry->size == reader->reader.size &&
		    process_has_pages(entry, reader->space, reader->base)) {
			finding_copy(finding, &entry->finding);
			return entry;
		}
	return NULL;
}

/* Is there room for so many bytes more? Then they are taken. */
static bool take_memory(struct finding_cache *cache, size_t size)
{
	if (atomic_fetch_add_explicit(&cache->memory, size, memory_order_relaxed) + size <=
	    MEMORY_MAX)
		return true;
	atomic_fetch_sub_explicit(&cache->memory, size, memory_order_relaxed);
	return false;
}

static bool all_present(const struct module_page *pages, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!pages[i].data)
			return false;
	return true;
}

struct cached_finding *finding_cache_put(struct finding_cache *cache,
					 const struct module_reader *reader,
					 const struct finding_cost *cost,
					 const struct finding *finding)
{
	const struct module_page *pages = reader->pages;
	size_t page_count = reader->page_count;
	uint64_t control_area = reader->control_area;
	size_t memory = sizeof(struct cached_finding) + page_count * sizeof(*pages) +
			hits_memory(finding->hits) + (finding->names ? sizeof(*finding->names) : 0);
	if (!all_present(pages, page_count) || !take_memory(cache, memory))
		return NULL;
	struct cached_finding *entry = alloc_new(struct cached_finding);
	entry->control_area = control_area;
	entry->size = reader->reader.size;
	entry->pages = alloc_zero(page_count, sizeof(*pages));
	entry->page_count = page_count;
	entry->cost = *cost;
	memcpy(entry->pages, pages, page_count * sizeof(*pages));
	finding_copy(&entry->finding, finding);

	pthread_rwlock_wrlock(&cache->lock);
	struct cached_finding **bucket = bucket_of(cache, control_area);
	size_t variants = 0, others = 0;
	for (const struct cached_finding *other = *bucket; other; other = other->next, others++)
		variants += other->control_area == control_area;
	bool full = variants >= VARIANTS_MAX || others >= BUCKET_MAX;
	if (!full) {
		entry->next = *bucket;
		*bucket = entry;
	}
	pthread_rwlock_unlock(&cache->lock);
	if (full) {
		atomic_fetch_sub_explicit(&cache->memory, memory, memory_order_relaxed);
		entry_free(entry);
		return NULL;
	}
	return entry;
}

const struct settled *cached_finding_settled(struct cached_finding *cached)
{
	return atomic_load_explicit(&cached->settled, memory_order_acquire);
}

const struct finding_cost *cached_finding_cost(const struct cached_finding *cached)
{
	return &cached->cost;
}

void cached_finding_settle(struct finding_cache *cache, struct cached_finding *cached,
			   struct settled *settled)
{
	struct settled *none = NULL;
	size_t memory = settled_memory(settled);
	bool room = take_memory(cache, memory);
	if (room && atomic_compare_exchange_strong(&cached->settled, &none, settled))
		return;
	/* There is no room, or another thread was first. */
	if (room)
		atomic_fetch_sub_explicit(&cache->memory, memory, memory_order_relaxed);
	settled_free(settled);
}
