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
#include <impscan/bytes.h>
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
	static char first[] = "0123 3:a:b", second[] = "4567 3:c:d impset:3:e:f";
	static char *others[] = {first, second};
	return (struct row){
		.pid = 9,
		.process = "=a,\"b",
		.module = "\x1b[1m.dll",
		.found_in = FOUND_LOAD | FOUND_INIT,
		.flags = MODULE_HOOKED,
		.status = IMPORTS_UNREADABLE,
		.reason = "no header",
		.rebuilt_imports = 45,
		.rebuilt = {.imphash = "fedcba9876543210fedcba9876543210",
			    .impfuzzy = "6:ghi:jkl",
			    .impset = "6:mno:pqr"},
		.rebuilt_others = {others, array_size(others), 0},
		.readable = 0.5,
		.image = "a/mem.raw",
	};
}

static void json_lines(void **state)
{
	struct row row = rebuilt_row();
	(void)state;
	_cleanup_free_ char *text = written(REPORT_JSONL, false, &row);
	assert_string_equal(
		text,
		"{\"pid\":9,\"ppid\":0,\"process\":\"=a,\\\"b\",\"eprocess\":null,\"base\":"
		"\"0x0\",\"size\":0,\"module\":\"\\u001b[1m.dll\",\"path\":null,\"found_in\":"
		"[\"load\",\"init\"],\"imports\":0,\"import_source\":null,\"imphash\":null,"
		"\"impfuzzy\":null,\"rebuilt_imports\":45,\"rebuilt_imphash\":"
		"\"fedcba9876543210fedcba9876543210\",\"rebuilt_impfuzzy\":\"6:ghi:jkl\","
		"\"readable\":0.50,\"status\":\"unreadable\",\"reason\":\"no header\",\"flags\":"
		"[\"hooked\"],\"match\":null,\"score\":null,\"matched_hash\":null,\"dump\":null,"
		"\"impset\":null,\"rebuilt_impset\":\"6:mno:pqr\",\"image\":\"a/"
		"mem.raw\",\"same_hash\":null,\"note\":null,\"match_comment\":null,\"timestamp\":"
		"null,\"typerefs\":null,\"typerefhash\":null,\"typerefuzzy\":null,"
		"\"go_functions\":null,\"gimphash\":null,\"gimpfuzzy\":null,\"assembly\":null,"
		"\"mvid\":null,\"go_version\":null,\"go_module\":null,"
		"\"started\":null,\"exited\":null,\"command_line\":null,"
		"\"rebuilt_others\":[\"0123 3:a:b\",\"4567 3:c:d impset:3:e:f\"],"
		"\"typerefhash_ordinal\":null,\"by_go\":null,\"names_unread\":null}\n");
}

/* Quotes and commas are quoted, and a spreadsheet runs nothing. */
static void csv(void **state)
{
	struct row row = rebuilt_row();
	(void)state;
	_cleanup_free_ char *text = written(REPORT_CSV, true, &row);
	assert_non_null(strstr(text, "pid,ppid,process,eprocess,"));
	assert_non_null(strstr(
		text, "\r\n9,0,\"'=a,\"\"b\",,0x0,0,\\x1b[1m.dll,,load;init,0,,,,"
		      "45,fedcba9876543210fedcba9876543210,6:ghi:jkl,0.50,"
		      "unreadable,no header,hooked,,,,,,6:mno:pqr,a/mem.raw,,,,,,,,,,,,,,,,,,"
		      "0123 3:a:b;4567 3:c:d impset:3:e:f,,,\r\n"));
}

/* What a page of rows of one name writes behind a fact; the caller frees it. */
static char *page_of(const char *name, size_t rows, const char *fact)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct row row = rebuilt_row();
	assert_non_null(out);
	row.module = name;
	struct report *report = report_modules_new(out, REPORT_HTML, false);
	report_fact(report, "a<b", fact, "say </script>");
	for (size_t i = 0; i < rows; i++)
		report_module(report, &row);
	assert_true(report_end(report));
	fclose(out);
	return text;
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;
	for (; (text = strstr(text, part)); text++)
		count++;
	return count;
}

/* No text ends the element that the data stand in, and each is written in full once. */
static void page(void **state)
{
	(void)state;
	_cleanup_free_ char *text = page_of("</script><b>", 3, "warning");
	assert_int_equal(count_of(text, "\"\\u003c/script>\\u003cb>\""), 1);
	assert_int_equal(count_of(text, "\n[0,9,0,"), 3);
	assert_int_equal(count_of(text, "</script>"), 2);
	assert_non_null(strstr(text, "{\"fact\":\"warning\",\"value\":\"say \\u003c/script>\","
				     "\"image\":\"a\\u003cb\"}\n{\"rows\":\"modules\""));
	assert_non_null(strstr(text, "{\"end\":true}\n</script>"));
	assert_int_equal(strncmp(text, "<!doctype html>", 15), 0);
}

