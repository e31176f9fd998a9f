/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the hashes that a search has hit to matches, one for each entry that has such a hash.
 *
 * Lists of known hashes name one hash for thousands of samples. So the result of a search is kept
 * as the hashes that were hit, each once. Matches are made of them only when the rows of one module
 * are printed.
 */
#include <impscan/match.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/search.h>

#include "find.h"
#include "index.h"

struct hits {
	atomic_uint references;
	size_t count;
	struct hit items[]; /* by head */
};

struct hits *hits_ref(struct hits *hits)
{
	if (hits)
		atomic_fetch_add_explicit(&hits->references, 1, memory_order_relaxed);
	return hits;
}

void hits_unref(struct hits *hits)
{
	if (hits && atomic_fetch_sub_explicit(&hits->references, 1, memory_order_acq_rel) == 1)
		free(hits);
}

size_t hits_memory(const struct hits *hits)
{
	return hits ? sizeof(*hits) + hits->count * sizeof(*hits->items) : 0;
}

/* By head, the best of each first: of equal scores that of the list searched with first. */
static int compare_hits(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;
	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->list > y->list) - (x->list < y->list);
}

/* Sorts the `count` hits, and leaves the best of each head. Takes them over; NULL when none is left. */
static struct hits *settle(struct hits *all, size_t count)
{
	all->count = 0;
	if (count)
		qsort(all->items, count, sizeof(*all->items), compare_hits);
	for (size_t i = 0; i < count; i++)
		if (!i || all->items[i].head != all->items[all->count - 1].head)
			all->items[all->count++] = all->items[i];
	all->references = 1;
	if (all->count)
		return all;
	free(all);
	return NULL;
}

static struct hits *hits_room(size_t count)
{
	return alloc_zero(1, sizeof(struct hits) + count * sizeof(struct hit));
}

struct hits *known_hits(const struct known *known, const struct hashes *hashes, int threshold,
			unsigned int list, struct matches *scratch, struct hits *before)
{
	struct known_scratch *s = known_scratch(scratch, known);
	known_search(known, hashes, threshold, s);
	if (!s->hit_count)
		return before;
	size_t old = before ? before->count : 0, count = old + s->hit_count;
	struct hits *all = hits_room(count);
	if (old)
		memcpy(all->items, before->items, old * sizeof(*all->items));
	for (size_t i = 0; i < s->hit_count; i++) {
		all->items[old + i] = s->hits[i];
		all->items[old + i].list = (uint8_t)list;
	}
	hits_unref(before);
	return settle(all, count);
}

bool hits_has(const struct hits *hits, uint32_t head)
{
	size_t count = hits ? hits->count : 0;
	size_t at = search_first(i, 0, count, hits->items[i].head >= head);
	return at < count && hits->items[at].head == head;
}

struct hits *hits_replace(const struct known *known, struct hits *before, const uint64_t *replaced,
			  const struct hit *more, size_t count)
{
	size_t old = before ? before->count : 0, kept = 0;
	struct hits *all = hits_room(old + count);
	for (size_t i = 0; i < old; i++) {
		const struct hit *hit = &before->items[i];
		bool rebuilt = hit->list && hit->list != MATCH_RESOLVED;
		bool out = replaced[hit->head / 64] >> (hit->head % 64) & 1;
		if (!out || !rebuilt || !entry_is_fuzzy(&known->entries[hit->head]))
			all->items[kept++] = *hit;
	}
	if (count)
		memcpy(all->items + kept, more, count * sizeof(*more));
	hits_unref(before);
	return settle(all, kept + count);
}

static void add_match(const struct known *known, size_t number, const struct hit *hit,
		      struct matches *matches)
{
	const struct known_entry *entry = &known->entries[number];
	struct match *match = array_push(matches->items, matches->count, matches->capacity);
	const char *name = entry_name(known, entry);
	match->hash = known->text + entry->text;
	match->name = *name ? name : match->hash;
	match->comment = name + strlen(name) + 1;
	match->score = hit->score;
	match->list = hit->list;
	match->rebuilt = hit->list > 0;
	match->resolved = hit->list == MATCH_RESOLVED;
	match->type = (enum hash_type)(entry->type < HASH_TYPES ? entry->type : hit->type);
	match->beside = 0;
	match->order = number - entry->place;
}

