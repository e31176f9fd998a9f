/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How fast MalwareBazaar's full export is read:
 *
 *	bench_lists [ROWS [FILE]]
 *
 * writes a CSV of ROWS (1000000) made-up samples in its form, reads it, and prints rows a second
 * (of the processor) and bytes of memory for each hash that is kept. A third has no imphash; of the
 * rest a tenth has the hash and family of another row. With FILE the list is written there and
 * nothing is measured.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <impscan/match.h>

#include "../unit/made_hashes.h"

/* CPU seconds. */
static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* it has one thread */
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

static void put_hex(FILE *file, struct made *made, int digits)
{
	fprintf(file, "\"");
	for (int i = 0; i < digits; i += 8)
		fprintf(file, "%08x", (unsigned int)made_next(made));
	fprintf(file, "\", ");
}

static void put_row(FILE *file, size_t i)
{
	struct made made = {.state = i}, equal = {.state = i % 10 == 1 ? i - 1 : i};
	fprintf(file, "\"2026-01-02 03:04:05\", ");
	put_hex(file, &made, 64);
	put_hex(file, &made, 32);
	put_hex(file, &made, 40);
	fprintf(file,
		"\"abuse_ch\", \"sample, %zu.exe\", \"exe\", \"application/x-dosexec\", "
		"\"Family%zu\", \"n/a\", \"42.42\", ",
		i, i / 10 % 500);
	if (i % 3 == 2)
		fprintf(file, "\"n/a\", ");
	else
		put_hex(file, &equal, 32);
	fprintf(file,
		"\"3072:Zn%zuQmabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP:abcdefghijklmnopqr%zu\","
		" ",
		i, i);
	fprintf(file, "\"T1%070zu\"\n", i);
}

int main(int argc, char **argv)
{
	size_t rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	char temporary[] = "/tmp/bench_lists.XXXXXX";
	int fd = argc > 2 ? -1 : mkstemp(temporary);
	FILE *file = argc > 2 ? fopen(argv[2], "w") : fdopen(fd, "w");
	if (!rows || !file) {
		fprintf(stderr, "usage: bench_lists [ROWS [FILE]]\n");
		return 2;
	}
	fprintf(file,
		"################################################################\n"
		"# MalwareBazaar full malware samples dump (CSV)\n#\n"
		"# \"first_seen_utc\",\"sha256_hash\",\"md5_hash\",\"sha1_hash\",\"reporter\","
		"\"file_name\",\"file_type_guess\",\"mime_type\",\"signature\",\"clamav\","
		"\"vtpercent\",\"imphash\",\"ssdeep\",\"tlsh\"\n");
	for (size_t i = 0; i < rows; i++)
		put_row(file, i);
	double size = (double)ftell(file);
	fclose(file);
	if (argc > 2)
		return 0;

	struct known *known = known_new();
	struct list_report report = {0};
	size_t before = allocated();
	double start = now();
	struct error *error = known_add_list(known, temporary, &report);
	double read = now();
	known_seal(known);
	double sealed = now();
	unlink(temporary);
	if (error) {
		fprintf(stderr, "bench_lists: %s\n", error_message(error));
		return 2;
	}
	printf("%s: %zu rows of %.0f bytes; %zu hashes kept, %zu the same as before, %zu empty\n",
	       text_string(&report.form), rows, size / (double)rows, report.taken[HASH_IMPHASH],
	       report.left[LIST_LEFT_EQUAL], report.left[LIST_LEFT_EMPTY]);
	printf("read %.3f s + index %.3f s: %.0f rows a CPU second\n", read - start, sealed - read,
	       (double)rows / (sealed - start));
	printf("memory: %.1f bytes a hash kept\n",
	       (double)(allocated() - before) / (double)report.taken[HASH_IMPHASH]);
	list_report_free(&report);
	known_free(known);
	return 0;
}