/* Without a row there is a page all the same, unless the run failed. */
static void page_without_rows(void **state)
{
	(void)state;
	_cleanup_free_ char *none = page_of("a", 0, "warning");
	_cleanup_free_ char *failed = page_of("a", 0, "error");
	_cleanup_free_ char *in_part = page_of("a", 1, "error");
	assert_non_null(strstr(none, "{\"end\":true}"));
	assert_string_equal(failed, "");
	assert_non_null(strstr(in_part, "{\"fact\":\"error\""));
}

/* In an event a hidden process says so, and each of a module's lists is an object of its own. */
static void misp_objects(void **state)
{
	struct row row = rebuilt_row();
	(void)state;
	row.flags = MODULE_HOOKED | MODULE_HIDDEN;
	row.path = "C:\\a.dll";
	strcpy(row.hashes.imphash, "00112233445566778899aabbccddeeff");
	row.match = (struct row_match){.by = MATCHED_IMPHASH,
				       .score = 100,
				       .name = "Many",
				       .note = "all programs by a tool have it"};
	_cleanup_free_ char *text = written(REPORT_MISP, true, &row);
	assert_non_null(strstr(text, "\"object_relation\":\"hidden\""));
	assert_non_null(strstr(text, "; path C:\\\\a.dll; no header; "));
	assert_non_null(strstr(text, "; path C:\\\\a.dll; import list rebuilt from addresses; "));
	assert_non_null(strstr(text, "; hidden"));
	assert_non_null(strstr(text, "; hooked"));
	assert_non_null(strstr(text, "; imphash 100: Many (all programs by a tool have it)"));
	assert_non_null(strstr(text, "\"value\":\"fedcba9876543210fedcba9876543210\""));
	/* What many programs have is not for detection, but as soon as something else matches. */
	assert_null(strstr(text, "\"to_ids\":true"));
	row.match.note = NULL;
	_cleanup_free_ char *detects = written(REPORT_MISP, true, &row);
	assert_non_null(strstr(detects, "\"to_ids\":true"));
	/* The import hashes of a module that matched by its types are its runtime's. */
	row.match.by = MATCHED_TYPEREFUZZY;
	strcpy(row.hashes.typerefuzzy, "6:pqr:stu");
	_cleanup_free_ char *types = written(REPORT_MISP, true, &row);
	assert_null(strstr(types, "\"to_ids\":true"));
	assert_non_null(strstr(types, "; typerefuzzy 6:pqr:stu; typerefuzzy 100: Many"));
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
	row.match =
		(struct row_match){.by = MATCHED_REBUILT_IMPFUZZY, .score = 77, .name = "known"};
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
	struct report *report = report_new(out, REPORT_TABLE, &row_surveys);
	report_survey(report, &survey);
	assert_true(report_end(report));
	fclose(out);
	assert_string_equal(text, "Image                   mem.raw\n"
				  "Format                  raw\n"
				  "Taken                   2024-05-06T07:08:09Z\n"
				  "File size               4096\n"
				  "Memory in it            0\n"
				  "Ranges                  0\n"
				  "Error                   no kernel\n");
}

/* Writes rows of two images, the first of which has two, and of one without any. */
static char *images_written(enum report_form form, enum report_images how)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct report *report = report_new(out, form, &row_imports);
	const char *const names[] = {"a b.raw", "a b.raw", "none", "c.raw"};
	report_tell_images(report, how, 9);
	for (uint32_t i = 0; i < array_size(names); i++) {
		struct import_row row = {.pid = i, .process = "p", .image = names[i]};
		if (!i || names[i] != names[i - 1])
			report_image(report, names[i]);
		if (strcmp(names[i], "none") != 0)
			report_import(report, &row);
	}
	assert_true(report_flush(report));
	assert_true(report_end(report));
	fclose(out);
	return text;
}

/* Line number `n`, from 0, begins so. */
static void assert_line(const char *text, size_t n, const char *expected)
{
	for (; n; n--)
		text = strchr(text, '\n') + 1;
	assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
}

static void images_in_tables(void **state)
{
	_cleanup_free_ char *one = images_written(REPORT_TABLE, REPORT_ONE_IMAGE);
	_cleanup_free_ char *headings = images_written(REPORT_TABLE, REPORT_IMAGE_HEADINGS);
	_cleanup_free_ char *column = images_written(REPORT_WIDE, REPORT_IMAGE_COLUMN);
	(void)state;
	assert_int_equal(lines(one), 4);
	assert_line(one, 0, "   PID  ");
	assert_null(strstr(one, "raw"));
	static const char *const with_headings[] = {
		"a b.raw\n", "   PID  ", "     0  ", "     1  ",
		"\n",	     "c.raw\n",	 "   PID  ", "     3  ",
	};
	assert_int_equal(lines(headings), array_size(with_headings));
	for (size_t i = 0; i < array_size(with_headings); i++)
		assert_line(headings, i, with_headings[i]);
	static const char *const with_column[] = {
		"Image         PID  Process",
		"a b.raw         0  p  ",
		"a b.raw         1  p  ",
		"c.raw           3  p  ",
	};
	assert_int_equal(lines(column), array_size(with_column));
	for (size_t i = 0; i < array_size(with_column); i++)
		assert_line(column, i, with_column[i]);
}

