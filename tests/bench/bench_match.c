/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How fast a list is read and searched, against comparing with every entry:
 *
 *	bench_match [HASHES [FAMILY [FILE]]]
 *
 * writes a list of HASHES made-up impfuzzy hashes (1000000) in families of FAMILY relatives (10),
 * reads it, and searches it for 12000 modules, a tenth of which have relatives in it. Some of them
 * are also compared with every entry by fuzzy_compare(); rows and scores must be the same. With
 * FILE the list is written there and nothing is measured.
 */
#include <fcntl.h>
#include <fuzzy.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/match.h>

#include "../unit/made_hashes.h"

#define MODULES	  12000
#define THRESHOLD 30

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

static void list_item(char hash[IMPFUZZY_SIZE], size_t i, size_t family)
{
	made_impfuzzy(hash, i / family, i % family);
}

static void module_hash(struct hashes *hashes, size_t i, size_t count, size_t family)
{
	memset(hashes, 0, sizeof(*hashes));
	struct made made = {.state = i};
	if (i % 10 == 0)
		made_impfuzzy(hashes->impfuzzy, made_next(&made) % (count / family + 1),
			      1000000 + i);
	else
		made_impfuzzy(hashes->impfuzzy, (1u << 30) + i, 0);
}

/* Compares with every entry; returns the rows that differ from those of known_find(). */
static size_t compare_all(char (*all)[IMPFUZZY_SIZE], size_t count, const struct hashes *hashes,
			  const struct matches *matches)
{
	int *scores = alloc_zero(count, sizeof(*scores));
	for (size_t i = 0; i < matches->count; i++)
		scores[matches->items[i].order] = matches->items[i].score;
	size_t differ = 0;
	for (size_t i = 0; i < count; i++) {
		int score = fuzzy_compare(hashes->impfuzzy, all[i]);
		differ += (score >= THRESHOLD ? score : 0) != scores[i];
	}
	free(scores);
	return differ;
}

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	size_t family = argc > 2 ? strtoul(argv[2], NULL, 10) : 10;
	if (!count || !family) {
		fprintf(stderr, "usage: bench_match [HASHES [FAMILY [FILE]]]\n");
		return 2;
	}
	char temporary[] = "/tmp/bench_match.XXXXXX";
	char *path = argc > 3 ? argv[3] : temporary;
	int fd = argc > 3 ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
			  : mkstemp(path);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file) {
		perror(path);
		return 2;
	}
	char(*all)[IMPFUZZY_SIZE] = alloc_zero(count, sizeof(*all));
	for (size_t i = 0; i < count; i++) {
		list_item(all[i], i, family);
		fprintf(file, "%s sample-%08zu.exe\n", all[i], i);
	}
	double size = (double)ftell(file);
	fclose(file);
	if (argc > 3) {
		free(all);
		return 0;
	}

	size_t before = allocated();
	double start = now();
	struct known *known = known_new();
	struct error *error = known_add_list(known, path, NULL);
	unlink(path);
	if (error) {
		fprintf(stderr, "bench_match: %s\n", error_message(error));
		return 2;
	}
	double added = now();
	known_seal(known);
	double sealed = now();
	printf("%zu hashes in families of %zu, %.1f bytes a line\n", count, family,
	       size / (double)count);
	double load = sealed - start;
	printf("read %.3f s + index %.3f s: %.2f million hashes a second\n", added - start,
	       sealed - added, (double)count / load / 1e6);
	printf("memory: %.1f bytes a hash\n", (double)(allocated() - before) / (double)count);

	struct matches matches = {0};
	struct hashes *modules = alloc_zero(MODULES, sizeof(*modules));
	for (size_t i = 0; i < MODULES; i++)
		module_hash(&modules[i], i, count, family);
	size_t rows = 0;
	start = now();
	for (size_t i = 0; i < MODULES; i++) {
		known_find(known, &modules[i], THRESHOLD, &matches);
		rows += matches.count;
	}
	double search = (now() - start) / MODULES;
	printf("search: %.1f us a module, %.1f rows\n", search * 1e6, (double)rows / MODULES);

	size_t sample = 5000000 / count + 5, differ = 0;
	sample = sample / 10 * 10 + 10; /* a tenth has relatives here, too */
	if (sample > MODULES)
		sample = MODULES;
	double all_time = 0;
	for (size_t i = 0; i < sample; i++) {
		known_find(known, &modules[i], THRESHOLD, &matches);
		start = now();
		differ += compare_all(all, count, &modules[i], &matches);
		all_time += now() - start;
	}
	all_time /= (double)sample;
	printf("comparing with all: %.1f us a module (%zu modules), %.0f times as long\n",
	       all_time * 1e6, sample, all_time / search);
	printf("%d modules, with the list read and indexed: %.0f times as long\n", MODULES,
	       all_time * MODULES / (load + search * MODULES));
	printf("rows that differ: %zu\n", differ);
	matches_free(&matches);
	known_free(known);
	free(modules);
	free(all);
	return differ ? 1 : 0;
}
