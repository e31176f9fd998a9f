/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match: pairs and groups of alike hashes are those of comparing all with all by libfuzzy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fuzzy.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cluster.h>

#include "made_hashes.h"
#include "match/fuzzy.h"

#define MOST 1600

/* Hashes, and their scores with each other as libfuzzy has them. */
struct world {
	char texts[MOST][IMPFUZZY_SIZE];
	size_t count;
	struct known *known;
	uint8_t *scores;
};

static void add_text(struct world *world, const char *text)
{
	assert_true(world->count < MOST);
	strcpy(world->texts[world->count++], text);
}

/* fuzzy_compare() calls two hashes of nothing equal, which impscan never matches. */
static bool is_empty(const char *text)
{
	return strstr(text, "::") && !strstr(text, "::")[2];
}

static void seal(struct world *world)
{
	size_t n = world->count;
	world->known = known_new();
	world->scores = alloc_zero(n * n, 1);
	for (size_t i = 0; i < n; i++)
		assert_null(known_add(world->known, world->texts[i], strlen(world->texts[i]), ""));
	known_seal(world->known);
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n && !is_empty(world->texts[i]); k++)
			if (!is_empty(world->texts[k]))
				world->scores[i * n + k] = (uint8_t)max_of(
					fuzzy_compare(world->texts[i], world->texts[k]), 0);
}

static void close_world(struct world *world)
{
	known_free(world->known);
	free(world->scores);
	free(world);
}

/* Is it the same hash? A score of 100 does not say so, since it is rounded. */
static bool is_equal(const char *a, const char *b)
{
	struct fuzzy_shape shape_a, shape_b;
	struct fuzzy_buffer buffer_a, buffer_b;
	struct fuzzy fuzzy_a, fuzzy_b;
	fuzzy_parse(a, strlen(a), &shape_a);
	fuzzy_open(&fuzzy_a, a, &shape_a, &buffer_a);
	fuzzy_parse(b, strlen(b), &shape_b);
	fuzzy_open(&fuzzy_b, b, &shape_b, &buffer_b);
	return fuzzy_equal(&fuzzy_a, &fuzzy_b);
}

/* What known_alike() handed out, in its order. */
struct found {
	const struct world *world;
	struct alike *items;
	size_t count, capacity;
	struct groups *groups;
};

static void on_found(void *context, const struct alike *alike)
{
	struct found *found = context;
	*array_push(found->items, found->count, found->capacity) = *alike;
	assert_true(alike->a < alike->b && alike->b < found->world->count);
	/* Of equal hashes the first stands for all. */
	if (alike->score < 100)
		assert_int_equal(alike->score,
				 found->world->scores[alike->a * found->world->count + alike->b]);
	groups_join(found->groups, alike->a, alike->b);
}

static struct found find(const struct world *world, const struct alike_options *options)
{
	struct found found = {.world = world, .groups = groups_new(world->count)};
	known_alike(world->known, options,
		    &(struct alike_events){.found = on_found, .context = &found});
	return found;
}

static void found_free(struct found *found)
{
	free(found->items);
	groups_free(found->groups);
}

static struct groups *brute_force(const struct world *world, int threshold)
{
	struct groups *groups = groups_new(world->count);
	for (uint32_t a = 0; a < world->count; a++)
		for (uint32_t b = a + 1; b < world->count; b++)
			if (world->scores[a * world->count + b] >= max_of(threshold, 1))
				groups_join(groups, a, b);
	return groups;
}

static void assert_same_groups(const struct world *world, const struct groups *a,
			       const struct groups *b)
{
	for (uint32_t i = 0; i < world->count; i++)
		assert_int_equal(groups_of(a, i), groups_of(b, i));
}

/* All pairs but those with a hash that equals one before it. */
static void assert_all_pairs(const struct world *world, int threshold)
{
	struct found found =
		find(world, &(struct alike_options){threshold, .threads = 2, .all = true});
	size_t n = world->count, expected = 0;
	bool *again = alloc_zero(n, sizeof(*again));
	for (size_t a = 0; a < n; a++)
		for (size_t b = a + 1; b < n && !again[a]; b++)
			if (world->scores[a * n + b] == 100 &&
			    is_equal(world->texts[a], world->texts[b])) {
				again[b] = true;
				expected++;
			}
	for (size_t a = 0; a < n; a++)
		for (size_t b = a + 1; b < n && !again[a]; b++)
			expected += !again[b] && world->scores[a * n + b] >= max_of(threshold, 1);
	assert_int_equal(found.count, expected);
	free(again);
	found_free(&found);
}

static void assert_same_found(const struct found *a, const struct found *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		assert_int_equal(a->items[i].a, b->items[i].a);
		assert_int_equal(a->items[i].b, b->items[i].b);
		assert_int_equal(a->items[i].score, b->items[i].score);
	}
}

/* The groups of the pairs of all parts are those of the whole. */
static void assert_parts(const struct world *world, int threshold, uint32_t parts,
			 const struct groups *whole)
{
	_cleanup_groups_ struct groups *groups = groups_new(world->count);
	size_t sum = 0;
	for (uint32_t part = 1; part <= parts; part++) {
		struct found found =
			find(world, &(struct alike_options){threshold, .threads = 2, .part = part,
							    .parts = parts});
		for (size_t i = 0; i < found.count; i++)
			groups_join(groups, found.items[i].a, found.items[i].b);
		sum += found.count;
		found_free(&found);
	}
	assert_same_groups(world, groups, whole);
	if (parts == 2 && threshold == 30 && world->count == MOST)
		assert_true(sum > 0); /* there are families */
}

