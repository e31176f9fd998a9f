/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows: reading saved rows back, against what was written and against json-c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/module.h>
#include <impscan/report.h>

#include "rows_oracle.h"

#define NAMES 6

/* Names that need escaping, or look like something else. */
static const char *const names[NAMES] = {
	"kernel32.dll",
	"a \"b\" \\c\\",
	"\xc0\x80\x01\x1f\x7f\t",
	"\xe2\x80\xae\xf0\x9f\x98\x80",
	"{\"pid\":1}",
	"",
};

static struct row some_row(unsigned int n)
{
	static char *others[] = {"0123 24:ab:c", "\xc0\x80\"", "x"};
	struct row row = {
		.pid = n * 4,
		.ppid = UINT32_MAX - n,
		.process = names[n % NAMES],
		.eprocess = n % 3 ? 0xffffc778d5201480 + n : 0,
		.base = UINT64_MAX - n,
		.size = n * 4096,
		.module = names[(n + 1) % NAMES],
		.path = names[(n + 2) % NAMES],
		.found_in = n % (1u << FOUND_IN_COUNT),
		.flags = n % (1u << MODULE_FLAG_COUNT),
		.status = (enum imports_status)(n % (IMPORTS_NOT_PE + 1)),
		.reason = names[(n + 3) % NAMES],
		.imports = n,
		.import_source = n % 2 ? "names" : NULL,
		.rebuilt_imports = n % 5,
		.timestamp = n % 2 ? n * 77777 : 0,
		.readable = (n % 101) / 100.0,
		.match = {.by = (enum row_matched)(n % (MATCHED_GIMPFUZZY + 1)),
			  .score = n % 101,
			  .name = n % (MATCHED_GIMPFUZZY + 1) ? names[(n + 4) % NAMES] : NULL,
			  .note = n % 7 ? NULL : "common",
			  .same_hash = n % 3,
			  .counted = n % 2},
		.image = "a.raw",
		.dotnet = n % 2,
		.typerefs = n % 2 ? n : 0,
		.go = n % 3 == 1,
		.go_functions = n % 3 == 1 ? n : 0,
		.go_version = n % 3 == 1 ? "go1.19.8" : NULL,
		.dump = {.file = n % 5 ? NULL : "0004.bin"},
		.started = n % 2 ? 0 : 131000000000000000 + n * UINT64_C(100000000000),
		.exited = n % 4 ? 0 : UINT64_C(140000000000000000),
		.rebuilt_others = {.items = n % 3 ? others : NULL, .count = n % 3 ? n % 4 : 0},
		.names_unread = n % 2 && n % 7 == 0,
		.by_go = n % 3 == 1,
		.command_line = names[(n + 5) % NAMES],
	};
	if (n % 2)
		snprintf(row.hashes.imphash, sizeof(row.hashes.imphash), "%032x", n);
	if (n % 3)
		snprintf(row.rebuilt.imphash, sizeof(row.rebuilt.imphash), "%032x", n + 1);
	snprintf(row.hashes.impfuzzy, sizeof(row.hashes.impfuzzy), "24:abc%u:def", n);
	return row;
}

/* The line that is written of a row, without its newline; to be freed. */
static char *line_of(const struct row *row, size_t *length)
{
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	struct report *report = report_modules_new(file, REPORT_JSONL, false);
	report_module(report, row);
	assert_true(report_end(report));
	fclose(file);
	assert_true(size && text[size - 1] == '\n');
	*length = size - 1;
	text[size - 1] = '\0';
	return text;
}

static void what_is_written_is_read_back(void **state)
{
	(void)state;
	_cleanup_saved_row_ struct saved_row saved = {0};
	for (unsigned int n = 0; n < 5000; n++) {
		struct row row = some_row(n);
		size_t length, again;
		_cleanup_free_ char *line = line_of(&row, &length);
		_cleanup_free_ char *copy = alloc_strdup(line);
		assert_null(oracle_judge(line, length));
		assert_int_equal(saved_row_read(&saved, copy, length), ROW_LINE_ROW);
		_cleanup_free_ char *second = line_of(&saved.row, &again);
		assert_string_equal(line, second);
		assert_null(saved.row.others);
	}
}

