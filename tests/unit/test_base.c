/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base: growing text, names made fit to print, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include <errno.h>
#include <string.h>

#include <impscan/address_map.h>
#include <impscan/alloc.h>
#include <impscan/budget.h>
#include <impscan/bytes.h>
#include <impscan/error.h>
#include <impscan/strings.h>
#include <impscan/text.h>

static void utf16_decodes_with_replacement(void **state)
{
	(void)state;
	const uint8_t units[] = {
		'a',  0,    0xe9, 0,	/* e acute */
		0x3d, 0xd8, 0x00, 0xde, /* U+1F600 as a pair */
		0x00, 0xd8, 'b',  0,	/* a lone high surrogate */
		0,    0,    'z',  0,	/* a NUL that does not end it */
		0,    0,    0,	  0,	/* those that do */
	};
	_cleanup_free_ char *s = text_from_utf16(units, sizeof(units));
	assert_string_equal(s, "a\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd"
			       "b\xc0\x80z");
	_cleanup_free_ char *odd = text_from_utf16("x\0y", 3);
	assert_string_equal(odd, "x");
	_cleanup_free_ char *none = text_from_utf16("", 0);
	assert_string_equal(none, "");
	_cleanup_free_ char *nothing = text_from_utf16("\0\0\0\0", 4);
	assert_string_equal(nothing, "");
}

static void assert_printed(const char *utf8, const char *expected)
{
	_cleanup_text_ struct text t = {0};
	text_add_printable(&t, utf8);
	assert_string_equal(text_string(&t), expected);
	_cleanup_text_ struct text back = {0};
	text_add_unescaped(&back, expected);
	assert_string_equal(text_string(&back), utf8);
}

static void printable_escapes_what_steers_a_terminal(void **state)
{
	(void)state;
	assert_printed("C:\\a\x1b[31m\x7f\xc2\x9b\xe2\x80\xae\xff\xc3",
		       "C:\\a\\x1b[31m\\x7f\\u{009b}\\u{202e}\\xff\\xc3");
	assert_printed("\xc3\xa9\xf0\x9f\x98\x80", "\xc3\xa9\xf0\x9f\x98\x80");
	assert_printed("a\xc0\x80"
		       "b",
		       "a\\x00b");
}

static void printable_escapes_what_is_not_seen(void **state)
{
	(void)state;
	assert_printed("a\xe2\x80\x8b"
		       "b\xe2\x81\xa0"
		       "c\xc2\xad",
		       "a\\u{200b}b\\u{2060}c\\u{00ad}");
	assert_printed("\xf3\xa0\x81\x81tag", "\\u{e0041}tag");
	assert_printed("x\xef\xb8\x8f", "x\\u{fe0f}");
	assert_printed("\xe1\x85\x9f\xe3\x85\xa4\xe3\x80\x80", "\\u{115f}\\u{3164}\\u{3000}");
}

static void printable_bounds_combining_marks(void **state)
{
	(void)state;
	assert_printed("e\xcc\x81", "e\xcc\x81");
	assert_printed("e\xcc\x81\xcc\x81\xcc\x81", "e\xcc\x81\xcc\x81\\u{0301}");
	assert_printed("\xcc\x81x", "\\u{0301}x");
	assert_printed("a \xcc\x81", "a \\u{0301}");
	assert_printed("\x1b\xcc\x81", "\\x1b\\u{0301}");
}

static void printable_keeps_columns_apart(void **state)
{
	(void)state;
	assert_printed("a b", "a b");
	assert_printed("a   b", "a \\x20\\x20b");
	assert_printed(" a ", "\\x20a\\x20");
	assert_printed(" ", "\\x20");
	_cleanup_text_ struct text t = {0};
	text_add_escaped(&t, " a  b\n");
	assert_string_equal(text_string(&t), " a  b\\x0a");
}

static void printable_backslashes_are_no_escapes(void **state)
{
	(void)state;
	assert_printed("\\\\host\\users\\x.exe", "\\\\host\\users\\x.exe");
	assert_printed("\\x1b", "\\\\x1b");
	assert_printed("\\\\x1B", "\\\\\\\\x1B");
	assert_printed("\\\x1b", "\\\\\\x1b");
	assert_printed("\\u{202e}", "\\\\u{202e}");
	assert_printed("end\\", "end\\");
	assert_printed("\\ \\", "\\ \\");
	/* An escaped blank behind a backslash is an escape. */
	assert_printed("a\\ ", "a\\\\\\x20");
	assert_printed("a\\  b", "a\\ \\x20b");
	assert_printed("C:\\xcache\\a\\u", "C:\\\\xcache\\a\\u");
}

static void what_is_no_escape_is_read_as_it_is(void **state)
{
	(void)state;
	static const char *const same[] = {"\\u{}",  "\\u{zz}", "\\u{110000}",
					   "\\u{41", "\\x4",	"\\y"};
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		_cleanup_text_ struct text t = {0};
		text_add_unescaped(&t, same[i]);
		assert_string_equal(text_string(&t), same[i]);
	}
}

