/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: which selections of a Sigma rule its conditions want.
 */
#ifndef IMPSCAN_MATCH_LIST_CONDITION_H
#define IMPSCAN_MATCH_LIST_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "known.h"

/* What the conditions of a rule make of a selection. */
enum selection_use {
	SELECTION_UNNAMED,   /* none has it */
	SELECTION_WANTED,    /* one has it behind an even number of negations */
	SELECTION_EXCLUDED,  /* it is always behind an odd number of them */
	SELECTION_UNDECIDED, /* one has it both ways, or can't be read */
};

struct selection {
	struct slice name;
	uint32_t node;		/* its own, for the caller */
	enum selection_use use; /* by all conditions so far */
	size_t condition;	/* the last one that has it, counted from 1: */
	bool wanted, excluded;	/* what that one makes of it */
};

/* The selections of a rule. All zero to begin with, but for `items`, `count` and `capacity`. */
struct selections {
	struct selection *items; /* sorted by selections_sort() */
	size_t count, capacity;
	size_t conditions; /* that were read */
	size_t steps;	   /* of comparing names, at most CONDITION_STEPS */
	bool unreadable;   /* a condition can't be read */
	bool exhausted;	   /* the steps did not suffice: nothing is decided */
};

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define CONDITION_STEPS 40000
#else
#define CONDITION_STEPS 4000000
#endif

/* Sorts them by their names, in which letters of either case are equal. */
void selections_sort(struct selections *selections);

/* Adds what a condition makes of them. */
void selections_use(struct selections *selections, struct slice condition);

/* Settles `use` after the last condition. */
void selections_settle(struct selections *selections);

#endif