static bool is_by_names(const struct match *match)
{
	return hash_type_is_of_names(match->type);
}

/*
 * Highest score first. Of equal ones those by names of types or functions come first, since the
 * import list of such a program is its runtime's; those by impset come last, since an equal set of
 * functions says less than an equal list; of these, those of samples that another hash resembles
 * most. Then in the order added; of one sample the match that counts first.
 */
static int compare_matches(const void *a, const void *b)
{
	const struct match *x = a, *y = b;
	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	if (is_by_names(x) != is_by_names(y))
		return is_by_names(x) ? -1 : 1;
	if ((x->type == HASH_IMPSET) != (y->type == HASH_IMPSET))
		return x->type == HASH_IMPSET ? 1 : -1;
	if (x->beside != y->beside)
		return x->beside < y->beside ? 1 : -1;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	if (x->list != y->list)
		return x->list < y->list ? -1 : 1;
	return (x->type > y->type) - (x->type < y->type);
}

static int compare_samples(const void *a, const void *b)
{
	const struct match *x = a, *y = b;
	return (x->order > y->order) - (x->order < y->order);
}

/* Gives matches by impset the best score that another hash of the sample has. */
static void compare_beside(struct matches *matches)
{
	const struct match *end = matches->items + matches->count;
	qsort(matches->items, matches->count, sizeof(*matches->items), compare_samples);
	for (struct match *first = matches->items, *next; first < end; first = next) {
		int best = 0;
		for (next = first; next < end && next->order == first->order; next++)
			if (next->type != HASH_IMPSET)
				best = max_of(best, next->score);
		for (struct match *match = first; match < next; match++)
			match->beside = match->type == HASH_IMPSET ? best : 0;
	}
}

/*
 * Takes the matches by import lists out of samples that match by the names of types or functions,
 * too: then the list is that of the runtime, which is equal in whatever is made with it.
 */
static void drop_runtimes(struct matches *matches)
{
	size_t kept = 0;
	qsort(matches->items, matches->count, sizeof(*matches->items), compare_samples);
	for (size_t first = 0, next; first < matches->count; first = next) {
		bool names = false;
		for (next = first; next < matches->count &&
				   matches->items[next].order == matches->items[first].order;
		     next++)
			names |= is_by_names(&matches->items[next]);
		for (size_t i = first; i < next; i++)
			if (!names || is_by_names(&matches->items[i]))
				matches->items[kept++] = matches->items[i];
	}
	matches->count = kept;
}

/* All hashes of a sample are one match, its better one. */
static void leave_one_a_sample(struct known_scratch *scratch, struct matches *matches)
{
	size_t kept = 0;
	for (size_t i = 0; i < matches->count; i++) {
		size_t order = matches->items[i].order;
		uint64_t bit = 1ull << (order % 64);
		if (scratch->seen[order / 64] & bit)
			continue;
		scratch->seen[order / 64] |= bit;
		matches->items[kept++] = matches->items[i];
	}
	matches->count = kept;
	for (size_t i = 0; i < kept; i++)
		scratch->seen[matches->items[i].order / 64] = 0;
}

/* Makes matches of hits, the best of each entry, sorted as known_find() says. */
static void spread(const struct known *known, const struct hit *hits, size_t count,
		   struct matches *matches)
{
	matches->count = 0;
	for (size_t i = 0; i < count; i++)
		for (uint32_t e = hits[i].head + 1; e; e = known->entries[e - 1].next)
			add_match(known, e - 1, &hits[i], matches);
	if (matches->count < 2)
		return;
	if (known->types >> HASH_TYPEREFHASH)
		drop_runtimes(matches);
	if (known->types >> HASH_IMPSET & 1)
		compare_beside(matches);
	qsort(matches->items, matches->count, sizeof(*matches->items), compare_matches);
	if (count > 1)
		leave_one_a_sample(known_scratch(matches, known), matches);
}

void known_matches(const struct known *known, const struct hits *hits, struct matches *matches)
{
	spread(known, hits ? hits->items : NULL, hits ? hits->count : 0, matches);
}

void known_find(const struct known *known, const struct hashes *hashes, int threshold,
		struct matches *matches)
{
	struct known_scratch *scratch = known_scratch(matches, known);
	known_search(known, hashes, threshold, scratch);
	spread(known, scratch->hits, scratch->hit_count, matches);
}
