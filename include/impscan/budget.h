/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a piece of evidence may cost. A hostile image of a few kilobytes can describe terabytes: each
 * walk over it is bounded, and so is their sum, by steps that are counted here.
 *
 * A step is about as much work as looking at one page: 0.1 us. Steps are counted the same whatever
 * caches hold, so that where a budget ends does not depend on threads.
 *
 * Room: base.
 */
#ifndef IMPSCAN_BUDGET_H
#define IMPSCAN_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* Belongs to one thread at a time. */
struct budget {
	uint64_t limit; /* steps */
	uint64_t spent; /* steps so far; may exceed the limit by the last one counted */
	uint64_t part;	/* what one walk of several may cost, see budget_part(); 0: all */
};

/*
 * Counts `steps`. Returns false when that is more than is left: then stop and tell what was cut off.
 * `budget` may be NULL: nothing is bounded.
 */
bool budget_spend(struct budget *budget, uint64_t steps);

/* Returns whether more was asked for than the budget has. NULL: never. */
static inline bool budget_exceeded(const struct budget *budget)
{
	return budget && budget->spent > budget->limit;
}

/* Returns the steps left; UINT64_MAX for NULL. */
static inline uint64_t budget_left(const struct budget *budget)
{
	return !budget			       ? UINT64_MAX
	       : budget->spent < budget->limit ? budget->limit - budget->spent
					       : 0;
}

/*
 * Returns a budget for one of several walks, so that the first can't leave nothing for the others: of
 * whole->part steps at most, and of what is left. Its own parts are half of that. Of NULL: not
 * bounded. Close it with budget_close_part().
 */
static inline struct budget budget_part(const struct budget *whole)
{
	struct budget part = {.limit = budget_left(whole)};
	if (whole && whole->part && whole->part < part.limit)
		part.limit = whole->part;
	part.part = whole ? whole->part / 2 : 0;
	return part;
}

/* Counts what a part has spent against the whole; returns whether it was enough. */
static inline bool budget_close_part(struct budget *whole, const struct budget *part)
{
	(void)budget_spend(whole, part->spent);
	return !budget_exceeded(part);
}

/*
 * Returns the steps that an image may cost by its present pages: 10 million (about a second), and 30
 * for each page, ten times what a clean one takes.
 */
uint64_t budget_of_pages(uint64_t pages);

#endif
