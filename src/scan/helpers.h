/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: threads that help with one process, where there is only one. Each has a
 * view and maps of its own. They take modules, or regions without a header, from the other end of
 * the list; whoever owns the unit takes what they came to as its own, in order.
 *
 * What comes out is what one thread alone finds, as long as no budget ends: what helpers spend is
 * counted in the unit's budgets, never less than one thread spends. Where one of them ends all is
 * done again without helpers.
 */
#ifndef SCAN_HELPERS_H
#define SCAN_HELPERS_H

#include <impscan/cleanup.h>

#include "scan/unit.h"
#include "scan/unit_maps.h"

/* The thread of a helper has all of this to itself. */
struct helper {
	struct view view;
	struct unit_maps maps;
	struct worker worker;
	struct modules modules; /* a copy of the unit's, whose names are shared */
	struct budget budget;	/* of the view */
};

/* What a helper came to; the first ones are set by the work itself. */
struct helped {
	struct module module;
	struct finding *finding; /* owned; NULL: none */
	const char *cut;	 /* rebuilt->cut of a region */
	struct hook *hooks;	 /* owned */
	size_t hook_count;
	uint64_t cost[5]; /* of the view's budget, and those of the lists */
	bool maps[2];	  /* which maps were made until then */
};

/* What helpers do, by numbers. */
struct helped_work {
	size_t count;
	/* Does number `i`, called by a helper's thread; false: it is not for helpers. */
	bool (*make)(struct helper *helper, size_t i, struct helped *helped);
};

struct helpers;

/* Returns helpers for the process of `maps`; NULL where there are to be none. */
struct helpers *helpers_new(struct unit_maps *maps);
void helpers_free(struct helpers *helpers); /* NULL is fine */
DEFINE_CLEANUP(struct helpers, helpers_free)
#define _cleanup_helpers_ _cleanup_(helpers_free_p)

/*
 * Begins work on what the unit's modules are now: they, and the injections, must stay as they are
 * until helpers_end(). Without helpers (NULL) nothing happens.
 */
void helpers_begin(struct helpers *helpers, const struct helped_work *work);

/*
 * Returns what a helper came to for number `i`, and counts it in the budgets of the unit; NULL: it
 * is not done and not begun, and left to the caller, who asks for all numbers in order. It is valid
 * until helpers_end(); the caller may take its finding.
 */
struct helped *helpers_take(struct helpers *helpers, size_t i);

/* Waits until no helper does anything. */
void helpers_end(struct helpers *helpers);

#endif
