/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match: which files are samples, and what is read of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/cleanup.h>
#include <impscan/sample.h>
#include <impscan/text.h>

#include "writer/pe_builder.h"

struct folder {
	char path[32];
};

static struct folder folder_new(void)
{
	struct folder folder = {"/tmp/test_match.XXXXXX"};
	assert_non_null(mkdtemp(folder.path));
	return folder;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void folder_remove(struct folder *folder)
{
	nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
#define _cleanup_folder_ __attribute__((cleanup(folder_remove)))

static char *in(const struct folder *folder, const char *name)
{
	return alloc_printf("%s/%s", folder->path, name);
}

static void write_file(const struct folder *folder, const char *name, const void *data, size_t size)
{
	_cleanup_free_ char *path = in(folder, name);
	_cleanup_file_ FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
}

static void make_folder(const struct folder *folder, const char *name)
{
	_cleanup_free_ char *path = in(folder, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void make_link(const struct folder *folder, const char *target, const char *name)
{
	_cleanup_free_ char *path = in(folder, name);
	assert_int_equal(symlink(target, path), 0);
}

static void folders_are_walked(void **state)
{
	(void)state;
	_cleanup_folder_ struct folder folder = folder_new();
	make_folder(&folder, "b");
	make_folder(&folder, "b/deep");
	make_folder(&folder, "empty");
	write_file(&folder, "b/deep/2", "", 0);
	write_file(&folder, "b/1", "", 0);
	write_file(&folder, "a", "", 0);
	write_file(&folder, ".hidden", "", 0);
	make_link(&folder, "a", "link");
	make_link(&folder, "..", "b/up");	/* a folder: not followed, no loop */
	make_link(&folder, "gone", "broken\n"); /* named in a warning, made fit to print */
	_cleanup_free_ char *pipe_path = in(&folder, "pipe");
	assert_int_equal(mkfifo(pipe_path, 0600), 0);

	char **paths;
	size_t count;
	_cleanup_text_ struct text warnings = {0};
	assert_null(samples_list(folder.path, &paths, &count, &warnings));
	static const char *const expected[] = {".hidden", "a", "b/1", "b/deep/2", "link"};
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *path = in(&folder, expected[i]);
		assert_string_equal(paths[i], path);
	}
	samples_list_free(paths, count);
	_cleanup_free_ char *warning =
		in(&folder, "broken\\x0a: leads nowhere: No such file or directory\n");
	assert_string_equal(text_string(&warnings), warning);

	/* A slash at the end is not doubled; a link is followed where it is what was asked for. */
	make_link(&folder, "b", "to-b");
	_cleanup_free_ char *slash = in(&folder, "to-b/");
	assert_null(samples_list(slash, &paths, &count, NULL));
	assert_int_equal(count, 2);
	_cleanup_free_ char *first = in(&folder, "to-b/1");
	assert_string_equal(paths[0], first);
	samples_list_free(paths, count);
}

static void a_file_is_its_own_list(void **state)
{
	(void)state;
	_cleanup_folder_ struct folder folder = folder_new();
	write_file(&folder, "a", "", 0);
	_cleanup_free_ char *path = in(&folder, "a");
	char **paths;
	size_t count;
	assert_null(samples_list(path, &paths, &count, NULL));
	assert_int_equal(count, 1);
	assert_string_equal(paths[0], path);
	samples_list_free(paths, count);
}

static void what_is_neither_is_refused(void **state)
{
	(void)state;
	char **paths;
	size_t count;
	_cleanup_error_ struct error *missing = samples_list("/nonexistent", &paths, &count, NULL);
	assert_string_equal(error_message(missing),
			    "/nonexistent: can't be read: No such file or directory");
	_cleanup_error_ struct error *device = samples_list("/dev/null", &paths, &count, NULL);
	assert_string_equal(error_message(device), "/dev/null: neither a file nor a folder");
}

static void unreadable_folders_are_passed_over(void **state)
{
	(void)state;
	if (!geteuid()) {
		puts("SKIP: unreadable folders: to root every folder is readable");
		skip();
	}
	_cleanup_folder_ struct folder folder = folder_new();
	make_folder(&folder, "closed");
	write_file(&folder, "open", "", 0);
	_cleanup_free_ char *closed = in(&folder, "closed");
	assert_int_equal(chmod(closed, 0), 0);
	char **paths;
	size_t count;
	_cleanup_text_ struct text warnings = {0};
	assert_null(samples_list(folder.path, &paths, &count, &warnings));
	assert_int_equal(count, 1);
	samples_list_free(paths, count);
	assert_non_null(strstr(text_string(&warnings), "closed: can't be read: Permission denied"));
	_cleanup_error_ struct error *error = samples_list(closed, &paths, &count, NULL);
	assert_non_null(error);
	chmod(closed, 0700);
}

/* A PE that imports `count` functions of one DLL. */
static void write_pe(const struct folder *folder, const char *name, int count)
{
	struct pe_builder *builder = pe_builder_new(true, false, NULL);
	for (int i = 0; i < count; i++) {
		char function[32];
		snprintf(function, sizeof(function), "Function%d", i);
		pe_builder_import(builder, "SOME.dll", function);
	}
	size_t size;
	_cleanup_free_ uint8_t *data = pe_builder_build(builder, &size);
	pe_builder_free(builder);
	write_file(folder, name, data, size);
}

static void check_sample(const struct folder *folder, const char *name, struct imports *scratch,
			 enum imports_status status, size_t imports)
{
	_cleanup_free_ char *path = in(folder, name);
	struct sample sample;
	sample_read(&sample, path, true, scratch);
	assert_string_equal(sample.path, path);
	assert_int_equal(sample.status, status);
	assert_int_equal(sample.imports, imports);
	assert_int_equal(sample.hashes.imphash[0] != 0, status == IMPORTS_OK);
	assert_int_equal(sample.hashes.impfuzzy[0] != 0, status == IMPORTS_OK);
	assert_int_equal(sample.hashes.impset[0] != 0, status == IMPORTS_OK);
	assert_int_equal(sample.reason[0] != 0, status != IMPORTS_OK && status != IMPORTS_NONE);
	sample_free(&sample);
}

static void samples_are_hashed(void **state)
{
	(void)state;
	_cleanup_folder_ struct folder folder = folder_new();
	write_pe(&folder, "two.exe", 2);
	write_pe(&folder, "none.exe", 0);
	write_file(&folder, "text", "no PE at all", 12);
	write_file(&folder, "empty", "", 0);
	_cleanup_imports_ struct imports scratch = {0};
	check_sample(&folder, "two.exe", &scratch, IMPORTS_OK, 2);
	check_sample(&folder, "none.exe", &scratch, IMPORTS_NONE, 0);
	check_sample(&folder, "text", &scratch, IMPORTS_NOT_PE, 0);
	check_sample(&folder, "empty", &scratch, IMPORTS_UNREADABLE, 0);
	check_sample(&folder, "missing", &scratch, IMPORTS_UNREADABLE, 0);

	/* printf 'some.function0,some.function1' | md5sum */
	_cleanup_free_ char *path = in(&folder, "two.exe");
	struct sample sample;
	sample_read(&sample, path, false, &scratch);
	assert_string_equal(sample.hashes.imphash, "c8888f5ee822c30d24713403a2e4cf5a");
	assert_string_equal(sample.hashes.impset, "");
	sample_free(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_are_walked),
		cmocka_unit_test(a_file_is_its_own_list),
		cmocka_unit_test(what_is_neither_is_refused),
		cmocka_unit_test(unreadable_folders_are_passed_over),
		cmocka_unit_test(samples_are_hashed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
