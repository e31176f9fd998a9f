/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: what a condition makes of what it names. It is wanted, or, behind an odd
 * number of negations, excluded.
 */
#ifndef IMPSCAN_MATCH_LIST_POLARITY_H
#define IMPSCAN_MATCH_LIST_POLARITY_H

#include <stdbool.h>
#include <stdint.h>

#define POLARITY_DEPTH_MAX 64

/* The place in a condition that is read from left to right. All zero at its start. */
struct polarity {
	uint64_t outside;   /* a bit for each open bracket: was what is outside it excluded? */
	unsigned int depth; /* open brackets, at most POLARITY_DEPTH_MAX */
	bool excluded;	    /* what stands in these brackets */
	bool negated;	    /* an odd number of `not` stand before what comes next */
	bool broken;	    /* brackets don't match, or are too deep */
};

/* A `not`, which reaches what comes next: a name, a comparison or all in brackets. */
static inline void polarity_not(struct polarity *polarity)
{
	polarity->negated = !polarity->negated;
}

/* What comes next: is it excluded? */
static inline bool polarity_next(struct polarity *polarity)
{
	bool excluded = polarity->excluded != polarity->negated;
	polarity->negated = false;
	return excluded;
}

static inline void polarity_open(struct polarity *polarity)
{
	if (polarity->depth == POLARITY_DEPTH_MAX) {
		polarity->broken = true;
		return;
	}
	polarity->outside = polarity->outside << 1 | polarity->excluded;
	polarity->depth++;
	polarity->excluded = polarity_next(polarity);
}

static inline void polarity_close(struct polarity *polarity)
{
	polarity->broken |= !polarity->depth || polarity->negated;
	if (!polarity->depth)
		return;
	polarity->excluded = polarity->outside & 1;
	polarity->outside >>= 1;
	polarity->depth--;
}

#endif
