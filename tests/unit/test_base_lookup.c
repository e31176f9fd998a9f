/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hash tables and binary search.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include <impscan/address_set.h>
#include <impscan/hash_table.h>
#include <impscan/search.h>

struct pair {
	uint32_t round; /* 0: free; another one than the key's: free as well */
	uint32_t number;
	uint64_t square;
};

struct key {
	uint32_t round;
	uint32_t number;
};

static bool is_used(const void *slot, const void *key)
{
	return ((const struct pair *)slot)->round == ((const struct key *)key)->round;
}

static bool matches(const void *slot, const void *key)
{
	return ((const struct pair *)slot)->number == ((const struct key *)key)->number;
}

/* Eight hashes in all: so the keys collide. */
static uint64_t hash_of(uint32_t number)
{
	return number % 8 << 3 | UINT64_C(0xffffffff00000000);
}

static uint64_t slot_hash(const void *slot)
{
	return hash_of(((const struct pair *)slot)->number);
}

static const struct hash_kind kind = {sizeof(struct pair), is_used, matches, slot_hash};

static void add(struct hash_table *table, struct key key)
{
	struct pair *pair = hash_table_place(table, &kind, hash_of(key.number), &key);
	assert_int_not_equal(pair->round, key.round);
	*pair = (struct pair){key.round, key.number, (uint64_t)key.number * key.number};
	table->count++;
}

static const struct pair *find(const struct hash_table *table, struct key key)
{
	return hash_table_find(table, &kind, hash_of(key.number), &key);
}

static void tables_find_what_was_added(void **state)
{
	(void)state;
	struct hash_table table = {0};
	assert_null(find(&table, (struct key){1, 0}));
	for (uint32_t n = 0; n < 1000; n++) {
		add(&table, (struct key){1, n});
		assert_true(table.count == n + 1 && table.count * 2 <= table.capacity);
	}
	for (uint32_t n = 0; n < 1000; n++) {
		const struct pair *pair = find(&table, (struct key){1, n});
		assert_true(pair && pair->number == n && pair->square == (uint64_t)n * n);
		struct key key = {1, n};
		assert_ptr_equal(hash_table_place(&table, &kind, hash_of(n), &key), pair);
	}
	assert_null(find(&table, (struct key){1, 1000}));
	assert_int_equal(table.count, 1000);
	free(table.slots);
}

/* A kind may say that slots are free again, and does so while the table grows too. */
static void tables_forget_what_is_not_used(void **state)
{
	(void)state;
	struct hash_table table = {0};
	for (uint32_t n = 0; n < 20; n++)
		add(&table, (struct key){1, n});
	table.count = 0;
	for (uint32_t n = 100; n < 500; n++)
		add(&table, (struct key){2, n});
	for (uint32_t n = 0; n < 1000; n++)
		assert_true(!find(&table, (struct key){2, n}) == (n < 100 || n >= 500));
	assert_int_equal(table.count, 400);
	const struct pair *pairs = table.slots;
	for (size_t i = 0; i < table.capacity; i++)
		assert_int_not_equal(pairs[i].round, 1);
	free(table.slots);
}

static void tables_make_room_once(void **state)
{
	(void)state;
	struct hash_table table = {0};
	struct key none = {1, 0};
	hash_table_reserve(&table, &kind, &none, 1000);
	void *slots = table.slots;
	assert_int_equal(table.capacity, 2048);
	for (uint32_t n = 0; n < 1000; n++)
		add(&table, (struct key){1, n});
	hash_table_reserve(&table, &kind, &none, 500);
	assert_ptr_equal(table.slots, slots);
	assert_int_equal(table.capacity, 2048);
	free(table.slots);
}

static void hashes_are_spread(void **state)
{
	(void)state;
	assert_int_not_equal(hash_secret, 0);
	assert_true(hash_number(1) == hash_number(1) && hash_number(1) != hash_number(2));
	assert_true(hash_string("a") == hash_string("a") && hash_string("a") != hash_string("b"));
	/* Pages of a megabyte: of 256 buckets at least half get one, whichever bits choose them. */
	for (unsigned int shift = 0; shift <= 48; shift += 8) {
		unsigned int buckets = 0;
		bool taken[256] = {0};
		for (uint64_t page = 0; page < 256; page++) {
			bool *bucket = &taken[hash_number(page << 12) >> shift & 255];
			buckets += !*bucket;
			*bucket = true;
		}
		assert_true(buckets >= 128);
	}
}

static void sets_know_what_they_have(void **state)
{
	(void)state;
	_cleanup_address_set_ struct address_set set = {0};
	assert_false(address_set_has(&set, 0));
	for (uint64_t i = 0; i < 1000; i++) {
		assert_true(address_set_add(&set, i << 44));
		assert_false(address_set_add(&set, i << 44));
	}
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(address_set_has(&set, i << 44) && !address_set_has(&set, i << 44 | 1));
}

static void searches_find_the_first(void **state)
{
	(void)state;
	static const unsigned int numbers[] = {2, 4, 4, 4, 6, 8};
	for (size_t count = 0; count <= 6; count++) {
		for (unsigned int n = 0; n < 10; n++) {
			size_t lower = 0, upper = 0, asked = 0;
			while (lower < count && numbers[lower] < n)
				lower++;
			while (upper < count && numbers[upper] <= n)
				upper++;
			assert_int_equal(search_first(i, 0, count, numbers[i] >= n), lower);
			assert_int_equal(search_first(k, 0, count, (asked++, numbers[k] > n)),
					 upper);
			assert_true(asked <= 3);
		}
	}
	/* From another number than 0 on, and none beyond the last. */
	assert_int_equal(search_first(i, 2, 6, numbers[i] >= 4), 2);
	assert_int_equal(search_first(i, 2, 4, numbers[i] >= 8), 4);
	assert_int_equal(search_first(i, 5, 5, true), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_find_what_was_added),
		cmocka_unit_test(tables_forget_what_is_not_used),
		cmocka_unit_test(tables_make_room_once),
		cmocka_unit_test(hashes_are_spread),
		cmocka_unit_test(sets_know_what_they_have),
		cmocka_unit_test(searches_find_the_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
