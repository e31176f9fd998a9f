/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pairs of alike hashes within a set. Each hash is looked up in the index as a search does it, and
 * compared with those found that come after it in the set.
 *
 * Hashes are done in blocks by any thread, and blocks in rounds: threads read the groups as they were
 * when the round began, and what its blocks found is joined in their order at its end. So the result
 * does not depend on the number of threads. Within a block, too, pairs are left out that add nothing
 * to the groups; a block finds fewer pairs than there are hashes, whatever they are.
 */
#include <impscan/cluster.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "index.h"

#define AHEAD	     8	/* candidates whose memory is asked for before it is needed */
#define BLOCK	     64 /* hashes */
#define ROUND_BLOCKS 16
#define ALL_BLOCKS   2 /* in a round when all pairs are wanted, of which a block may have many */

/* What a block found. */
struct block {
	size_t first; /* hash */
	struct alike *found;
	size_t count, capacity;
};

/* The memory of a thread: an item for each hash. */
struct finder {
	uint32_t *met; /* 1 + the last hash that met this one */
	uint32_t *candidates;
	size_t count;
	/* Groups within the block in work, of the roots of what was joined before. */
	uint32_t *parent;
	uint32_t *block; /* 1 + the block in which `parent` is set */
	uint32_t number; /* 1 + the block in work */
};

/* One call of known_alike(). */
struct run {
	const struct known *known;
	const struct alike_options *options;
	const struct groups *groups;
	struct key_range range;
	int least;
	struct block blocks[ROUND_BLOCKS];
	size_t block_count;
	atomic_size_t next;
};

/* A thread of a round. */
struct worker {
	struct run *run;
	struct finder finder;
	pthread_t thread;
	bool started;
};

/* What stands for a hash: the root before this round, and in this block. */
static uint32_t root_of(const struct run *run, const struct finder *finder, uint32_t number)
{
	number = groups_of(run->groups, number);
	while (finder->block[number] == finder->number && finder->parent[number] != number)
		number = finder->parent[number];
	return number;
}

/* Joins two roots; the lesser one stands for both. */
static void join(struct finder *finder, uint32_t a, uint32_t b)
{
	uint32_t root = min_of(a, b), other = max_of(a, b);
	finder->parent[root] = root;
	finder->parent[other] = root;
	finder->block[root] = finder->block[other] = finder->number;
}

/* Notes all heads after `number` that the index names for its hash. */
static void find_candidates(const struct run *run, uint32_t number, const struct fuzzy *fuzzy,
			    struct finder *finder)
{
	const struct index *index = &run->known->index;
	struct postings runs[2 * FUZZY_PART_MAX];
	size_t count = 0;
	for (int p = 0; p < 2; p++) {
		if (fuzzy->length[p] < FUZZY_COMMON)
			continue;
		for (unsigned int i = 0; i + INDEX_GRAM <= fuzzy->length[p]; i++) {
			runs[count] =
				index_gram_within(index, &run->range, fuzzy->part[p] + i, fuzzy, p);
			if (runs[count].at < runs[count].end)
				__builtin_prefetch(runs[count++].at);
		}
	}
	finder->count = 0;
	for (size_t i = 0; i < count; i++)
		for (const uint8_t *at = runs[i].end; at > runs[i].at;) {
			at -= index->posting_size;
			uint32_t other = posting_entry(index, at);
			if (other <= number) /* so are those before */
				break;
			if (finder->met[other] == number + 1)
				continue;
			finder->met[other] = number + 1;
			finder->candidates[finder->count++] = other;
			__builtin_prefetch(&run->known->entries[other]);
		}
}

static void add(struct block *block, uint32_t a, uint32_t b, int score)
{
	*array_push(block->found, block->count, block->capacity) =
		(struct alike){.a = a, .b = b, .score = (uint8_t)score};
}

/* Compares a hash with those that the index names. */
static void compare(const struct run *run, uint32_t number, const struct fuzzy *fuzzy,
		    struct finder *finder, struct block *block)
{
	const struct known *known = run->known;
	struct fuzzy_query query;
	find_candidates(run, number, fuzzy, finder);
	if (finder->count)
		fuzzy_query_init(&query, fuzzy);
	for (size_t i = 0; i < finder->count; i++) {
		if (i + AHEAD < finder->count)
			__builtin_prefetch(known->text +
					   known->entries[finder->candidates[i + AHEAD]].text);
		uint32_t other = finder->candidates[i], ours = 0, theirs = 0;
		const struct known_entry *entry = &known->entries[other];
		if (entry->type != fuzzy->type ||
		    !fuzzy_comparable(fuzzy->block_size, entry->block_size))
			continue;
		if (!run->options->all) {
			ours = root_of(run, finder, number);
			theirs = root_of(run, finder, other);
			if (ours == theirs)
				continue;
		}
		struct fuzzy_buffer buffer;
		struct fuzzy their_fuzzy;
		entry_fuzzy(known, entry, &their_fuzzy, &buffer);
		int score = fuzzy_score(&query, &their_fuzzy, run->least);
		if (score < run->least)
			continue;
		add(block, number, other, score);
		if (!run->options->all)
			join(finder, ours, theirs);
	}
}