static void other_members_are_kept(void **state)
{
	(void)state;
	char line[] =
		" { \"new\" : {\"a\":[1,{}, \"]\\\"\"]} ,\"pid\":7, \"x\":\"\\u0041\",\"pid\" :8,"
		"\"found_in\":[\"vad\"]} ";
	_cleanup_saved_row_ struct saved_row saved = {0};
	assert_int_equal(saved_row_read(&saved, line, sizeof(line) - 1), ROW_LINE_ROW);
	assert_int_equal(saved.row.pid, 8);
	assert_string_equal(saved.row.others,
			    ",\"new\" : {\"a\":[1,{}, \"]\\\"\"]},\"x\":\"\\u0041\"");
	assert_string_equal(saved.row.module, "");
	char next[] = "{\"pid\":9,\"found_in\":[]}";
	assert_int_equal(saved_row_read(&saved, next, sizeof(next) - 1), ROW_LINE_ROW);
	assert_null(saved.row.others);
}

static void damage_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		enum row_line kind;
		const char *wrong;
	} lines[] = {
		{"", ROW_LINE_OTHER, NULL},
		{" \t\r", ROW_LINE_OTHER, NULL},
		{"{}", ROW_LINE_NO_MODULE, NULL},
		{"{\"impscan\":\"0.1.0\",\"warnings\":[]}", ROW_LINE_DESCRIPTION, NULL},
		{"{\"pid\":null}", ROW_LINE_NO_MODULE, NULL},
		{"{\"pid\":4}", ROW_LINE_NO_MODULE, NULL},
		{"{\"pid\":4,\"sources\":[],\"modules\":7}", ROW_LINE_NO_MODULE, NULL},
		{"{\"pid\":null,\"found_in\":[]}", ROW_LINE_NO_MODULE, NULL},
		{"[", ROW_LINE_OTHER, NULL},
		{"]", ROW_LINE_OTHER, NULL},
		{"[]", ROW_LINE_DAMAGED, NULL},
		{"{\"found_in\":[],\"pid\":4},", ROW_LINE_ROW, NULL},
		{"{\"found_in\":[],\"pid\":4},,", ROW_LINE_DAMAGED, NULL},
		{"{\"found_in\":[],\"pid\":4,\"started\":\"2026-11-27T15:00:00Z\"}", ROW_LINE_ROW,
		 NULL},
		{"{\"found_in\":[],\"pid\":4,\"started\":\"2026-02-29T15:00:00Z\"}",
		 ROW_LINE_DAMAGED, "started"},
		{"{\"pid\":4,\"found_in\":[]}", ROW_LINE_ROW, NULL},
		{"{\"pid\":4294967295,\"found_in\":[]}", ROW_LINE_ROW, NULL},
		{"{\"pid\":4294967296}", ROW_LINE_DAMAGED, "pid"},
		{"{\"pid\":-4}", ROW_LINE_DAMAGED, "pid"},
		{"{\"pid\":4.0}", ROW_LINE_DAMAGED, "pid"},
		{"{\"pid\":\"4\"}", ROW_LINE_DAMAGED, "pid"},
		{"{\"size\":18446744073709551616,\"pid\":4}", ROW_LINE_DAMAGED, "size"},
		{"{\"pid\":04}", ROW_LINE_DAMAGED, "pid"},
		{"{\"pid\":4", ROW_LINE_DAMAGED, NULL},
		{"{\"pid\":4}}", ROW_LINE_DAMAGED, NULL},
		{"{\"pid\":4,}", ROW_LINE_DAMAGED, NULL},
		{"{\"pid\":4 \"ppid\":1}", ROW_LINE_DAMAGED, NULL},
		{"{pid:4}", ROW_LINE_DAMAGED, NULL},
		{"[4]", ROW_LINE_DAMAGED, NULL},
		{"pid", ROW_LINE_DAMAGED, NULL},
		{"{\"pid\":4,\"process\":\"a}", ROW_LINE_DAMAGED, "process"},
		{"{\"pid\":4,\"process\":\"\\x\"}", ROW_LINE_DAMAGED, "process"},
		{"{\"pid\":4,\"process\":\"\\u12\"}", ROW_LINE_DAMAGED, "process"},
		{"{\"pid\":4,\"process\":\"a\tb\"}", ROW_LINE_DAMAGED, "process"},
		{"{\"pid\":4,\"process\":7}", ROW_LINE_DAMAGED, "process"},
		{"{\"pid\":4,\"base\":\"0x12345678123456789\"}", ROW_LINE_DAMAGED, "base"},
		{"{\"pid\":4,\"base\":\"4096\"}", ROW_LINE_DAMAGED, "base"},
		{"{\"pid\":4,\"readable\":1.01}", ROW_LINE_DAMAGED, "readable"},
		{"{\"pid\":4,\"status\":\"fine\"}", ROW_LINE_DAMAGED, "status"},
		{"{\"pid\":4,\"flags\":[\"hidden\",\"of a later version\"],\"found_in\":[]}",
		 ROW_LINE_ROW, NULL},
		{"{\"pid\":4,\"flags\":[\"hidden\"}", ROW_LINE_DAMAGED, "flags"},
		{"{\"pid\":4,\"imphash\":\"0123456789abcdef0123456789abcdef0\"}", ROW_LINE_DAMAGED,
		 "imphash"},
		{"{\"pid\":4,\"imphash\":\"\\u0000\",\"found_in\":[]}", ROW_LINE_DAMAGED,
		 "imphash"},
		{"{\"pid\":4,\"x\":[[[[1]]]}", ROW_LINE_DAMAGED, NULL},
		{"{\"pid\":4,\"x\":tru}", ROW_LINE_DAMAGED, NULL},
	};
	_cleanup_saved_row_ struct saved_row saved = {0};
	for (size_t i = 0; i < array_size(lines); i++) {
		size_t length = strlen(lines[i].line);
		_cleanup_free_ char *copy = alloc_strdup(lines[i].line);
		enum row_line kind = saved_row_read(&saved, copy, length);
		if (kind != lines[i].kind)
			fail_msg("%s: %d", lines[i].line, kind);
		if (lines[i].wrong)
			assert_string_equal(saved.wrong, lines[i].wrong);
		else
			assert_null(saved.wrong);
		assert_null(oracle_judge(lines[i].line, length));
	}
}

