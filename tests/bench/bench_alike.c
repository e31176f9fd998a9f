/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Groups of alike hashes by the index, against comparing all with all by libfuzzy:
 *
 *	bench_alike [HASHES [FAMILY [THREADS [THRESHOLD]]]]
 *
 * makes HASHES impfuzzy hashes (20000) in families of FAMILY relatives (8), finds their groups at five
 * thresholds, or at the one given of them, also in parts of the index's keys, and compares each with
 * those of brute force. Exits with 1 where any differs. Of more than 50000 hashes only the groups in
 * parts are compared.
 */
#include <fuzzy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cluster.h>

#include "../unit/made_hashes.h"

#define PARTS	   7
#define FORCED_MAX 50000

static const int thresholds[] = {10, 30, 50, 70, 90};
#define THRESHOLDS 5

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void on_alike(void *context, const struct alike *alike)
{
	groups_join(context, alike->a, alike->b);
}

static struct groups *by_index(const struct known *known, int threshold, unsigned int threads,
			       uint32_t parts)
{
	struct groups *groups = groups_new(known_count(known));
	struct alike_options options = {.threshold = threshold, .threads = threads, .parts = parts};
	do {
		options.part = parts ? options.part + 1 : 0;
		known_alike(known, &options,
			    &(struct alike_events){.found = on_alike, .context = groups});
	} while (options.part < parts);
	return groups;
}

/* The groups at all thresholds, comparing once. */
static void by_force(char (*texts)[IMPFUZZY_SIZE], size_t count, struct groups **groups)
{
	for (size_t t = 0; t < THRESHOLDS; t++)
		groups[t] = groups_new(count);
	for (uint32_t a = 0; a < count; a++)
		for (uint32_t b = a + 1; b < count; b++) {
			int score = fuzzy_compare(texts[a], texts[b]);
			for (size_t t = 0; t < THRESHOLDS && score >= thresholds[t]; t++)
				groups_join(groups[t], a, b);
		}
}

static size_t differences(const struct groups *a, const struct groups *b, size_t count,
			  size_t *groups)
{
	size_t differ = 0;
	*groups = 0;
	for (uint32_t i = 0; i < count; i++) {
		*groups += groups_of(a, i) == i;
		differ += groups_of(a, i) != groups_of(b, i);
	}
	return differ;
}

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
	size_t family = argc > 2 ? strtoul(argv[2], NULL, 10) : 8;
	unsigned int threads = argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 10) : 2;
	int only = argc > 4 ? atoi(argv[4]) : 0;
	if (!count || !family || !threads) {
		fprintf(stderr, "usage: bench_alike [HASHES [FAMILY [THREADS [THRESHOLD]]]]\n");
		return 2;
	}
	char(*texts)[IMPFUZZY_SIZE] = alloc_zero(count, sizeof(*texts));
	_cleanup_known_ struct known *known = known_new();
	for (size_t i = 0; i < count; i++) {
		made_impfuzzy(texts[i], i / family, i % family);
		error_free(known_add(known, texts[i], strlen(texts[i]), ""));
	}
	double start = cpu();
	known_seal(known);
	double index = cpu() - start;
	struct groups *forced[THRESHOLDS] = {0};
	start = cpu();
	if (count <= FORCED_MAX)
		by_force(texts, count, forced);
	double force = cpu() - start;
	printf("%zu hashes in families of %zu; CPU seconds: index %.3f, comparing all with all "
	       "%.1f\n",
	       count, family, index, force);
	size_t wrong = 0;
	for (size_t t = 0; t < THRESHOLDS; t++) {
		size_t groups, again;
		if (only && thresholds[t] != only)
			continue;
		start = cpu();
		_cleanup_groups_ struct groups *whole = by_index(known, thresholds[t], threads, 0);
		double found = cpu() - start;
		start = cpu();
		_cleanup_groups_ struct groups *parts =
			by_index(known, thresholds[t], threads, PARTS);
		double in_parts = cpu() - start;
		size_t differ = differences(parts, whole, count, &groups);
		if (forced[t])
			differ += differences(forced[t], whole, count, &again);
		printf("-t %d: %zu groups; %.3f s, in %d parts %.3f s; ", thresholds[t], groups,
		       found, PARTS, in_parts);
		if (forced[t])
			printf("%.0f times faster than all with all; ", force / (found + index));
		printf("%zu hashes in another group\n", differ);
		wrong += differ;
	}
	for (size_t t = 0; t < THRESHOLDS; t++)
		groups_free(forced[t]);
	free(texts);
	return wrong ? 1 : 0;
}
