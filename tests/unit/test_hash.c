/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hash: known values of imphash and impfuzzy; which lists have one impset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <impscan/bytes.h>
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
	assert_string_equal(hashes.impset, "");
	hash_impset(&hashes, &text);
	assert_string_equal(hashes.imphash, "");
	assert_string_equal(hashes.impfuzzy, "");
	assert_string_equal(hashes.impset, "");
	char hash[IMPFUZZY_SIZE] = "x";
	hash_sha256(hash, &text);
	assert_string_equal(hash, "");
	memset(hash, 'x', sizeof(hash));
	hash_fuzzy(hash, &text);
	assert_string_equal(hash, "");
}

/* SHA-256 of FIPS 180-2's example; libfuzzy's hash as impfuzzy has it. */
static void hashes_of_names(void **state)
{
	(void)state;
	_cleanup_text_ struct text text = {0};
	char hash[IMPFUZZY_SIZE];
	text_add_string(&text, "abc");
	hash_sha256(hash, &text);
	assert_string_equal(hash,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	text_clear(&text);
	text_add_string(&text, small);
	hash_fuzzy(hash, &text);
	assert_string_equal(hash, "3:sse0J6BJSOT1cW/GvR:/QcOT1n/GvR");
}

static void assert_set(const char *list, const char *set)
{
	_cleanup_text_ struct text text = {0}, out = {0};
	text_add_string(&text, list);
	text_add_string(&out, "what was there");
	impset_string(&out, &text);
	assert_string_equal(text_string(&out), set);
}

/* Tokens as docs/impset.md says how to compute them; computed with Python. */
static void tokens_of_a_set(void **state)
{
	(void)state;
	assert_set("", "");
	assert_set("kernel32.createfilew", "b98cfdae9832");
	assert_set("kernel32.heapalloc", "02eaeee652a7");
	assert_set("mfc140u.ord5", "4a6d26d1b933");
	assert_set(small, "10f2dcb841371d3febdae6f62d1ff318d40cb98cfdae9832");
}

/* What is lost in memory makes no difference, everything else does. */
static void lists_of_one_set(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{"a.x,b.y", "b.y,a.x", true},
		{"a.x,b.y", "a.x,b.y,a.x", true},
		{"a.x,b.y", "c.x,d.y", true},
		{"a.x,b.y", "a.x,b.z", false},
		{"a.x", "a.b.x", true},
		{"a.x", "x", true},
		{"a.x", "a.", false},
		/* API sets, and other DLLs that have the function */
		{"api-ms-win-crt-heap-l1-1-0.malloc", "ucrtbase.malloc", true},
		{"api-ms-win-core-synch-l1-2-0.waitonaddress", "kernelbase.waitonaddress", true},
		{"secur32.getusernameexw", "sspicli.getusernameexw", true},
		/* names of one address, and forwarders */
		{"ntdll.zwclose", "ntdll.ntclose", true},
		{"ucrtbase.atol", "msvcrt.atoi", true},
		{"kernel32.heapalloc", "ntdll.rtlallocateheap", true},
		{"kernel32.entercriticalsection", "ntdll.rtlentercriticalsection", true},
		{"kernel32.createfilea", "kernel32.createfilew", false},
		{"a.dllgetclassobject", "a.dllcanunloadnow", false},
		/* ordinals */
		{"wldap32.ord13", "wldap32.ldap_unbind", true},
		{"odbc32.ord1", "odbc32.sqlallocconnect", true},
		{"comctl32.ord17", "comctl32.initcommoncontrols", true},
		{"mfc140u.ord5", "mfc140u.ord6", false},
		{"mfc140u.ord5", "mfc140.ord5", false},
		{"a.ord", "b.ord", true},
		{"a.ord5x", "b.ord5x", true},
		{"a.order", "b.order", true},
		/* separators that lead nowhere */
		{"a.x,", "a.x", true},
		{"a,b.x", "b.a,b.x", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_cleanup_text_ struct text a = {0}, b = {0};
		struct hashes of_a, of_b;
		text_add_string(&a, cases[i].a);
		text_add_string(&b, cases[i].b);
		hash_impset(&of_a, &a);
		hash_impset(&of_b, &b);
		if (!strcmp(of_a.impset, of_b.impset) != cases[i].equal)
			fail_msg("%s and %s: %s and %s", cases[i].a, cases[i].b, of_a.impset,
				 of_b.impset);
	}
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

static void hashes_of_a_list_are_read(void **state)
{
	static const char imphash[] = "7b2bd3ba320918b5762c60721950bc7c";
	static const char *const none[] = {
		"",
		" ",
		"7b2bd3ba320918b5762c60721950bc7",
		"7b2bd3ba320918b5762c60721950bc7c0",
		"7b2bd3ba320918b5762c60721950bc7c 7b2bd3ba320918b5762c60721950bc7c",
		"24:a:b 24:c:d",
		"24:a:b name"};
	struct hashes hashes;
	(void)state;
	for (size_t i = 0; i < array_size(none); i++) {
		assert_false(hashes_read(&hashes, none[i]));
		assert_false(hashes_any(&hashes));
	}
	assert_true(hashes_read(&hashes, "7b2bd3ba320918b5762c60721950bc7c 24:a:b  impset:3:c:d"));
	assert_string_equal(hashes.imphash, imphash);
	assert_string_equal(hashes.impfuzzy, "24:a:b");
	assert_string_equal(hashes.impset, "3:c:d");
	assert_true(hashes_read(&hashes, "impset:3:c:d"));
	assert_string_equal(hashes.imphash, "");
	char longer[IMPFUZZY_SIZE + 9] = "24:";
	memset(longer + 3, 'a', IMPFUZZY_SIZE - 3);
	assert_false(hashes_read(&hashes, longer));
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
		cmocka_unit_test(hashes_of_names),
		cmocka_unit_test(tokens_of_a_set),
		cmocka_unit_test(lists_of_one_set),
		cmocka_unit_test(hashes_of_a_list_are_read),
		cmocka_unit_test(threads_may_hash_at_once),
	};
	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