static void widths_are_a_terminals(void **state)
{
	(void)state;
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("e\xcc\x81"), 1);
	assert_int_equal(text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
	assert_int_equal(text_width("\xf0\x9f\x98\x80"), 2);
	assert_int_equal(text_code_width(0xffdfd), 1);
	assert_int_equal(text_code_width(0x10ffff), 0);
	assert_int_equal(text_code_width(0x2fffd), 2);
	assert_int_equal(text_code_width(0x110000), 1);
	assert_true(text_is_control(0x80) && text_is_control(0xa0) && text_is_control(0x10ffff));
	assert_false(text_is_control(0xa1) || text_is_control(' ') || text_is_control(0x10fffd));
}

static void utf8_rejects_what_is_not(void **state)
{
	(void)state;
	uint32_t code;
	assert_int_equal(text_utf8_next("\xc0\x81", &code), 0); /* overlong */
	assert_int_equal(text_utf8_next("\xc0\x80", &code), 2); /* but for NUL */
	assert_int_equal(code, 0);
	assert_int_equal(text_utf8_next("\xed\xa0\x80", &code), 0);	/* surrogate */
	assert_int_equal(text_utf8_next("\xf4\x90\x80\x80", &code), 0); /* beyond Unicode */
	assert_int_equal(text_utf8_next("\xe2\x82", &code), 0);		/* cut short */
	assert_int_equal(text_utf8_next("\xe2\x82\xac", &code), 3);
	assert_int_equal(code, 0x20ac);
}

static void numbers_are_written_as_printf_does(void **state)
{
	(void)state;
	static const uint64_t numbers[] = {0, 7, 10, 99999, UINT64_C(0x7ffdf46c0000), UINT64_MAX};
	for (size_t i = 0; i < array_size(numbers); i++) {
		_cleanup_text_ struct text t = {0}, expected = {0};
		text_add_number(&t, numbers[i]);
		text_add_char(&t, ' ');
		text_add_address(&t, numbers[i]);
		text_add_format(&expected, "%llu 0x%llx", (unsigned long long)numbers[i],
				(unsigned long long)numbers[i]);
		assert_string_equal(text_string(&t), text_string(&expected));
	}
}

static void text_grows(void **state)
{
	(void)state;
	_cleanup_text_ struct text t = {0};
	assert_string_equal(text_string(&t), "");
	for (int i = 0; i < 1000; i++)
		text_add_format(&t, "%d,", i % 10);
	assert_int_equal(t.length, 2000);
	assert_int_equal(strlen(t.data), 2000);
}

static void file_names_take_what_any_system_does(void **state)
{
	_cleanup_text_ struct text text = {0};
	(void)state;
	text_add_file_name(&text, "a-Z_0.9/\\: \n\xc3\xa4", 100);
	assert_string_equal(text_string(&text), "a-Z_0.9_______");
	text_add_file_name(&text, "bcd", 2);
	assert_string_equal(text_string(&text), "a-Z_0.9_______bc");
}

static void errors_carry_a_sentence(void **state)
{
	(void)state;
	_cleanup_error_ struct error *e = error_errno(ENOENT, "can't open '%s'", "x");
	assert_string_equal(error_message(e), "can't open 'x': No such file or directory");
	e = error_prefix(e, "list");
	assert_string_equal(error_message(e), "list: can't open 'x': No such file or directory");
	assert_null(error_prefix(NULL, "nothing"));
}

static void ranges_do_not_overflow(void **state)
{
	(void)state;
	assert_true(range_within(4, 6, 10));
	assert_false(range_within(5, 6, 10));
	assert_false(range_within(UINT64_MAX, 2, 10));
	assert_false(range_within(2, UINT64_MAX, 10));
}

static void base_names(void **state)
{
	(void)state;
	assert_string_equal(text_base_name("C:\\Windows\\a.dll"), "a.dll");
	assert_string_equal(text_base_name("/tmp/x"), "x");
	assert_string_equal(text_base_name("plain"), "plain");
	assert_string_equal(text_base_name(""), "");
}

static void budgets_end(void **state)
{
	(void)state;
	struct budget budget = {.limit = 10};
	assert_true(budget_spend(&budget, 4));
	assert_true(budget_spend(&budget, 6));
	assert_false(budget_exceeded(&budget));
	assert_true(budget_left(&budget) == 0);
	assert_false(budget_spend(&budget, 1));
	assert_true(budget_exceeded(&budget));
	assert_false(budget_spend(&budget, UINT64_MAX)); /* no wrap */
	assert_false(budget_spend(&budget, 1));
	assert_true(budget_left(&budget) == 0);
	assert_true(budget_spend(NULL, UINT64_MAX));
	assert_false(budget_exceeded(NULL));
	assert_true(budget_of_pages(1000) > budget_of_pages(0));
}

