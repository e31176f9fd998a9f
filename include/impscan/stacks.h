/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What many rows of modules come to, as rows: each distinct module with where it is (--stack), and
 * groups of alike ones (--cluster). They are made by tally.h; texts are borrowed as in rows.h.
 *
 * Room: rows.
 */
#ifndef IMPSCAN_STACKS_H
#define IMPSCAN_STACKS_H

#include <stddef.h>
#include <stdint.h>

#include <impscan/fields.h>
#include <impscan/hash.h>
#include <impscan/rows.h>

/* What is odd about a distinct module among the others: bits, named by stack_mark_names[]. */
enum stack_mark {
	/*
	 * Of the machines that have a module of this name, more than half have one with the same
	 * other hashes, and less than half have these; of one machine it is processes. Not of
	 * injected code, which has no name.
	 */
	STACK_OTHER_HASH = 1 << 0,
	/*
	 * A module of another name has the same hashes, on as many machines (of one machine: in as
	 * many processes) or more. Not where all its lists are weak (tally.h).
	 */
	STACK_OTHER_NAME = 1 << 1,
};
#define STACK_MARK_COUNT 2

extern const char *const stack_mark_names[STACK_MARK_COUNT];

/* All modules of one name, in any case, that have the same hashes. */
struct stack_row {
	size_t machines;  /* images that have one */
	size_t processes; /* that have one, of all machines */
	size_t modules;
	unsigned int marks; /* bits, enum stack_mark */
	/* The name of the most others with the same hashes, where it is STACK_OTHER_NAME. */
	const char *other_name;
	size_t name_machines; /* machines that have a module of this name ... */
	size_t name_hashes;   /* ... and how many distinct modules those are */
	const char *last_image;
	/*
	 * The first one: pid, process, eprocess, base, size, module, path, found_in, status, imports,
	 * hashes, rebuilt_imports, rebuilt, match, image, dotnet, typerefs, go, by_go, go_functions
	 * are set; flags are those of all.
	 */
	struct row first;
};

/* A group of modules with alike hashes. */
struct cluster_row {
	size_t number;		/* from 1, the largest first */
	const char *kind;	/* what the hashes are of: "imports", "types", "functions" */
	size_t modules;		/* in it */
	size_t hashes;		/* distinct lists among them */
	size_t machines;	/* images that have one */
	size_t processes;	/* that have one, of all machines */
	unsigned int flags;	/* of any of them: enum module_flag */
	struct text_list names; /* of modules, each once, those on most machines first */
	const char *first_image, *last_image;
	/* The list of the most modules stands for the group. */
	const char *module;	 /* its first module's name */
	char exact[SHA256_SIZE]; /* its imphash, typerefhash or gimphash */
	char fuzzy[IMPFUZZY_SIZE +
		   16]; /* its impfuzzy, or with its prefix typerefuzzy, gimpfuzzy */
	/* Scores of the other lists with it; 0 also for what is alike over others only. */
	unsigned int score_least, score_most, score_mean;
	/* The known hash that is nearest to one of its lists; "" for nothing. */
	const char *match;
	enum row_matched matched;
	unsigned int match_score;
};

extern const struct row_kind row_stacks;   /* struct stack_row */
extern const struct row_kind row_clusters; /* struct cluster_row */

#endif
