/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What impscan makes of PE files, for comparison with other programs: a line a file of status,
 * number of imports, imphash, impfuzzy, and the strings that these are taken of, between tabs.
 *
 *	pe_hashes FILE...	files
 *	pe_hashes --list	files named on standard input, one a line
 *	pe_hashes --stream	files on standard input, each after its size in 4 bytes (little-endian)
 *	pe_hashes --time FILE...	hashes all, prints nothing but how long that took
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/hash.h>
#include <impscan/imports.h>
#include <impscan/pe.h>

#include "lines.h"

static void work(struct imports *imports, const struct pe_reader *reader, struct hashes *hashes)
{
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, reader);
	imports_declared(imports, &pe);
	hash_imports(hashes, &imports->string, imports_fuzzy_string(imports));
}

static void show(struct imports *imports, const struct pe_reader *reader)
{
	struct hashes hashes;
	work(imports, reader, &hashes);
	printf("%s\t%zu\t%s\t%s\t%s\t%s\n", imports_status_name(imports->status), imports->count,
	       hashes.imphash, hashes.impfuzzy, text_string(&imports->string),
	       text_string(imports_fuzzy_string(imports)));
}

static bool show_file(void *imports, const char *path)
{
	_cleanup_pe_file_ struct pe_file file;
	_cleanup_error_ struct error *error = pe_file_open(&file, path);
	if (error) {
		fprintf(stderr, "%s\n", error_message(error));
		return false;
	}
	show(imports, &file.reader);
	return true;
}

static int stream(struct imports *imports)
{
	uint8_t head[4];
	while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
		size_t size = le32(head);
		_cleanup_free_ uint8_t *data = malloc(size ? size : 1); /* exact, for ASan */
		if (!data || fread(data, 1, size, stdin) != size)
			return 2;
		struct pe_reader reader = pe_reader_bytes(data, size, PE_LAYOUT_FILE);
		show(imports, &reader);
		fflush(stdout);
	}
	return 0;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int measure(struct imports *imports, char **paths)
{
	size_t files = 0;
	size_t count = 0;
	double start = now();
	for (; *paths; paths++) {
		_cleanup_pe_file_ struct pe_file file;
		_cleanup_error_ struct error *error = pe_file_open(&file, *paths);
		if (error)
			continue;
		struct hashes hashes;
		work(imports, &file.reader, &hashes);
		count += imports->count;
		files++;
	}
	printf("%zu files, %zu imports: %.1f ms\n", files, count, (now() - start) * 1000);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_imports_ struct imports imports = {0};
	if (argc == 2 && !strcmp(argv[1], "--stream"))
		return stream(&imports);
	if (argc == 2 && !strcmp(argv[1], "--list"))
		return each_line(show_file, &imports) ? 0 : 2;
	if (argc > 2 && !strcmp(argv[1], "--time"))
		return measure(&imports, argv + 2);
	int result = 0;
	for (int i = 1; i < argc; i++)
		if (!show_file(&imports, argv[i]))
			result = 2;
	return result;
}
