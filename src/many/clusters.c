/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Groups of lists: those that are equal, those of one module, and those whose hashes are alike, which
 * this run finds or others have found in parts.
 */
#include "many/clusters.h"

#include <stdlib.h>

#include <impscan/alloc.h>

/* Puts the hash of a list into the set that is searched. */
static void add_fuzzy(struct clusters *clusters, uint32_t number)
{
	const struct list *list = &clusters->tally->lists_info[number];
	if (!list->fuzzy_length)
		return;
	/* A saved row may have anything there: what is no hash is alike nothing. */
	error_free(known_add(clusters->fuzzy, list->fuzzy, list->fuzzy_length, ""));
	if (known_count(clusters->fuzzy) > clusters->fuzzy_count)
		clusters->fuzzy_of[number] = (uint32_t)clusters->fuzzy_count + 1;
	while (known_count(clusters->fuzzy) > clusters->fuzzy_count)
		*array_push(clusters->lists, clusters->fuzzy_count, clusters->fuzzy_capacity) =
			number;
}

void clusters_same(const struct clusters *clusters,
		   void (*link)(void *context, uint32_t a, uint32_t b, const char *by),
		   void *context)
{
	const struct tally *tally = clusters->tally;
	struct texts exact = {0};
	uint32_t *first = alloc_zero(tally->lists.count, sizeof(*first));
	for (size_t i = 0; i < tally->lists.count; i++) {
		const struct list *list = &tally->lists_info[i];
		if (!list->exact_length)
			continue;
		size_t known = exact.count; /* the kind stands before the hash */
		uint32_t number = texts_number(&exact, list->exact - 1, list->exact_length + 1);
		if (exact.count > known)
			first[number] = (uint32_t)i;
		else
			link(context, first[number], (uint32_t)i,
			     hash_type_name(list_exact_type(list->kind)));
	}
	for (size_t i = 0; i < tally->sets.count; i++) {
		const struct hash_set *set = &tally->sets_info[i];
		if (set->list_count == 2)
			link(context, set->lists[0], set->lists[1], "module");
	}
	free(first);
	texts_free(&exact);
}

static void join_same(void *context, uint32_t a, uint32_t b, const char *by)
{
	(void)by;
	groups_join(context, a, b);
}

struct clusters *clusters_new(const struct tally *tally, const struct cluster_options *options)
{
	struct clusters *clusters = alloc_new(struct clusters);
	clusters->tally = tally;
	clusters->options = options;
	clusters->groups = groups_new(tally->lists.count);
	clusters->fuzzy = known_new();
	clusters->fuzzy_of = alloc_zero(tally->lists.count, sizeof(*clusters->fuzzy_of));
	for (size_t i = 0; i < tally->lists.count; i++)
		add_fuzzy(clusters, (uint32_t)i);
	known_seal(clusters->fuzzy);
	clusters_same(clusters, join_same, clusters->groups);
	return clusters;
}

void clusters_free(struct clusters *clusters)
{
	if (!clusters)
		return;
	groups_free(clusters->groups);
	known_free(clusters->fuzzy);
	free(clusters->lists);
	free(clusters->fuzzy_of);
	texts_free(&clusters->texts);
	free(clusters->text_list);
	free(clusters->seen);
	free(clusters);
}

/* Where pairs go. */
struct pairs_out {
	struct clusters *clusters;
	FILE *out; /* NULL: only into the groups */
	size_t count;
};

static void on_pair(void *context, const struct alike *alike)
{
	struct pairs_out *pairs = context;
	struct clusters *clusters = pairs->clusters;
	uint32_t a = clusters->lists[alike->a], b = clusters->lists[alike->b];
	groups_join(clusters->groups, a, b);
	if (!pairs->out)
		return;
	enum hash_type type = list_fuzzy_type(clusters->tally->lists_info[a].kind);
	fprintf(pairs->out, "%u,%u,%u,%s\r\n", a + 1, b + 1, alike->score, hash_type_name(type));
}

static void write_same(void *context, uint32_t a, uint32_t b, const char *by)
{
	fprintf(context, "%u,%u,100,%s\r\n", a + 1, b + 1, by);
}

static void on_progress(void *context, size_t done, size_t total)
{
	const struct pairs_out *pairs = context;
	const struct cluster_options *options = pairs->clusters->options;
	if (options->progress)
		options->progress(options->context, done, total);
}

static struct alike_options alike_options_of(const struct clusters *clusters)
{
	return (struct alike_options){
		.threshold = clusters->options->threshold,
		.threads = clusters->options->threads,
	};
}

void clusters_find(struct clusters *clusters, FILE *edges)
{
	struct alike_options options = alike_options_of(clusters);
	struct pairs_out pairs = {.clusters = clusters, .out = edges};
	options.all = edges != NULL;
	if (edges) {
		fputs("id1,id2,value,by\r\n", edges);
		clusters_same(clusters, write_same, edges);
	}
	known_alike(clusters->fuzzy, &options,
		    &(struct alike_events){
			    .found = on_pair,
			    .progress = on_progress,
			    .context = &pairs,
		    });
}

/* FNV-1a, finished by the mixing step of splitmix64. */
static uint64_t fingerprint(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3u;
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
	return h ^ h >> 27;
}

uint64_t clusters_digest(const struct clusters *clusters)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < clusters->tally->lists.count; i++)
		sum += fingerprint(clusters->tally->lists.items[i]);
	return sum;
}

static void on_part_pair(void *context, const struct alike *alike)
{
	struct pairs_out *pairs = context;
	const struct clusters *clusters = pairs->clusters;
	const struct list *a = &clusters->tally->lists_info[clusters->lists[alike->a]],
			  *b = &clusters->tally->lists_info[clusters->lists[alike->b]];
	fprintf(pairs->out, "{\"a\":\"%s\",\"b\":\"%s\",\"score\":%u}\n", a->fuzzy, b->fuzzy,
		alike->score);
	pairs->count++;
}

size_t clusters_part(struct clusters *clusters, uint32_t part, uint32_t parts, FILE *out)
{
	struct alike_options options = alike_options_of(clusters);
	struct pairs_out pairs = {.clusters = clusters, .out = out};
	options.part = part;
	options.parts = parts;
	fprintf(out,
		"{\"cluster_part\":%u,\"parts\":%u,\"threshold\":%d,\"lists\":%zu,"
		"\"digest\":\"%016llx\"}\n",
		part, parts, options.threshold, clusters->tally->lists.count,
		(unsigned long long)clusters_digest(clusters));
	known_alike(clusters->fuzzy, &options,
		    &(struct alike_events){
			    .found = on_part_pair,
			    .progress = on_progress,
			    .context = &pairs,
		    });
	fprintf(out, "{\"pairs\":%zu}\n", pairs.count);
	return pairs.count;
}
