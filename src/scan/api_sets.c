/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading the API set schema of each process, and comparing it with those that were parsed before.
 */
#include "scan/api_sets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

/* Different schemas that are kept; a machine has one. */
#define KEPT_MAX 8

/* Processes that are asked for the machine's schema. */
#define ASKED_MAX 64

/*
 * What is counted for a schema, in bytes a step: to copy, compare and parse it. A process pays that
 * whether or not somebody parsed the same before.
 */
#define BYTES_A_STEP 8

/* Shares of the image's work that asking for the machine's may take, and asking one process. */
#define ASKED_SHARE   16
#define ASKED_PROCESS 64

struct kept_schema {
	uint8_t *schema;
	size_t size;
	struct api_sets *sets; /* NULL: it makes no sense */
	size_t processes;      /* that were asked and have it */
};

struct api_set_cache {
	const struct windows *windows;
	const struct processes *processes;
	pthread_mutex_t lock; /* of what follows */
	struct kept_schema kept[KEPT_MAX];
	size_t count;
	bool asked;		  /* for the machine's */
	struct api_sets *machine; /* with a reference; NULL: none was found */
};

struct api_set_cache *api_set_cache_new(const struct windows *windows,
					const struct processes *processes)
{
	struct api_set_cache *cache = alloc_new(struct api_set_cache);
	cache->windows = windows;
	cache->processes = processes;
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

static void kept_free(struct kept_schema *kept)
{
	free(kept->schema);
	api_sets_unref(kept->sets);
}

void api_set_cache_free(struct api_set_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->count; i++)
		kept_free(&cache->kept[i]);
	api_sets_unref(cache->machine);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static bool read_space(void *context, uint64_t address, void *buffer, size_t size)
{
	return space_read(context, address, buffer, size);
}

/*
 * Copies a process's schema; NULL when it has none, or not all of it, or it costs more than there
 * is. The caller frees it.
 */
static uint8_t *copy_schema(const struct windows *windows, const struct view *view,
			    const struct process *process, struct budget *budget, size_t *size)
{
	uint64_t address;
	bool whole;
	if (!process->peb || !profile_has(windows->profile, PEB_ApiSetMap) ||
	    !space_pointer(view->space,
			   process->peb + profile_offset(windows->profile, PEB_ApiSetMap),
			   windows->pointer_size, &address))
		return NULL;
	uint8_t *schema = api_sets_copy(read_space, view->space, address, size, &whole);
	if (schema && budget_spend(budget, *size / BYTES_A_STEP) && whole)
		return schema;
	free(schema);
	return NULL;
}

static struct kept_schema *find(struct kept_schema *kept, size_t count, const uint8_t *schema,
				size_t size)
{
	for (size_t i = 0; i < count; i++)
		if (kept[i].size == size && !memcmp(kept[i].schema, schema, size))
			return &kept[i];
	return NULL;
}

/* The sets of a schema, which it takes, with a reference. With the lock held. */
static struct api_sets *sets_of(struct api_set_cache *cache, uint8_t *schema, size_t size)
{
	struct kept_schema *kept = find(cache->kept, cache->count, schema, size);
	struct api_sets *sets = kept ? kept->sets : api_sets_parse(schema, size);
	if (kept || cache->count == KEPT_MAX) {
		free(schema);
		return kept && sets ? api_sets_ref(sets) : sets;
	}
	cache->kept[cache->count++] =
		(struct kept_schema){.schema = schema, .size = size, .sets = sets};
	return sets ? api_sets_ref(sets) : NULL;
}

/* The schema that most of the first processes have; of as many the one that is met first. */
static struct api_sets *find_machine(struct api_set_cache *cache)
{
	struct kept_schema met[KEPT_MAX] = {{0}};
	size_t count = 0, asked = 0, best = 0;
	uint64_t work = windows_work(cache->windows);
	struct budget budget = {.limit = work / ASKED_SHARE, .part = work / ASKED_PROCESS};
	for (size_t i = 0;
	     i < cache->processes->count && asked < ASKED_MAX && !budget_exceeded(&budget); i++) {
		const struct process *process = &cache->processes->items[i];
		if (!process->peb)
			continue;
		asked++;
		size_t size = 0;
		_cleanup_view_ struct view view;
		view_open(&view, cache->windows, process, &budget);
		uint8_t *schema = copy_schema(cache->windows, &view, process, &budget, &size);
		struct kept_schema *known = schema ? find(met, count, schema, size) : NULL;
		if (known)
			known->processes++;
		if (!schema || known || count == KEPT_MAX)
			free(schema);
		else
			met[count++] = (struct kept_schema){
				.schema = schema, .size = size, .processes = 1};
	}
	for (size_t i = 1; i < count; i++)
		if (met[i].processes > met[best].processes)
			best = i;
	struct api_sets *sets = NULL;
	if (count)
		sets = sets_of(cache, take_ptr(met[best].schema), met[best].size);
	for (size_t i = 0; i < count; i++)
		free(met[i].schema);
	return sets;
}

struct api_sets *api_set_cache_get(struct api_set_cache *cache, const struct view *view,
				   const struct process *process, struct budget *budget,
				   bool *refused)
{
	size_t size = 0;
	uint8_t *schema = copy_schema(cache->windows, view, process, budget, &size);
	struct api_sets *sets;
	*refused = false;
	pthread_mutex_lock(&cache->lock);
	if (schema) {
		sets = sets_of(cache, schema, size);
		*refused = !sets;
	} else {
		if (!cache->asked)
			cache->machine = find_machine(cache);
		cache->asked = true;
		sets = cache->machine ? api_sets_ref(cache->machine) : NULL;
	}
	pthread_mutex_unlock(&cache->lock);
	return sets;
}
