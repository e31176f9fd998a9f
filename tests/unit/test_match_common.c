/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match: import lists that half the world has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <impscan/match.h>

static void of_list(struct hashes *hashes, const char *list)
{
	_cleanup_text_ struct text text = {0};
	text_add_string(&text, list);
	hash_imports(hashes, &text, &text);
}

static void common_lists_have_a_note(void **state)
{
	(void)state;
	struct hashes hashes = {0};
	of_list(&hashes, "mscoree._corexemain");
	assert_non_null(strstr(match_note(&hashes), ".NET"));
	of_list(&hashes, "mscoree._cordllmain");
	assert_non_null(strstr(match_note(&hashes), ".NET"));
	of_list(&hashes, "ntdll.ntcontinue");
	assert_non_null(strstr(match_note(&hashes), "ConfuserEx"));
	of_list(&hashes, "kernel32.exitprocess");
	assert_null(match_note(&hashes));
	memset(&hashes, 0, sizeof(hashes));
	assert_null(match_note(&hashes));
}

static void common_hashes_of_a_set_are_counted(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"6f9fd465750a0db68adce98869da7d3c a",
		"6F9FD465750A0DB68ADCE98869DA7D3C b",
		"0123456789abcdef0123456789abcdef",
	};
	_cleanup_known_ struct known *known = known_new();
	for (size_t i = 0; i < 3; i++)
		assert_null(known_add(known, texts[i], strlen(texts[i]), NULL));
	known_seal(known);
	size_t count, all = 0;
	const char *cause;
	for (size_t i = 0; (cause = known_common(known, i, &count)); i++) {
		all += count;
		if (count)
			assert_non_null(strstr(cause, "NSIS"));
	}
	assert_int_equal(all, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(common_lists_have_a_note),
		cmocka_unit_test(common_hashes_of_a_set_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
