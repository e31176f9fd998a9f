/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counting rows of modules of one or many machines: which distinct modules there are and where
 * (stacks), and which are alike (clusters). Rows go in one after the other; what is kept is in
 * proportion to the distinct modules and to the processes that have each.
 *
 * Weak lists don't tell programs apart: those with few imports (types, functions), and those that
 * every program made with some tool has (match_note()). They make no module alike another.
 *
 * Room: many.
 */
#ifndef IMPSCAN_TALLY_H
#define IMPSCAN_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <impscan/error.h>
#include <impscan/match.h>
#include <impscan/rows.h>
#include <impscan/stacks.h>

struct tally;

/* Returns an empty tally. `min_imports`: lists with fewer are weak. */
struct tally *tally_new(size_t min_imports);
void tally_free(struct tally *tally);
DEFINE_CLEANUP(struct tally, tally_free)
#define _cleanup_tally_ _cleanup_(tally_free_p)

/*
 * Counts a module. Rows of one module that follow each other, one for each match, count once. What
 * has no hash since it could not be read is left out and counted; so is a row without a module.
 */
void tally_add(struct tally *tally, const struct row *row);

/* What was counted. */
struct tally_counts {
	size_t modules;	 /* without those that are left out */
	size_t machines; /* images */
	size_t processes;
	size_t distinct; /* names and hashes */
	size_t unread;	 /* modules that were left out since they could not be read */
	size_t lists;	 /* distinct lists that are not weak */
	size_t few;	 /* modules without a list that is not weak: for its length ... */
	size_t common;	 /* ... and since many programs have it */
	size_t stacks;	 /* rows that stand for several modules: those of struct stack_row */
};

void tally_count(const struct tally *tally, struct tally_counts *counts);

/*
 * Hands out each distinct module, those on the fewest machines first, then those in the fewest
 * processes, then by name and hashes. Stops when `take` returns false.
 */
void tally_stacks(const struct tally *tally,
		  bool (*take)(void *context, const struct stack_row *row), void *context);

/* How to find groups. */
struct cluster_options {
	int threshold;	      /* least score of alike hashes, 0-100 */
	unsigned int threads; /* at least 1 */
	/* Sealed hashes, of which the nearest to each group is named; NULL: none. */
	const struct known *known;
	int known_threshold; /* the least score that is near, 1-100 */
	void (*progress)(void *context, size_t done, size_t total); /* NULL: not wanted */
	void *context;
};

/* Groups that are being found or were found. */
struct clusters;

/*
 * Begins with groups of modules that share a list. `tally` and `options` must outlive them; to the
 * tally nothing more may be added.
 */
struct clusters *clusters_new(const struct tally *tally, const struct cluster_options *options);
void clusters_free(struct clusters *clusters);
DEFINE_CLEANUP(struct clusters, clusters_free)
#define _cleanup_clusters_ _cleanup_(clusters_free_p)

/* The most parts of a comparison. */
#define CLUSTER_PARTS_MAX 65536

/* Finds all that is alike. `edges`: every pair is written there (clusters_graph()); NULL: not. */
void clusters_find(struct clusters *clusters, FILE *edges);

/*
 * Writes the pairs that part `part` of `parts` of the index's keys shows (cluster.h) to `out`, as
 * JSON lines that clusters_join() reads. A pair that adds nothing to the groups of this part is
 * left out. Returns how many were written.
 */
size_t clusters_part(struct clusters *clusters, uint32_t part, uint32_t parts, FILE *out);

/*
 * Joins what clusters_part() wrote of the same lists, in another run. Fails when a file is none of
 * such, or not whole, or was made of other lists or by another threshold. Call clusters_joined()
 * after the last.
 */
struct error *clusters_join(struct clusters *clusters, const char *path);

/* Fails when parts are missing. */
struct error *clusters_joined(const struct clusters *clusters);

/* What the groups came to. */
struct cluster_counts {
	size_t groups;	/* of two modules or more ... */
	size_t modules; /* ... and the modules in them */
	size_t alone;	/* modules that are alike no other */
};

/*
 * Hands out the groups of two modules or more: those of the most modules first, then by the list
 * that was met first. Stops when `take` returns false.
 */
void clusters_rows(struct clusters *clusters,
		   bool (*take)(void *context, const struct cluster_row *row), void *context,
		   struct cluster_counts *counts);

/*
 * Writes the graph whose nodes are the lists of all groups: as CSV, and with the edges that
 * clusters_find() wrote to `edges`, which is read from its beginning, as GraphML.
 */
void clusters_graph(struct clusters *clusters, FILE *nodes, FILE *edges, FILE *graphml);

#endif