/* The other forms are one report whatever the images. */
static void images_for_programs(void **state)
{
	(void)state;
	for (enum report_form form = REPORT_CSV; form <= REPORT_JSON; form++) {
		_cleanup_free_ char *one = images_written(form, REPORT_ONE_IMAGE);
		_cleanup_free_ char *headings = images_written(form, REPORT_IMAGE_HEADINGS);
		_cleanup_free_ char *column = images_written(form, REPORT_IMAGE_COLUMN);
		assert_string_equal(one, headings);
		assert_string_equal(one, column);
		assert_non_null(strstr(one, "c.raw"));
	}
}

/* A table of one module in a terminal of so many columns. */
static char *on_terminal(int columns, bool color, const struct row *row)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	struct report *report = report_modules_new(out, REPORT_TABLE, false);
	report_tell_terminal(report, columns, color);
	report_module(report, row);
	assert_true(report_end(report));
	fclose(out);
	return text;
}

/* Lines are as wide as the terminal at most, and every character is whole. */
static void fits_terminal(void **state)
{
	struct row row = rebuilt_row();
	(void)state;
	strcpy(row.hashes.imphash, "00112233445566778899aabbccddeeff");
	strcpy(row.hashes.impfuzzy,
	       "48:abcdefghijklmnopqrstuvwxyzabcdefghijklmnop:ABCDEFGHIJKLMNOP");
	row.process =
		"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e.exe";
	row.module = "e\xcc\x81\xcc\x81\x65\xcc\x81\x65\xcc\x81\x65\xcc\x81\x65\xcc\x81\x65"
		     "\xcc\x81\x65\xcc\x81\x65\xcc\x81\x65\xcc\x81\x65\xcc\x81\x65\xcc\x81.dll";
	for (int columns = 75; columns < 240; columns++) {
		_cleanup_free_ char *text = on_terminal(columns, false, &row);
		assert_int_equal(lines(text), 3);
		for (char *line = text, *end; *line; line = end + 1) {
			end = strchr(line, '\n');
			*end = '\0';
			assert_true(text_width(line) <= (size_t)columns);
			assert_true(columns < 200 || !strstr(line, "\xe2\x80\xa6"));
			uint32_t code;
			for (const char *at = line; *at; at += text_utf8_next(at, &code))
				assert_true(text_utf8_next(at, &code));
		}
	}
	_cleanup_free_ char *any = on_terminal(0, false, &row);
	_cleanup_free_ char *pipe = written(REPORT_TABLE, false, &row);
	assert_string_equal(any, pipe);
	_cleanup_free_ char *narrow = on_terminal(120, false, &row);
	assert_non_null(strstr(narrow, "\xe2\x80\xa6"));
	assert_non_null(strstr(narrow, "0011223"));
	assert_non_null(strstr(narrow, "bbccddeeff  48:"));
}

/* A color is of a line as a whole, and what comes from outside can't end it. */
static void colors(void **state)
{
	struct row row = rebuilt_row();
	(void)state;
	row.status = IMPORTS_OK;
	row.flags = MODULE_WOW64;
	row.rebuilt = (struct hashes){0};
	_cleanup_free_ char *calm = on_terminal(0, true, &row);
	assert_line(calm, 0, "\x1b[1m   PID  ");
	assert_line(calm, 1, "     9  ");
	row.flags |= MODULE_HIDDEN;
	_cleanup_free_ char *red = on_terminal(0, true, &row);
	assert_line(red, 1, "\x1b[31m     9  ");
	assert_non_null(strstr(red, "\\x1b[1m.dll"));
	assert_non_null(strstr(red, "\x1b[0m\n"));
	row.flags = MODULE_EXITED;
	_cleanup_free_ char *faint = on_terminal(0, true, &row);
	assert_line(faint, 1, "\x1b[2m     9  ");
	row.status = IMPORTS_PARTIAL;
	_cleanup_free_ char *yellow = on_terminal(0, true, &row);
	assert_line(yellow, 1, "\x1b[33m     9  ");
	row.found_in = FOUND_PRIVATE;
	_cleanup_free_ char *injected = on_terminal(0, true, &row);
	assert_line(injected, 1, "\x1b[31m     9  ");
}

static void two_surveys(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct report *report = report_new(out, REPORT_WIDE, &row_surveys);
	struct survey survey = {.format = (char *)(uintptr_t) "raw"};
	(void)state;
	report_survey(report, &survey);
	report_survey(report, &survey);
	assert_true(report_end(report));
	fclose(out);
	assert_int_equal(lines(text), 9);
	assert_line(text, 4, "\n");
	assert_line(text, 5, "Format ");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_lines),
		cmocka_unit_test(csv),
		cmocka_unit_test(rebuilt_line),
		cmocka_unit_test(survey_of_no_kernel),
		cmocka_unit_test(images_in_tables),
		cmocka_unit_test(images_for_programs),
		cmocka_unit_test(fits_terminal),
		cmocka_unit_test(colors),
		cmocka_unit_test(two_surveys),
		cmocka_unit_test(misp_objects),
		cmocka_unit_test(page),
		cmocka_unit_test(page_without_rows),
	};
	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