/* The entries with the same hash, which the index does not have. */
static void add_equal(const struct run *run, uint32_t number, struct block *block)
{
	if (run->options->part > 1)
		return;
	for (uint32_t next = run->known->entries[number].next; next;
	     next = run->known->entries[next - 1].next)
		add(block, number, next - 1, 100);
}

static int order_of(const void *a, const void *b)
{
	const struct alike *x = a, *y = b;
	return x->a != y->a ? (x->a > y->a) - (x->a < y->a) : (x->b > y->b) - (x->b < y->b);
}

static void do_block(const struct run *run, struct finder *finder, struct block *block)
{
	const struct known *known = run->known;
	size_t end = min_of(block->first + BLOCK, known->count);
	finder->number = (uint32_t)(block->first / BLOCK) + 1;
	for (size_t i = block->first; i < end; i++) {
		const struct known_entry *entry = &known->entries[i];
		if (!entry->is_head || !entry_is_fuzzy(entry))
			continue;
		struct fuzzy_buffer buffer;
		struct fuzzy fuzzy;
		entry_fuzzy(known, entry, &fuzzy, &buffer);
		add_equal(run, (uint32_t)i, block);
		compare(run, (uint32_t)i, &fuzzy, finder, block);
	}
	if (block->count)
		qsort(block->found, block->count, sizeof(*block->found), order_of);
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct run *run = worker->run;
	for (;;) {
		size_t i = atomic_fetch_add(&run->next, 1);
		if (i >= run->block_count)
			return NULL;
		do_block(run, &worker->finder, &run->blocks[i]);
	}
}

/* Does the blocks of a round. A thread that can't be started leaves its work to the others. */
static void do_round(struct run *run, struct worker *workers)
{
	unsigned int threads = run->options->threads;
	atomic_store(&run->next, 0);
	for (unsigned int i = 1; i < threads && i < run->block_count; i++)
		workers[i].started = !pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	work(&workers[0]);
	for (unsigned int i = 1; i < threads; i++) {
		if (workers[i].started)
			pthread_join(workers[i].thread, NULL);
		workers[i].started = false;
	}
}

static void hand_out(struct run *run, struct groups *groups, const struct alike_events *events)
{
	for (size_t i = 0; i < run->block_count; i++) {
		struct block *block = &run->blocks[i];
		for (size_t k = 0; k < block->count; k++)
			if (run->options->all ||
			    groups_join(groups, block->found[k].a, block->found[k].b))
				events->found(events->context, &block->found[k]);
		free(block->found);
	}
}

/* The blocks of the next round: few at first, so that what is all alike is soon one group. */
static size_t plan_round(struct run *run, size_t first)
{
	size_t most = run->options->all ? ALL_BLOCKS : ROUND_BLOCKS;
	size_t wanted = min_of(first / BLOCK + 1, most);
	for (run->block_count = 0; run->block_count < wanted && first < run->known->count;
	     first += BLOCK)
		run->blocks[run->block_count++] = (struct block){.first = first};
	return first;
}

static struct worker *workers_new(struct run *run)
{
	size_t count = run->known->count;
	struct worker *workers = alloc_zero(run->options->threads, sizeof(*workers));
	for (unsigned int i = 0; i < run->options->threads; i++) {
		struct finder *finder = &workers[i].finder;
		workers[i].run = run;
		finder->met = alloc_zero(count, sizeof(*finder->met));
		finder->candidates = alloc_zero(count, sizeof(*finder->candidates));
		finder->parent = alloc_zero(count, sizeof(*finder->parent));
		finder->block = alloc_zero(count, sizeof(*finder->block));
	}
	return workers;
}

static void workers_free(const struct run *run, struct worker *workers)
{
	for (unsigned int i = 0; i < run->options->threads; i++) {
		free(workers[i].finder.met);
		free(workers[i].finder.candidates);
		free(workers[i].finder.parent);
		free(workers[i].finder.block);
	}
	free(workers);
}

void known_alike(const struct known *known, const struct alike_options *options,
		 const struct alike_events *events)
{
	if (!known->count)
		return;
	_cleanup_groups_ struct groups *groups = groups_new(known->count);
	struct run run = {
		.known = known,
		.options = options,
		.groups = groups,
		.range = index_keys(&known->index, options->part, options->parts),
		.least = max_of(options->threshold, 1),
	};
	struct worker *workers = workers_new(&run);
	for (size_t first = 0; first < known->count;) {
		first = plan_round(&run, first);
		do_round(&run, workers);
		hand_out(&run, groups, events);
		if (events->progress)
			events->progress(events->context, first, known->count);
	}
	workers_free(&run, workers);
}

int known_score(const struct known *known, uint32_t a, uint32_t b)
{
	struct fuzzy_buffer buffer_a, buffer_b;
	struct fuzzy fuzzy_a, fuzzy_b;
	struct fuzzy_query query;
	if (!entry_is_fuzzy(&known->entries[a]) || known->entries[a].type != known->entries[b].type)
		return 0;
	entry_fuzzy(known, &known->entries[a], &fuzzy_a, &buffer_a);
	entry_fuzzy(known, &known->entries[b], &fuzzy_b, &buffer_b);
	if (fuzzy_empty(&fuzzy_a) || fuzzy_empty(&fuzzy_b))
		return 0;
	fuzzy_query_init(&query, &fuzzy_a);
	return fuzzy_score(&query, &fuzzy_b, 1);
}
