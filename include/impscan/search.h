/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Binary search.
 *
 * Room: base.
 */
#ifndef IMPSCAN_SEARCH_H
#define IMPSCAN_SEARCH_H

#include <stddef.h>

/*
 * Returns the first number from `start` up to, but not including, `stop` for which `condition`
 * holds, or `stop` when there is none. In the condition the number is called `i`, a size_t. Where
 * it holds for one number, it must hold for all that follow. `stop` is at most SIZE_MAX / 2.
 *
 * The first of sorted addresses that is not below `address` (lower bound), and the one behind the
 * last that is not above it (upper bound):
 *	size_t at = search_first(i, 0, count, addresses[i] >= address);
 *	size_t behind = search_first(i, 0, count, addresses[i] > address);
 */
#define search_first(i, start, stop, condition)                            \
	({                                                                 \
		size_t search_low_ = (start), search_high_ = (stop);       \
		while (search_low_ < search_high_) {                       \
			const size_t i = (search_low_ + search_high_) / 2; \
			if (condition)                                     \
				search_high_ = i;                          \
			else                                               \
				search_low_ = i + 1;                       \
		}                                                          \
		search_low_;                                               \
	})

#endif
