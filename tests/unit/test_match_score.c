/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match: the score is libfuzzy's, and the index finds what comparing with everything finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fuzzy.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/match.h>

#include "made_hashes.h"
#include "match/fuzzy.h"

static int own_score(const char *a, const char *b, int least)
{
	struct fuzzy_shape shape;
	struct fuzzy_buffer buffer_a, buffer_b;
	struct fuzzy fuzzy_a, fuzzy_b;
	assert_int_equal(fuzzy_parse(a, strlen(a), &shape), strlen(a));
	fuzzy_open(&fuzzy_a, a, &shape, &buffer_a);
	assert_int_equal(fuzzy_parse(b, strlen(b), &shape), strlen(b));
	fuzzy_open(&fuzzy_b, b, &shape, &buffer_b);
	struct fuzzy_query query;
	fuzzy_query_init(&query, &fuzzy_a);
	return fuzzy_score(&query, &fuzzy_b, least);
}

/* Corners of fuzzy_compare(): block sizes that no ssdeep writes, lengths of 6, 7 and 64, runs. */
static void corners_score_as_libfuzzy(void **state)
{
	(void)state;
#define C64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	static const char *const hashes[] = {
		"3::",
		"6::",
		"0::",
		"3:a:",
		"3::a",
		"3:abcdef:abcdef",
		"3:abcdefg:abcdefg",
		"3:abcdefgh:bcdefg",
		"6:abcdefgh:bcdefg",
		"6:bcdefgh:abcdefgh",
		"12:abcdefgh:x",
		"0:abcdefgh:abcdefgh",
		"1:abcdefgh:abcdefgh",
		"2:abcdefghi:abcdefghi",
		"4:abcdefgh:abcdefghi",
		"7:abcdefghij:abcdefghik",
		"14:abcdefghijk:z",
		"15:abcdefghij:z",
		"30:abcdefghijk:z",
		"44:abcdefghij:z",
		"45:abcdefghij:z",
		"22:y:abcdefghij",
		"23:y:abcdefghij",
		"03:abcdefgh:bcdefg",
		"3:abcXdefg:abcdefg",
		"3:aaaabcdefg:q",
		"3:aaaaaaabcdefg:q",
		"3:aaabcdefg:q",
		"3:aaaabcdefg:qqqqqqqq",
		"3:aaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaa",
		"3:aaabbbbcccc:x",
		("48:" C64 ":" C64),
		("48:" C64 ":abcdefghijklmnopqrstuvwxyz012345"),
		("96:" C64 ":z"),
		("24:z:" C64),
		"4294967295:abcdefghij:abcdefghik",
		"2147483648:abcdefghij:abcdefghijk",
		"1073741824:abcdefghij:abcdefghijk",
		"4294967294:abcdefghijk:x",
		"2147483647:x:abcdefghij",
	};
	for (size_t i = 0; i < array_size(hashes); i++)
		for (size_t j = 0; j < array_size(hashes); j++) {
			int expected = fuzzy_compare(hashes[i], hashes[j]);
			if (own_score(hashes[i], hashes[j], 1) != expected)
				fail_msg("%s %s: %d, not %d", hashes[i], hashes[j],
					 own_score(hashes[i], hashes[j], 1), expected);
		}
}

static void made_hashes_score_as_libfuzzy(void **state)
{
	(void)state;
	size_t above = 0;
	for (uint64_t family = 0; family < 20000; family++) {
		char a[IMPFUZZY_SIZE];
		made_impfuzzy(a, family, 0);
		for (uint64_t member = 1; member < 11; member++) {
			char b[IMPFUZZY_SIZE];
			made_impfuzzy(b, family, member);
			int expected = fuzzy_compare(a, b);
			int least = (int)(family % 100) + 1;
			int score = own_score(a, b, least);
			above += expected > 0;
			if (score != expected && (score >= least || expected >= least))
				fail_msg("%s %s: %d, not %d", a, b, score, expected);
		}
	}
	/* The families are what they are meant to be, or this has shown nothing. */
	assert_true(above > 100000);
}

/* Rows of known_find() against fuzzy_compare() with each entry. */
static size_t check_search(const struct known *known, char (*all)[IMPFUZZY_SIZE], size_t count,
			   const char *impfuzzy, int threshold, struct matches *matches)
{
	struct hashes hashes = {0};
	strcpy(hashes.impfuzzy, impfuzzy);
	known_find(known, &hashes, threshold, matches);
	int *scores = alloc_zero(count, sizeof(*scores));
	for (size_t i = 0; i < matches->count; i++) {
		const struct match *match = &matches->items[i];
		assert_true(match->order < count);
		assert_int_equal(scores[match->order], 0);
		assert_true(match->score >= threshold && match->score > 0);
		assert_true(match->type == HASH_IMPFUZZY);
		assert_string_equal(match->hash, all[match->order]);
		assert_string_equal(match->name, all[match->order]);
		scores[match->order] = match->score;
		if (i) {
			const struct match *before = match - 1;
			assert_true(
				before->score > match->score ||
				(before->score == match->score && before->order < match->order));
		}
	}
	for (size_t i = 0; i < count; i++) {
		int score = fuzzy_compare(impfuzzy, all[i]);
		bool empty = strstr(impfuzzy, "::") && !strstr(impfuzzy, "::")[2];
		if (empty || score < threshold)
			score = 0;
		if (score != scores[i])
			fail_msg("%s %s: %d, not %d", impfuzzy, all[i], scores[i], score);
	}
	free(scores);
	return matches->count;
}

