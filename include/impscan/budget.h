/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Budgets of work. A hostile image of a few kilobytes can describe terabytes. Every walk over an
 * image is bounded by itself; budgets bound the sum of all walks.
 *
 * Work is counted in steps. One step is about as much work as looking at one page: 0.1 us. The same
 * steps are counted whether a cache had the answer or not, so that where a budget ends does not
 * depend on the number of threads.
 *
 * Room: base.
 */
#ifndef IMPSCAN_BUDGET_H
#define IMPSCAN_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* A budget is used by one thread at a time. */
struct budget {
	uint64_t limit; /* steps that may be spent */
	uint64_t spent; /* steps spent so far; the last ones counted may exceed the limit */
	uint64_t part;	/* limit of each budget_part() of it, in steps; 0: what is left */
};

/*
 * Counts `steps`. Returns false when the limit is exceeded: the caller then stops, and says what
 * was cut off. With NULL for `budget`, nothing is counted and the result is true.
 */
bool budget_spend(struct budget *budget, uint64_t steps);

/* Returns whether the limit was exceeded. False for NULL. */
static inline bool budget_exceeded(const struct budget *budget)
{
	return budget && budget->spent > budget->limit;
}

/* Returns the number of steps left. UINT64_MAX for NULL. */
static inline uint64_t budget_left(const struct budget *budget)
{
	return !budget			       ? UINT64_MAX
	       : budget->spent < budget->limit ? budget->limit - budget->spent
					       : 0;
}

/*
 * Returns a budget for one of several walks, so that the first walk can't use up everything. Its
 * limit is whole->part, or what is left of `whole` where that is less; the parts of it are half as
 * large. For NULL it has no limit. It is closed with budget_close_part().
 */
static inline struct budget budget_part(const struct budget *whole)
{
	struct budget part = {.limit = budget_left(whole)};
	if (whole && whole->part && whole->part < part.limit)
		part.limit = whole->part;
	part.part = whole ? whole->part / 2 : 0;
	return part;
}

/* Counts the steps of a part in the whole. Returns whether the part's limit was kept. */
static inline bool budget_close_part(struct budget *whole, const struct budget *part)
{
	(void)budget_spend(whole, part->spent);
	return !budget_exceeded(part);
}

/*
 * Returns the steps that an image with `pages` present pages may cost: 10 million (about a second)
 * plus 30 a page, ten times what a clean image takes.
 */
uint64_t budget_of_pages(uint64_t pages);

#endif
