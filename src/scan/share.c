/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The share of the image's budget of work that each process may use.
 */
#include "scan/share.h"

#include <impscan/bytes.h>

/*
 * The share of the total that one unit, all that is made in vain, and one walk of a unit may take.
 */
#define UNIT_SHARE 8
#define VAIN_SHARE 2
#define WALK_SHARE 4

/* All units' least together, as a share of the total. */
#define LEAST_SHARE 4

void share_init(struct share *share, const struct windows *windows, size_t units, bool alone)
{
	share->total = windows_work(windows);
	share->most = alone ? share->total : share->total / UNIT_SHARE;
	share->least = share->total / LEAST_SHARE / max_of(units, (size_t)1);
	share->least = min_of(share->least, share->most);
	atomic_init(&share->taken, 0);
	atomic_init(&share->made, 0);
}

static struct budget budget_after(const struct share *share, uint64_t taken)
{
	uint64_t left = taken < share->total ? share->total - taken : 0;
	return (struct budget){
		.limit = max_of(min_of(left, share->most), share->least),
		.part = share->most / WALK_SHARE,
	};
}

bool share_ahead(struct share *share, struct budget *budget)
{
	uint64_t made = atomic_load_explicit(&share->made, memory_order_relaxed);
	uint64_t taken = atomic_load_explicit(&share->taken, memory_order_relaxed);
	*budget = budget_after(share, taken);
	return made <= taken || made - taken <= share->total / VAIN_SHARE;
}

void share_made(struct share *share, const struct budget *budget)
{
	atomic_fetch_add_explicit(&share->made, budget->spent, memory_order_relaxed);
}

struct budget share_next(struct share *share)
{
	return budget_after(share, atomic_load_explicit(&share->taken, memory_order_relaxed));
}

bool share_stands(const struct budget *made, const struct budget *next)
{
	return made->spent <= next->limit || made->limit == next->limit;
}

void share_taken(struct share *share, const struct budget *budget)
{
	atomic_fetch_add_explicit(&share->taken, budget->spent, memory_order_relaxed);
}
