/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: how the budget of work of an image is shared among its units.
 *
 * The budget of a unit depends only on how much the units before it have used, in the order in
 * which they are handed out, and not on what other threads do. A unit that is made ahead of its
 * turn gets the budget that is left at that time. That may be more than is left in its turn; if it
 * used more than that, it is made again. So rows are the same with any number of threads.
 */
#ifndef SCAN_SHARE_H
#define SCAN_SHARE_H

#include <stdatomic.h>

#include <impscan/budget.h>
#include <impscan/windows.h>

/* The shares of a run, in steps of a budget. */
struct share {
	uint64_t total;		     /* of the image; exceeded only by `least` of each unit */
	uint64_t most;		     /* of one unit */
	uint64_t least;		     /* of each unit, however much the others used */
	atomic_uint_least64_t taken; /* used by the units handed out */
	atomic_uint_least64_t made;  /* used by all units made, handed out or not */
};

/*
 * Initialises the shares of `units` units.
 *
 * alone: the user named the processes, or there is but one, so one of them may use the whole
 * budget.
 */
void share_init(struct share *share, const struct windows *windows, size_t units, bool alone);

/*
 * Gives the budget of a unit that is made ahead of its turn. Returns false when too much work was
 * already done in vain: then the unit is made in its turn. For any number of threads.
 */
bool share_ahead(struct share *share, struct budget *budget);

/* Counts the work of making a unit, ahead or not. For any number of threads. */
void share_made(struct share *share, const struct budget *budget);

/* Returns the budget of the unit whose turn it is. */
struct budget share_next(struct share *share);

/*
 * Tells whether a unit that was made with the budget `made` is the same as it would be with `next`,
 * the one of share_next().
 */
bool share_stands(const struct budget *made, const struct budget *next);

/* Counts the work of the unit that is handed out. */
void share_taken(struct share *share, const struct budget *budget);

#endif
