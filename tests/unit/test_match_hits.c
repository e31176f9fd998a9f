/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match: what several lists of one module resemble, as rows: the best match of each sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <impscan/alloc.h>
#include <impscan/match.h>

#include "made_hashes.h"

static void made_imphash(char imphash[IMPHASH_SIZE], unsigned int number)
{
	snprintf(imphash, IMPHASH_SIZE, "%032x", number * 2654435761u + 1);
}

static int compare(const void *a, const void *b)
{
	const struct match *x = a, *y = b;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* The rows by the plainest way: search after search, each match looked for among those before. */
static void merge_slowly(const struct known *known, const struct hashes *lists, size_t count,
			 int threshold, struct matches *all)
{
	_cleanup_matches_ struct matches found = {0};
	all->count = 0;
	for (size_t list = 0; list < count; list++) {
		known_find(known, &lists[list], threshold, &found);
		for (size_t i = 0; i < found.count; i++) {
			struct match match = found.items[i];
			match.list = (uint8_t)list;
			match.rebuilt = list > 0;
			size_t at = 0;
			while (at < all->count && all->items[at].order != match.order)
				at++;
			if (at == all->count)
				*array_push(all->items, all->count, all->capacity) = match;
			else if (match.score > all->items[at].score)
				all->items[at] = match;
		}
	}
	if (all->count)
		qsort(all->items, all->count, sizeof(*all->items), compare);
}

static void merge_by_hits(const struct known *known, const struct hashes *lists, size_t count,
			  int threshold, struct matches *all)
{
	struct hits *hits = NULL;
	for (size_t list = 0; list < count; list++)
		hits = known_hits(known, &lists[list], threshold, (unsigned int)list, all, hits);
	known_matches(known, hits, all);
	hits_unref(hits);
}

static void lists_are_merged_as_one_after_the_other(void **state)
{
	(void)state;
	enum { COUNT = 3000, MODULES = 200, LISTS = 5 };
	_cleanup_known_ struct known *known = known_new();
	for (unsigned int i = 0; i < COUNT; i++) {
		struct hashes hashes = {0};
		char name[16];
		snprintf(name, sizeof(name), "sample %u", i);
		/* few different ones: samples share one or the other hash, or both */
		if (i % 3)
			made_imphash(hashes.imphash, i * 7 % 40);
		if (i % 3 != 1)
			made_impfuzzy(hashes.impfuzzy, i % 20, i * 11 % 60);
		assert_null(known_add_hashes(known, &hashes, name));
	}
	known_seal(known);
	_cleanup_matches_ struct matches slow = {0}, fast = {0};
	size_t rows = 0, rebuilt = 0;
	for (unsigned int m = 0; m < MODULES; m++) {
		struct hashes lists[LISTS] = {0};
		for (unsigned int l = 0; l < LISTS; l++) {
			made_imphash(lists[l].imphash, (m + l * 3) % 60);
			made_impfuzzy(lists[l].impfuzzy, m % 20, (m * 5 + l * 11) % 60);
		}
		int threshold = (int)(m % 5 * 25);
		merge_slowly(known, lists, LISTS, threshold, &slow);
		merge_by_hits(known, lists, LISTS, threshold, &fast);
		assert_int_equal(fast.count, slow.count);
		for (size_t i = 0; i < fast.count; i++) {
			const struct match *a = &fast.items[i], *b = &slow.items[i];
			assert_int_equal(a->order, b->order);
			assert_int_equal(a->score, b->score);
			assert_ptr_equal(a->name, b->name);
			assert_ptr_equal(a->hash, b->hash);
			assert_int_equal(a->list, b->list);
			assert_int_equal(a->rebuilt, b->rebuilt);
			assert_int_equal(a->type, b->type);
			rebuilt += a->rebuilt;
		}
		rows += fast.count;
	}
	assert_true(rows > 40000 && rebuilt > 10000);
}

/* Feeds name one imphash for thousands of samples: time and memory by the row, not by its square. */
static void one_hash_of_many_samples(void **state)
{
	(void)state;
	enum { COUNT = 400000 };
	struct hashes hashes = {0};
	made_imphash(hashes.imphash, 1);
	made_impfuzzy(hashes.impfuzzy, 1, 1);
	_cleanup_known_ struct known *known = known_new();
	for (unsigned int i = 0; i < COUNT; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%u", i);
		assert_null(known_add_hashes(known, &hashes, name));
	}
	known_seal(known);
	clock_t start = clock();
	_cleanup_matches_ struct matches all = {0};
	struct hits *hits = NULL;
	for (unsigned int list = 0; list < 9; list++)
		hits = known_hits(known, &hashes, 30, list, &all, hits);
	assert_true(hits_memory(hits) < 100);
	struct hits *same = hits_ref(hits);
	hits_unref(hits);
	known_matches(known, same, &all);
	hits_unref(same);
	assert_int_equal(all.count, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(all.items[i].order, 2 * i);
		assert_int_equal(all.items[i].score, 100);
		assert_int_equal(atoi(all.items[i].name), i);
		assert_false(all.items[i].type == HASH_IMPFUZZY || all.items[i].rebuilt);
	}
	/* Pair by pair it took minutes. */
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 10);
}

static void nothing_found_is_no_hits(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = known_new();
	struct hashes hashes = {0};
	made_imphash(hashes.imphash, 1);
	assert_null(known_add_hashes(known, &hashes, "one"));
	known_seal(known);
	made_imphash(hashes.imphash, 2);
	_cleanup_matches_ struct matches matches = {0};
	assert_null(known_hits(known, &hashes, 30, 0, &matches, NULL));
	assert_int_equal(hits_memory(NULL), 0);
	known_matches(known, NULL, &matches);
	assert_int_equal(matches.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_merged_as_one_after_the_other),
		cmocka_unit_test(one_hash_of_many_samples),
		cmocka_unit_test(nothing_found_is_no_hits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
