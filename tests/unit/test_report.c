/* SPDX-License-Identifier: GPL-3.0-or-later */
/* report: rows in each form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/module.h>
#include <impscan/report.h>
#include <impscan/survey.h>

/* What a report of one module writes; the caller frees it. */
static char *written(enum report_form form, bool search, const struct row *row)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	struct report *report = report_modules_new(out, form, search);
	report_module(report, row);
	assert_false(report_failed(report));
	assert_true(report_end(report));
	fclose(out);
	return text;
}

static struct row rebuilt_row(void)
{
	return (struct row){
		.pid = 9,
		.process = "=a,\"b",
		.module = "\x1b[1m.dll",
		.found_in = FOUND_LOAD | FOUND_INIT,
		.flags = MODULE_HOOKED,
		.status = IMPORTS_UNREADABLE,
		.reason = "no header",
		.rebuilt_imports = 45,
		.rebuilt = {"fedcba9876543210fedcba9876543210", "6:ghi:jkl", "6:mno:pqr"},
		.readable = 0.5,
	};
}

static void json_lines(void **state)
{
	struct row row = rebuilt_row();
	(void)state;
	_cleanup_free_ char *text = written(REPORT_JSONL, false, &row);
	assert_string_equal(
		text,
		"{\"pid\":9,\"ppid\":0,\"process\":\"=a,\\\"b\",\"eprocess\":\"0x0\",\"base\":"
		"\"0x0\",\"size\":0,\"module\":\"\\u001b[1m.dll\",\"path\":null,\"found_in\":"
		"[\"load\",\"init\"],\"imports\":0,\"import_source\":null,\"imphash\":null,"
		"\"impfuzzy\":null,\"rebuilt_imports\":45,\"rebuilt_imphash\":"
		"\"fedcba9876543210fedcba9876543210\",\"rebuilt_impfuzzy\":\"6:ghi:jkl\","
		"\"readable\":0.50,\"status\":\"unreadable\",\"reason\":\"no header\",\"flags\":"
		"[\"hooked\"],\"match\":null,\"score\":null,\"matched_hash\":null,\"dump\":null,"
		"\"impset\":null,\"rebuilt_impset\":\"6:mno:pqr\"}\n");
}

/* Quotes and commas are quoted, and a spreadsheet runs nothing. */
static void csv(void **state)
{
	struct row row = rebuilt_row();
	(void)state;
	_cleanup_free_ char *text = written(REPORT_CSV, true, &row);
	assert_non_null(strstr(text, "pid,ppid,process,eprocess,"));
	assert_non_null(strstr(text, "\r\n9,0,\"'=a,\"\"b\",0x0,0x0,0,\\x1b[1m.dll,,load;init,0,,,,"
				     "45,fedcba9876543210fedcba9876543210,6:ghi:jkl,0.50,"
				     "unreadable,no header,hooked,,,,,,6:mno:pqr\r\n"));
}

static size_t lines(const char *text)
{
	size_t count = 0;
	for (; (text = strchr(text, '\n')); text++)
		count++;
	return count;
}

/* In tables a rebuilt list has a line below the declared one, with its own count and hash. */
static void rebuilt_line(void **state)
{
	struct row row = rebuilt_row();
	(void)state;
	for (int search = 0; search < 2; search++) {
		_cleanup_free_ char *text = written(REPORT_TABLE, search, &row);
		assert_int_equal(lines(text), 3);
		const char *line = strstr(text, "dll (rebuilt)");
		assert_non_null(line);
		assert_non_null(strstr(line, " 45  "));
		assert_non_null(strstr(line, "6:ghi:jkl"));
	}
	row.match = (struct row_match){MATCHED_REBUILT_IMPFUZZY, 77, "known"};
	_cleanup_free_ char *match = written(REPORT_TABLE, true, &row);
	assert_int_equal(lines(match), 2);
	assert_non_null(strstr(match, "77  known"));
}

static void survey_of_no_kernel(void **state)
{
	_cleanup_survey_ struct survey survey = {
		.image = alloc_strdup("mem.raw"),
		.format = alloc_strdup("raw"),
		.file_size = 4096,
		.failure = alloc_strdup("no kernel"),
		.taken = alloc_strdup("2024-05-06T07:08:09Z"),
	};
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	(void)state;
	assert_true(report_survey(out, REPORT_TABLE, &survey));
	fclose(out);
	assert_string_equal(text, "Image                   mem.raw\n"
				  "Format                  raw\n"
				  "Taken                   2024-05-06T07:08:09Z\n"
				  "File size               4096\n"
				  "Memory in it            0\n"
				  "Ranges                  0\n"
				  "Error                   no kernel\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_lines),
		cmocka_unit_test(csv),
		cmocka_unit_test(rebuilt_line),
		cmocka_unit_test(survey_of_no_kernel),
	};
	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
