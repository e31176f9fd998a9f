/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan: which processes are wanted, and how those are told that were cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/text.h>
#include <scan/selection.h>

static void on_warning(void *context, const char *sentence)
{
	text_add_format(context, "%s\n", sentence);
}

static void test_wanted(void **state)
{
	(void)state;
	const uint32_t pids[] = {4, 1032};
	struct scan_options options = {0};
	assert_true(selection_wants(&options, 0) && selection_wants(&options, 77));
	options.pids = pids;
	options.pid_count = array_size(pids);
	assert_true(selection_wants(&options, 4) && selection_wants(&options, 1032));
	assert_false(selection_wants(&options, 0) || selection_wants(&options, 77));
}

static size_t lines_of(const struct text *text)
{
	size_t lines = 0;
	for (const char *at = text_string(text); *at; at++)
		lines += *at == '\n';
	return lines;
}

/* However many are cut off: each is told once, the first by name, the others by their number. */
static void test_cut(void **state)
{
	(void)state;
	static const size_t counts[] = {0, 1, 16, 17, 500};
	for (size_t i = 0; i < array_size(counts); i++) {
		_cleanup_text_ struct text said = {0};
		const struct scan_events events = {.warning = on_warning, .context = &said};
		const struct scan_options options = {0};
		size_t cut = 0;
		for (size_t k = 0; k < counts[i]; k++) {
			const struct process process = {.pid = (uint32_t)(4 * k + 4), .name = "a"};
			selection_warn_cut(&events, &options, &process, &cut);
		}
		selection_warn_end(&events, cut);
		assert_int_equal(cut, counts[i]);
		size_t named = min_of(counts[i], (size_t)16);
		assert_int_equal(lines_of(&said), named + (counts[i] > named));
		char more[80];
		snprintf(more, sizeof(more), "\n%zu more processes cut off", counts[i] - named);
		assert_int_equal(strstr(text_string(&said), more) != NULL, counts[i] > named);
		assert_int_equal(strstr(text_string(&said), "PID 4 a: cut off") != NULL, named > 0);
		assert_int_equal(strstr(text_string(&said), "alone with -p 64\n") != NULL,
				 named == 16);
	}
}

/* What was asked for by PID is scanned alone already. */
static void test_cut_alone(void **state)
{
	(void)state;
	_cleanup_text_ struct text said = {0};
	const struct scan_events events = {.warning = on_warning, .context = &said};
	const uint32_t pid = 8;
	const struct scan_options options = {.pids = &pid, .pid_count = 1};
	const struct process process = {.pid = 8, .name = "b"};
	size_t cut = 0;
	selection_warn_cut(&events, &options, &process, &cut);
	assert_string_equal(text_string(&said), "PID 8 b: cut off, since it costs too much work\n");
}

/* Nothing to say, and nobody to say it to. */
static void test_silent(void **state)
{
	(void)state;
	_cleanup_text_ struct text said = {0};
	const struct scan_events events = {.warning = on_warning, .context = &said}, deaf = {0};
	const struct process process = {.pid = 8, .name = "b"};
	selection_warn(&events, &process, "");
	selection_warn(&deaf, &process, "a sentence");
	selection_warn_end(&deaf, 100);
	assert_int_equal(said.length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_alone),
		cmocka_unit_test(test_silent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
