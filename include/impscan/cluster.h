/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which hashes of a set are alike each other, and the groups that follow from it: what is alike is of
 * one group, directly or over others (single linkage). Found by the index that searches use, so that
 * not all are compared with all.
 *
 * Room: match.
 */
#ifndef IMPSCAN_CLUSTER_H
#define IMPSCAN_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>
#include <impscan/match.h>

/* Two hashes of a set that are alike, by their numbers in the order added, from 0. */
struct alike {
	uint32_t a, b; /* a < b */
	uint8_t score; /* 1-100 */
};

/* How to look for them. */
struct alike_options {
	int threshold;	      /* least score, 0-100; 0 still needs one above 0 */
	unsigned int threads; /* at least 1 */
	/*
	 * Find all pairs; else some are left out that add nothing to the groups, which takes less
	 * time where many are alike: what is found are the pairs that join two groups each.
	 */
	bool all;
	/*
	 * Look at part `part` (1 to `parts`) of the index's keys only. What all parts find together
	 * is what is found without parts; a pair may be found by several. 0: no parts.
	 */
	uint32_t part, parts;
};

/* Receivers, called by the thread that asked, one at a time. */
struct alike_events {
	void (*found)(void *context, const struct alike *alike);
	/* `done` of `total` hashes were looked at. NULL: not wanted. */
	void (*progress)(void *context, size_t done, size_t total);
	void *context;
};

/*
 * Hands out the pairs of hashes of ssdeep's form in a sealed set that have a score of at least the
 * threshold, which is libfuzzy's fuzzy_compare(); only hashes of one type are compared, and empty
 * ones ("3::") with nothing. Of equal hashes only the first is compared with others, and is alike
 * each of the others. What is handed out, and its order, is the same for any number of threads.
 */
void known_alike(const struct known *known, const struct alike_options *options,
		 const struct alike_events *events);

/* Returns the score of two hashes of a sealed set, 0-100; of those without ssdeep's form 0. */
int known_score(const struct known *known, uint32_t a, uint32_t b);

/* Groups of the numbers from 0 to count-1. */
struct groups;

/* Returns groups of one number each. */
struct groups *groups_new(size_t count);
void groups_free(struct groups *groups);
DEFINE_CLEANUP(struct groups, groups_free)
#define _cleanup_groups_ _cleanup_(groups_free_p)

/* Makes one group of those of two numbers. Returns false when it was one already. */
bool groups_join(struct groups *groups, uint32_t a, uint32_t b);

/* Returns the number that stands for the group of `number`: the least one in it. */
uint32_t groups_of(const struct groups *groups, uint32_t number);

#endif
