/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hash: known values of imphash and impfuzzy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include <impscan/hash.h>

static const char small[] = "kernel32.createfilew,kernel32.closehandle,ws2_32.send,ws2_32.socket";

/* Values of pefile 2023.2.7 and libfuzzy 2.14. */
static void hashes_of_a_string(void **state)
{
	(void)state;
	_cleanup_text_ struct text text = {0};
	text_add_string(&text, small);
	struct hashes hashes;
	hash_imports(&hashes, &text, &text);
	assert_string_equal(hashes.imphash, "66f06718795bd4342395883eb8b24f95");
	assert_string_equal(hashes.impfuzzy, "3:sse0J6BJSOT1cW/GvR:/QcOT1n/GvR");
}

static void two_strings_give_one_hash_each(void **state)
{
	(void)state;
	_cleanup_text_ struct text text = {0};
	_cleanup_text_ struct text fuzzy = {0};
	text_add_string(&text, "a");
	text_add_string(&fuzzy, small);
	struct hashes hashes;
	hash_imports(&hashes, &text, &fuzzy);
	assert_string_equal(hashes.imphash, "0cc175b9c0f1b6a831c399e269772661");
	assert_string_equal(hashes.impfuzzy, "3:sse0J6BJSOT1cW/GvR:/QcOT1n/GvR");
}

static void nothing_has_no_hash(void **state)
{
	(void)state;
	struct text text = {0};
	struct hashes hashes;
	memset(&hashes, 'x', sizeof(hashes));
	hash_imports(&hashes, &text, &text);
	assert_string_equal(hashes.imphash, "");
	assert_string_equal(hashes.impfuzzy, "");
}

static void *hash_often(void *good)
{
	struct text text = {.data = (char *)(uintptr_t)small, .length = strlen(small)};
	for (int i = 0; i < 500; i++) {
		struct hashes hashes;
		hash_imports(&hashes, &text, &text);
		if (strcmp(hashes.imphash, "66f06718795bd4342395883eb8b24f95") != 0)
			return NULL;
	}
	return good;
}

static void threads_may_hash_at_once(void **state)
{
	(void)state;
	pthread_t threads[4];
	int good;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_often, &good), 0);
	for (size_t i = 0; i < 4; i++) {
		void *result;
		pthread_join(threads[i], &result);
		assert_ptr_equal(result, &good);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_of_a_string),
		cmocka_unit_test(two_strings_give_one_hash_each),
		cmocka_unit_test(nothing_has_no_hash),
		cmocka_unit_test(threads_may_hash_at_once),
	};
	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
