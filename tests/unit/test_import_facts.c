/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts about how programs import: some that are known from elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <impscan/import_facts.h>

/* First and last lines, and what no line has. */
static void test_names(void **state)
{
	(void)state;
	assert_true(import_name_weight("ExitProcess") > import_name_weight("FatalExit"));
	assert_true(import_name_weight("NtClose") > import_name_weight("ZwClose"));
	assert_true(import_name_weight("atoi") > import_name_weight("atol"));
	assert_int_equal(import_name_weight(""), 0);
	assert_int_equal(import_name_weight("ExitProces"), 0);
	assert_int_equal(import_name_weight("ExitProcessX"), 0);
	assert_int_equal(import_name_weight("\xff"), 0);
}

static void test_dlls(void **state)
{
	(void)state;
	assert_true(import_dll_weight("kernel32.dll") > import_dll_weight("kernelbase.dll"));
	assert_int_equal(import_dll_weight("gdi32full.dll"), 0);
	assert_true(import_dll_weight("secur32.dll") > import_dll_weight("sspicli.dll"));
	assert_int_equal(import_dll_weight("kernel32"), 0);
}

static void test_ordinals(void **state)
{
	(void)state;
	assert_true(import_by_ordinal("comctl32.dll", 410, false));
	assert_true(import_by_ordinal("comctl32.dll", 413, true));
	assert_true(import_by_ordinal("comctl32.dll", 17, true));
	assert_false(import_by_ordinal("comctl32.dll", 17, false));
	assert_false(import_by_ordinal("comctl32.dll", 41, true));
	assert_true(import_by_ordinal("wldap32.dll", 13, true));
	assert_false(import_by_ordinal("wldap32.dll", 13, false));
	assert_false(import_by_ordinal("kernel32.dll", 1, true));
}

/* Lines in order, each of two words; what stands for others stands for itself. */
static void test_aliases(void **state)
{
	(void)state;
	size_t length, lines = 0;
	const char *text = import_aliases(&length), *end = text + length;
	char before[1024] = "";
	for (const char *line = text; line < end; lines++) {
		char of[1024], to[1024], as_key[1026];
		int used = 0;
		assert_int_equal(sscanf(line, "%1023[^ \n] %1023[^ \n]%n", of, to, &used), 2);
		assert_int_equal(line[used], '\n');
		assert_true(strcmp(before, of) < 0);
		snprintf(as_key, sizeof(as_key), "\n%s ", to);
		assert_null(memmem(text, length, as_key, strlen(as_key)));
		strcpy(before, of);
		line += used + 1;
	}
	assert_true(lines > 5000);
}

static void assert_sets(const char *function, const char *wanted)
{
	struct import_set sets[IMPORT_SETS_MAX];
	char name[64];
	assert_int_equal(import_sets_of(function, sets), 1);
	assert_true(import_set_name(sets[0].number, name, sizeof(name)));
	assert_string_equal(name, wanted);
}

static void test_sets(void **state)
{
	(void)state;
	struct import_set sets[IMPORT_SETS_MAX];
	char name[64];
	assert_sets("WaitOnAddress", "api-ms-win-core-synch-l1-2-0.dll");
	assert_sets("_initterm", "api-ms-win-crt-runtime-l1-1-0.dll");
	assert_sets("IsTextUnicode", "api-ms-win-base-util-l1-1-0.dll");
	assert_int_equal(import_sets_of("MessageBoxA", sets), 0);
	assert_true(import_set_name(0, name, sizeof(name)));
	assert_false(import_set_name(0, name, 16));
	assert_false(import_set_name(UINT16_MAX, name, sizeof(name)));
}

static void test_directories(void **state)
{
	(void)state;
	struct import_directory directory = {0};
	size_t lines = 0, programs = 0;
	while (import_directory_next(&directory)) {
		lines++;
		programs += directory.count;
		assert_true(directory.count > 0);
		assert_true(directory.length > 1);
		assert_int_equal(directory.dlls[0], ' ');
		assert_null(memchr(directory.dlls, '\n', directory.length));
	}
	assert_true(lines > 10);
	/* of two tables for one DLL the second is told */
	directory = (struct import_directory){0};
	size_t second = 0;
	while (import_directory_next(&directory))
		second += memmem(directory.dlls, directory.length, " kernel32.dll/2 ", 16) != NULL;
	assert_true(second > 5);
	assert_true(programs >= lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	    cmocka_unit_test(test_dlls),
		cmocka_unit_test(test_ordinals),    cmocka_unit_test(test_sets),
		cmocka_unit_test(test_directories), cmocka_unit_test(test_aliases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
