/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: an image's budget, shared by its units.
 *
 * What a unit may cost depends on those before it, in the order that they are handed out, and on
 * nothing else: not on what threads have begun meanwhile. So a unit that is made ahead is made with
 * what is left at that time, which is at least as much; where it took more than those before it have
 * left, it is made again in its turn. Rows are the same with any number of threads.
 */
#ifndef SCAN_SHARE_H
#define SCAN_SHARE_H

#include <stdatomic.h>

#include <impscan/budget.h>
#include <impscan/scan.h>

struct share {
	uint64_t total;		     /* of the image; more only by `least` of each unit */
	uint64_t most;		     /* of one unit */
	uint64_t least;		     /* that each has, whatever others took */
	atomic_uint_least64_t taken; /* by the units handed out */
	atomic_uint_least64_t made;  /* by all that was made, handed out or not */
};

/* For `units` units; `alone`: the user named them, so that one may take all. */
void share_init(struct share *share, const struct windows *windows, size_t units, bool alone);

/*
 * The budget of a unit that is made ahead. False: too much was made in vain, let it be made when it is
 * handed out. From any thread.
 */
bool share_ahead(struct share *share, struct budget *budget);

/* Tells what making a unit, ahead or not, has spent. From any thread. */
void share_made(struct share *share, const struct budget *budget);

/* The budget of the unit that is handed out next. */
struct budget share_next(struct share *share);

/* Is a unit made with `made` what it would be with `next`, that of share_next()? */
bool share_stands(const struct budget *made, const struct budget *next);

/* The unit is handed out. */
void share_taken(struct share *share, const struct budget *budget);

#endif