/* A level more than are passed over. */
static void levels_are_bounded(void **state)
{
	(void)state;
	for (size_t levels = 60; levels < 70; levels++) {
		_cleanup_text_ struct text line = {0};
		_cleanup_saved_row_ struct saved_row saved = {0};
		text_add_string(&line, "{\"pid\":4,\"found_in\":[],\"x\":");
		for (size_t i = 0; i < levels; i++)
			text_add_string(&line, i % 2 ? "{\"a\":" : "[");
		text_add_string(&line, "1");
		for (size_t i = levels; i-- > 0;)
			text_add_string(&line, i % 2 ? "}" : "]");
		text_add_string(&line, "}");
		assert_int_equal(saved_row_read(&saved, line.data, line.length),
				 levels <= 64 ? ROW_LINE_ROW : ROW_LINE_DAMAGED);
	}
}

/* Lines that are changed at random: whatever is read of them is what json-c reads. */
static void changed_lines_are_read_as_by_json_c(void **state)
{
	(void)state;
	static const char marks[] = "\"\\{}[],:0123456789abcdefu.-+eEtrnlls \t\x01\x7f\xc3\xa9";
	uint64_t random = 1;
	size_t read = 0;
	for (unsigned int n = 0; n < 50000; n++) {
		struct row row = some_row(n % 500);
		size_t length;
		_cleanup_free_ char *line = line_of(&row, &length);
		for (int changes = 1 + (int)(n % 3); changes > 0; changes--) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			size_t at = (size_t)(random >> 33) % length;
			line[at] = marks[(random >> 20) % (sizeof(marks) - 1)];
		}
		const char *wrong = oracle_judge(line, length);
		if (wrong)
			fail_msg("%s: %.*s", wrong, (int)length, line);
		_cleanup_saved_row_ struct saved_row saved = {0};
		read += saved_row_read(&saved, line, length) == ROW_LINE_ROW;
	}
	assert_true(read > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(other_members_are_kept),
		cmocka_unit_test(damage_is_told),
		cmocka_unit_test(levels_are_bounded),
		cmocka_unit_test(changed_lines_are_read_as_by_json_c),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