/* Some 2.4 million comparisons, among relatives and strangers, with equal entries. */
static void search_finds_what_comparing_with_all_finds(void **state)
{
	(void)state;
	enum { COUNT = 4000, SEARCHES = 600 };
	static char all[COUNT][IMPFUZZY_SIZE];
	_cleanup_known_ struct known *known = known_new();
	for (size_t i = 0; i < COUNT; i++) {
		if (i % 50 == 49)
			strcpy(all[i], all[i - 7]);
		else if (i % 50 == 48)
			strcpy(all[i], "3::");
		else
			made_impfuzzy(all[i], i % 80, i);
		assert_null(known_add(known, all[i], strlen(all[i]), NULL));
	}
	assert_int_equal(known_count(known), COUNT);
	known_seal(known);
	_cleanup_matches_ struct matches matches = {0};
	size_t rows = 0;
	for (size_t i = 0; i < SEARCHES; i++) {
		char impfuzzy[IMPFUZZY_SIZE];
		if (i % 10 == 0)
			strcpy(impfuzzy, all[i]);
		else if (i % 10 == 1)
			strcpy(impfuzzy, "3::");
		else
			made_impfuzzy(impfuzzy, i % 100, COUNT + i);
		rows += check_search(known, all, COUNT, impfuzzy, (int)(i * 7 % 101), &matches);
	}
	assert_true(rows > 5000);
}

/* Short hashes have no seven characters to be found by: equal ones are found all the same. */
static void short_hashes_match_only_when_equal(void **state)
{
	(void)state;
	static char all[][IMPFUZZY_SIZE] = {
		"3:abc:de", "3:abd:de", "6:abc:de", "3:aaaaaa:b", "3:aaa:b", "3:aaaa:bb", "3::b",
		"3::bbbb",  "3::bbb",	"3:b:",	    "3::",	  "6::",     "3:abc:de",
	};
	_cleanup_known_ struct known *known = known_new();
	for (size_t i = 0; i < array_size(all); i++)
		assert_null(known_add(known, all[i], strlen(all[i]), NULL));
	known_seal(known);
	_cleanup_matches_ struct matches matches = {0};
	for (size_t i = 0; i < array_size(all); i++)
		for (int threshold = 0; threshold <= 100; threshold += 50)
			check_search(known, all, array_size(all), all[i], threshold, &matches);
	assert_int_equal(check_search(known, all, array_size(all), "3:abc:de", 0, &matches), 2);
	assert_int_equal(check_search(known, all, array_size(all), "3:aaaaa:b", 0, &matches), 2);
	assert_int_equal(check_search(known, all, array_size(all), "3::", 0, &matches), 0);
}

struct job {
	const struct known *known;
	size_t rows;
};

static void *search_all(void *context)
{
	struct job *job = context;
	_cleanup_matches_ struct matches matches = {0};
	for (uint64_t i = 0; i < 2000; i++) {
		struct hashes hashes = {0};
		made_impfuzzy(hashes.impfuzzy, i % 50, 9000 + i);
		known_find(job->known, &hashes, 30, &matches);
		job->rows += matches.count;
	}
	return NULL;
}

static void threads_search_one_set(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = known_new();
	for (uint64_t i = 0; i < 2000; i++) {
		char hash[IMPFUZZY_SIZE];
		made_impfuzzy(hash, i % 50, i);
		assert_null(known_add(known, hash, strlen(hash), NULL));
	}
	known_seal(known);
	struct job alone = {.known = known};
	search_all(&alone);
	struct job jobs[3];
	pthread_t threads[3];
	for (size_t i = 0; i < 3; i++) {
		jobs[i] = (struct job){.known = known};
		assert_int_equal(pthread_create(&threads[i], NULL, search_all, &jobs[i]), 0);
	}
	for (size_t i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(jobs[i].rows, alone.rows);
	}
	assert_true(alone.rows > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corners_score_as_libfuzzy),
		cmocka_unit_test(made_hashes_score_as_libfuzzy),
		cmocka_unit_test(search_finds_what_comparing_with_all_finds),
		cmocka_unit_test(short_hashes_match_only_when_equal),
		cmocka_unit_test(threads_search_one_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