static void assert_world(const struct world *world)
{
	static const int thresholds[] = {0, 30, 50, 70, 90, 100};
	for (size_t i = 0; i < array_size(thresholds); i++) {
		int threshold = thresholds[i];
		_cleanup_groups_ struct groups *expected = brute_force(world, threshold);
		struct found one = find(world, &(struct alike_options){threshold, .threads = 1});
		struct found three = find(world, &(struct alike_options){threshold, .threads = 3});
		assert_same_groups(world, one.groups, expected);
		assert_same_found(&one, &three);
		found_free(&one);
		found_free(&three);
		assert_all_pairs(world, threshold);
		assert_parts(world, threshold, 2, expected);
		assert_parts(world, threshold, 7, expected);
	}
	_cleanup_groups_ struct groups *expected = brute_force(world, 70);
	assert_parts(world, 70, 1, expected);
	if (world->count < 100)
		assert_parts(world, 70, 70000, expected); /* more than the index has keys */
}

static void families_are_groups(void **state)
{
	(void)state;
	struct world *world = alloc_new(struct world);
	char text[IMPFUZZY_SIZE];
	for (size_t i = 0; i < MOST; i++) {
		made_impfuzzy(text, i / 8, i % 8);
		add_text(world, text);
	}
	seal(world);
	_cleanup_groups_ struct groups *groups = brute_force(world, 70);
	size_t heads = 0;
	for (uint32_t i = 0; i < world->count; i++)
		heads += groups_of(groups, i) == i;
	assert_in_range(heads, MOST / 8, MOST - MOST / 8); /* neither one nor all */
	assert_world(world);
	close_world(world);
}

/* `count` hashes that are the same but for what stands behind `common`. */
static void add_sharing(struct world *world, struct made *made, const char *common, size_t count,
			unsigned int length)
{
	for (size_t i = 0; i < count; i++) {
		char part[65], text[IMPFUZZY_SIZE];
		made_part(made, part, length, length);
		snprintf(text, sizeof(text), "48:%s%s:%.20s", common, part, part);
		add_text(world, text);
	}
}

static void hostile_hashes_are_compared_all_the_same(void **state)
{
	(void)state;
	struct world *world = alloc_new(struct world);
	struct made made = {.state = 7};
	for (size_t i = 0; i < 50; i++) {
		add_text(world, "24:abcdefghijklmnop:abcdefgh"); /* equal */
		add_text(world, "3::");
		add_text(world, "3:aaaabcdefg:q"); /* equal when folded */
		add_text(world, "3:aaaaaaabcdefg:q");
		add_text(world, i % 2 ? "3:abc:d" : "3:abcdefg:abcdefg"); /* one block */
	}
	add_sharing(world, &made, "sharing", 300, 57); /* one run of seven, strangers else */
	add_sharing(world, &made, "SHARINGSHARINGSHARINGSHARINGSHARINGSHARINGSHARING", 300, 15);
	seal(world);
	assert_world(world);
	close_world(world);
}

/* A chain: each is alike the next, the first not alike the last. */
static void chains_are_one_group(void **state)
{
	(void)state;
	struct world *world = alloc_new(struct world);
	struct made made = {.state = 11};
	char part[65], text[IMPFUZZY_SIZE];
	made_part(&made, part, 60, 60);
	for (size_t i = 0; i < 60; i++) {
		snprintf(text, sizeof(text), "48:%s:", part);
		add_text(world, text);
		part[i] = part[i] == 'A' ? 'B' : 'A';
	}
	seal(world);
	assert_int_equal(fuzzy_compare(world->texts[0], world->texts[59]), 0);
	_cleanup_groups_ struct groups *groups = brute_force(world, 90);
	assert_int_equal(groups_of(groups, 59), 0);
	assert_world(world);
	close_world(world);
}

/* Hashes of different types are not compared, whatever they say. */
static void types_are_apart(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"24:abcdefghijklmnop:abcdefgh",
		"typerefuzzy:24:abcdefghijklmnop:abcdefgh",
		"gimpfuzzy:24:abcdefghijklmnop:abcdefgh",
		"24:abcdefghijklmnopq:abcdefgh",
		"typerefuzzy:24:abcdefghijklmnoq:abcdefgh",
		"d41d8cd98f00b204e9800998ecf8427f",
	};
	_cleanup_known_ struct known *known = known_new();
	struct world world = {.count = array_size(texts)};
	struct found found = {.world = &world, .groups = groups_new(world.count)};
	world.scores = alloc_zero(world.count * world.count, 1);
	world.scores[0 * world.count + 3] = (uint8_t)fuzzy_compare(texts[0], texts[3]);
	world.scores[1 * world.count + 4] = (uint8_t)fuzzy_compare(texts[0], texts[4] + 12);
	for (size_t i = 0; i < world.count; i++)
		assert_null(known_add(known, texts[i], strlen(texts[i]), ""));
	known_seal(known);
	known_alike(known, &(struct alike_options){50, .threads = 1, .all = true},
		    &(struct alike_events){.found = on_found, .context = &found});
	assert_int_equal(found.count, 2);
	assert_int_equal(groups_of(found.groups, 3), 0);
	assert_int_equal(groups_of(found.groups, 4), 1);
	assert_int_equal(groups_of(found.groups, 2), 2);
	found_free(&found);
	free(world.scores);
}

static void nothing_is_alike_in_an_empty_set(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = known_new();
	known_seal(known);
	known_alike(known, &(struct alike_options){0, .threads = 1}, &(struct alike_events){0});
	groups_free(groups_new(0));
	groups_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families_are_groups),
		cmocka_unit_test(hostile_hashes_are_compared_all_the_same),
		cmocka_unit_test(chains_are_one_group),
		cmocka_unit_test(types_are_apart),
		cmocka_unit_test(nothing_is_alike_in_an_empty_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
