/*
 * The export tables of a run: one for each DLL, however many processes have it.
 *
 * In one process pages of a DLL's export table may be absent that another one has. A table with
 * gaps is therefore read again from the next process that asks, a few times, and the one with the
 * fewest gaps stays.
 */
#include <impscan/export_map.h>

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

#include "imports/export_table.h"

enum { READ_AGAIN_MAX = 6, BUCKETS = 1024 };

struct cached {
	struct cached *next;
	char *name; /* lower case */
	uint32_t time_date_stamp, check_sum, size_of_image;
	pthread_mutex_t reading; /* held for what follows */
	unsigned int reads;
	struct export_table *table; /* NULL: it has no exports */
};

/* A DLL by its header page. */
struct noted {
	struct noted *next;
	uint64_t header;
	unsigned int pointer_size;
	struct export_table *table;
};

struct export_cache {
	pthread_mutex_t mutex; /* of `buckets` */
	struct cached *buckets[BUCKETS];
	pthread_rwlock_t lock; /* of `noted`, which is asked for every module */
	struct noted *noted[BUCKETS];
};

struct export_cache *export_cache_new(void)
{
	struct export_cache *cache = alloc_new(struct export_cache);
	pthread_mutex_init(&cache->mutex, NULL);
	pthread_rwlock_init(&cache->lock, NULL);
	return cache;
}

void export_cache_free(struct export_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct cached *c = cache->buckets[i]; c;) {
			struct cached *next = c->next;
			export_table_unref(c->table);
			pthread_mutex_destroy(&c->reading);
			free(c->name);
			free(c);
			c = next;
		}
		for (struct noted *n = cache->noted[i]; n;) {
			struct noted *next = n->next;
			export_table_unref(n->table);
			free(n);
			n = next;
		}
	}
	pthread_mutex_destroy(&cache->mutex);
	pthread_rwlock_destroy(&cache->lock);
	free(cache);
}

static uint32_t hash(const struct pe *pe, const char *name)
{
	uint32_t h = pe->time_date_stamp ^ pe->size_of_image ^ pe->check_sum;
	for (; *name; name++)
		h = (h ^ (uint32_t)tolower((unsigned char)*name)) * 16777619;
	return h ^ h >> 16;
}

/* With the cache locked. Adds an empty one where there is none. */
static struct cached *find(struct export_cache *cache, const struct pe *pe, const char *name)
{
	struct cached **bucket = &cache->buckets[hash(pe, name) % BUCKETS];
	for (struct cached *c = *bucket; c; c = c->next)
		if (c->time_date_stamp == pe->time_date_stamp && c->check_sum == pe->check_sum &&
		    c->size_of_image == pe->size_of_image && !strcasecmp(c->name, name))
			return c;
	struct cached *c = alloc_new(struct cached);
	c->name = alloc_strdup(name);
	pthread_mutex_init(&c->reading, NULL);
	c->time_date_stamp = pe->time_date_stamp;
	c->check_sum = pe->check_sum;
	c->size_of_image = pe->size_of_image;
	c->next = *bucket;
	*bucket = c;
	return c;
}

/* Is what was read of it good enough not to read it again? */
static bool complete(const struct cached *c)
{
	return c->reads >= READ_AGAIN_MAX ||
	       (c->table && !export_table_exports(c->table)->unreadable);
}

static struct export_table *read_table(const struct pe *pe)
{
	_cleanup_pe_exports_ struct pe_exports exports = {0};
	pe_exports_read(pe, &exports);
	return exports.count ? export_table_new(&exports, pe->size_of_image) : NULL;
}

struct export_table *export_cache_get(struct export_cache *cache, const struct pe *pe,
				      const char *name)
{
	if (pe->status != PE_OK || !pe->directory[PE_DIRECTORY_EXPORT].rva)
		return NULL;
	pthread_mutex_lock(&cache->mutex);
	struct cached *c = find(cache, pe, name ? name : ""); /* it stays as long as the cache */
	pthread_mutex_unlock(&cache->mutex);
	pthread_mutex_lock(&c->reading);
	if (!complete(c)) {
		/* Read under its lock: others that want it would only read it as well. */
		c->reads++;
		struct export_table *table = read_table(pe);
		if (table && (!c->table || export_table_exports(table)->unreadable <
						   export_table_exports(c->table)->unreadable)) {
			export_table_unref(c->table);
			c->table = table;
		} else {
			export_table_unref(table);
		}
	}
	struct export_table *table = c->table ? export_table_ref(c->table) : NULL;
	pthread_mutex_unlock(&c->reading);
	return table;
}

static struct noted **noted_bucket(struct export_cache *cache, uint64_t header)
{
	return &cache->noted[(header >> 12) * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (BUCKETS - 1)];
}

void export_cache_note(struct export_cache *cache, uint64_t header, const struct pe *pe,
		       struct export_table *table)
{
	bool whole = table ? !export_table_exports(table)->unreadable
			   : !pe->directory[PE_DIRECTORY_EXPORT].rva;
	if (pe->status != PE_OK || !whole)
		return;
	struct noted *noted = alloc_new(struct noted);
	noted->header = header;
	noted->pointer_size = pe_pointer_size(pe);
	noted->table = table ? export_table_ref(table) : NULL;
	pthread_rwlock_wrlock(&cache->lock);
	struct noted **bucket = noted_bucket(cache, header);
	noted->next = *bucket;
	*bucket = noted;
	pthread_rwlock_unlock(&cache->lock);
}

bool export_cache_recall(struct export_cache *cache, uint64_t header, unsigned int *pointer_size,
			 struct export_table **table)
{
	pthread_rwlock_rdlock(&cache->lock);
	const struct noted *noted = *noted_bucket(cache, header);
	while (noted && noted->header != header)
		noted = noted->next;
	if (noted) {
		*pointer_size = noted->pointer_size;
		*table = noted->table ? export_table_ref(noted->table) : NULL;
	}
	pthread_rwlock_unlock(&cache->lock);
	return noted;
}
