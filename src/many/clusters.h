/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the many room: the groups of a tally's lists, and what the modules in them come to.
 */
#ifndef MANY_CLUSTERS_H
#define MANY_CLUSTERS_H

#include <impscan/cluster.h>

#include "many/counting.h"

struct clusters {
	const struct tally *tally;
	const struct cluster_options *options;
	struct groups *groups; /* of lists */
	struct known *fuzzy;   /* the lists' hashes of ssdeep's form */
	uint32_t *lists;       /* the list of each */
	size_t fuzzy_count, fuzzy_capacity;
	uint32_t *fuzzy_of; /* 1 + the hash of each list; 0: it has none */
	/* Of parts that are joined. */
	struct texts texts;  /* the hashes */
	uint32_t *text_list; /* the first list of each */
	size_t text_capacity;
	uint32_t parts; /* 0: none by now */
	bool *seen;	/* which were there */
};

/* Calls `link` for pairs of lists that are of one group without their hashes being alike. */
void clusters_same(const struct clusters *clusters,
		   void (*link)(void *context, uint32_t a, uint32_t b, const char *by),
		   void *context);

/* A number that runs have in common when they have the same lists, in any order. */
uint64_t clusters_digest(const struct clusters *clusters);

/* The entries of each list: `entries` from starts[list] to starts[list + 1]. */
struct members {
	size_t *starts;
	uint32_t *entries;
};

void members_init(struct members *members, const struct tally *tally);
void members_free(struct members *members);
#define _cleanup_members_ __attribute__((cleanup(members_free)))

/* A name of modules. */
struct name_sum {
	uint32_t entry; /* the first with it */
	size_t machines;
};

/* What the modules that have any of some lists come to. */
struct sum {
	const struct tally *tally;
	const struct members *members;
	struct counter counter;
	uint32_t *seen; /* the round in which an entry was counted last */
	uint32_t round;
	uint32_t *entries; /* of this round */
	size_t entry_count, entry_capacity;
	/* What they come to. */
	size_t modules, machines, processes;
	unsigned int flags;
	uint32_t first_image, last_image;
	struct name_sum *names; /* each once, those on most machines first */
	size_t name_count, name_capacity;
};

void sum_init(struct sum *sum, const struct tally *tally, const struct members *members);
void sum_free(struct sum *sum);
#define _cleanup_sum_ __attribute__((cleanup(sum_free)))

/* Sums up the entries of lists. */
void sum_lists(struct sum *sum, const uint32_t *lists, size_t count);

/* The modules in it, without all the rest. */
size_t sum_modules(struct sum *sum, const uint32_t *lists, size_t count);

/* Lists by group, the groups that hold the most modules first. */
struct group_order {
	uint32_t *lists;
	struct group_run {
		size_t first, count; /* in `lists`, by their numbers */
		size_t modules;
	} * groups;
	size_t count;
};

void group_order_init(struct group_order *order, const struct clusters *clusters, struct sum *sum);
void group_order_free(struct group_order *order);
#define _cleanup_group_order_ __attribute__((cleanup(group_order_free)))

#endif
