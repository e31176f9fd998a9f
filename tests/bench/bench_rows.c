/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading saved rows, against json-c and against copying them.
 *
 *	bench_rows FILE.jsonl
 *
 * Reads the file once, and every line of it by each of the ways; prints the best of three rounds.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <impscan/alloc.h>
#include <impscan/rows_read.h>

#define ROUNDS 3

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t by_impscan(char *line, size_t length)
{
	static struct saved_row saved;
	return saved_row_read(&saved, line, length) == ROW_LINE_ROW;
}

static size_t by_json_c(char *line, size_t length)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object = json_tokener_parse_ex(tokener, line, (int)length), *pid;
	bool row = json_object_object_get_ex(object, "pid", &pid);
	json_object_put(object);
	json_tokener_free(tokener);
	return row;
}

/* Only finds the lines. */
static size_t by_nobody(char *line, size_t length)
{
	(void)line;
	return length > 0;
}

/* Seconds that all lines take; `*rows` is how many are rows. */
static double measure(const char *text, size_t size, size_t (*read)(char *, size_t), size_t *rows)
{
	char *copy = malloc(size + 1);
	*rows = 0;
	double start = now();
	memcpy(copy, text, size);
	for (char *at = copy, *end = copy + size; at < end;) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = newline ? (size_t)(newline - at) : (size_t)(end - at);
		*rows += read(at, length);
		at += length + 1;
	}
	double seconds = now() - start;
	free(copy);
	return seconds;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		size_t (*read)(char *, size_t);
	} ways[] = {
		{"copied, lines found", by_nobody}, {"impscan", by_impscan}, {"json-c", by_json_c}};
	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
	if (!file || fseek(file, 0, SEEK_END)) {
		fprintf(stderr, "usage: bench_rows FILE.jsonl\n");
		return 2;
	}
	size_t size = (size_t)ftell(file), rows = 0;
	_cleanup_free_ char *text = malloc(size);
	rewind(file);
	if (fread(text, 1, size, file) != size)
		return 2;
	fclose(file);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		double best = 1e9;
		for (int round = 0; round < ROUNDS; round++) {
			double seconds = measure(text, size, ways[i].read, &rows);
			best = seconds < best ? seconds : best;
		}
		printf("%-20s %8.1f MB/s  %zu rows of %.1f MB\n", ways[i].name,
		       (double)size / 1e6 / best, rows, (double)size / 1e6);
	}
	return 0;
}
