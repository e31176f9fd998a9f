/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counting the steps of a budget.
 */
#include <impscan/budget.h>

/* Steps that every image may cost, and steps for each of its present pages. */
#define STEPS_LEAST    UINT64_C(10000000)
#define STEPS_PER_PAGE UINT64_C(30)

bool budget_spend(struct budget *budget, uint64_t steps)
{
	if (!budget)
		return true;
	if (__builtin_add_overflow(budget->spent, steps, &budget->spent))
		budget->spent = UINT64_MAX;
	return budget->spent <= budget->limit;
}

uint64_t budget_of_pages(uint64_t pages)
{
	return STEPS_LEAST + pages * STEPS_PER_PAGE;
}