static void parts_of_a_budget_leave_something(void **state)
{
	(void)state;
	struct budget budget = {.limit = 100, .part = 30};
	struct budget part = budget_part(&budget), half = budget_part(&part);
	assert_true(part.limit == 30 && half.limit == 15);
	assert_false(budget_spend(&part, 31));
	assert_false(budget_close_part(&budget, &part)); /* cut off, but not the whole */
	assert_false(budget_exceeded(&budget));
	assert_true(budget.spent == 31);
	part = budget_part(&budget);
	assert_true(budget_spend(&part, 30));
	assert_true(budget_close_part(&budget, &part));
	/* No more than what is left, and then the whole ends with its part. */
	assert_true(budget_spend(&budget, 30));
	part = budget_part(&budget);
	assert_true(part.limit == 9);
	assert_false(budget_spend(&part, 10));
	assert_false(budget_close_part(&budget, &part));
	assert_true(budget_exceeded(&budget));
	assert_true(budget_part(NULL).limit == UINT64_MAX);
}

static void maps_keep_what_came_first(void **state)
{
	(void)state;
	struct address_map map = {0};
	uint64_t value = 7;
	assert_false(address_map_get(&map, 0, &value));
	/* Addresses that differ in their upper bits only, as those of a made-up image may. */
	for (uint64_t i = 0; i < 10000; i++) {
		assert_true(address_map_add(&map, i << 40, i));
		assert_false(address_map_add(&map, i << 40, 0));
	}
	for (uint64_t i = 0; i < 10000; i++)
		assert_true(address_map_get(&map, i << 40, &value) && value == i);
	assert_false(address_map_get(&map, 1, &value));
	assert_true(map.table.count == 10000);
	address_map_free(&map);
	assert_true(map.table.count == 0);
}

static void strings_are_kept_once(void **state)
{
	(void)state;
	struct strings strings = {0};
	const char *a = strings_copy(&strings, "a.dll");
	assert_string_equal(a, "a.dll");
	assert_ptr_equal(strings_take(&strings, alloc_strdup("a.dll")), a);
	assert_null(strings_take(&strings, NULL));
	assert_true(strings.table.count == 1);
	for (unsigned int i = 0; i < 1000; i++)
		strings_take(&strings, alloc_printf("%u", i));
	assert_string_equal(strings_copy(&strings, "999"), "999");
	assert_true(strings.table.count == 1001);

	/* Beyond its room nothing is kept but what is there already. */
	char *large = alloc_zero(STRINGS_MAX / 2, 1);
	memset(large, 'x', STRINGS_MAX / 2 - 1);
	for (char c = 'a'; c < 'e'; c++) {
		large[0] = c;
		assert_true(!strings_copy(&strings, large) == (c > 'a'));
	}
	free(large);
	assert_true(strings.left_out == 3 && strings.bytes <= STRINGS_MAX);
	assert_ptr_equal(strings_copy(&strings, "a.dll"), a);
	strings_free(&strings);
}

static void times_are_read_as_they_are_written(void **state)
{
	(void)state;
	static const char *const none[] = {
		"",
		"2026-11-27",
		"2026-11-27T15:00:00",
		"2026-11-27 15:00:00Z",
		"2026-11-27T15:00:00Z ",
		"1989-12-31T23:59:59Z",
		"2200-01-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z",
		"2026-01-01T00:00:60Z",
		"+026-01-01T00:00:00Z",
	};
	uint64_t filetime;
	for (size_t i = 0; i < array_size(none); i++)
		assert_false(text_utc(none[i], &filetime));
	const uint64_t second = 10000000, first = UINT64_C(12275625600) * second;
	for (uint64_t n = 0; n < 1000; n++) {
		_cleanup_text_ struct text text = {0};
		uint64_t time = first + n * UINT64_C(6626983) * second;
		assert_true(text_add_utc(&text, time + n));
		assert_true(text_utc(text_string(&text), &filetime));
		assert_int_equal(filetime, time);
	}
	assert_true(text_utc("2024-02-29T23:59:59Z", &filetime));
	assert_int_equal(filetime, UINT64_C(133537247990000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf16_decodes_with_replacement),
		cmocka_unit_test(printable_escapes_what_steers_a_terminal),
		cmocka_unit_test(printable_escapes_what_is_not_seen),
		cmocka_unit_test(printable_bounds_combining_marks),
		cmocka_unit_test(printable_keeps_columns_apart),
		cmocka_unit_test(printable_backslashes_are_no_escapes),
		cmocka_unit_test(what_is_no_escape_is_read_as_it_is),
		cmocka_unit_test(widths_are_a_terminals),
		cmocka_unit_test(utf8_rejects_what_is_not),
		cmocka_unit_test(numbers_are_written_as_printf_does),
		cmocka_unit_test(times_are_read_as_they_are_written),
		cmocka_unit_test(text_grows),
		cmocka_unit_test(file_names_take_what_any_system_does),
		cmocka_unit_test(errors_carry_a_sentence),
		cmocka_unit_test(ranges_do_not_overflow),
		cmocka_unit_test(base_names),
		cmocka_unit_test(budgets_end),
		cmocka_unit_test(parts_of_a_budget_leave_something),
		cmocka_unit_test(maps_keep_what_came_first),
		cmocka_unit_test(strings_are_kept_once),
	};
	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
