/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: where hooked import slots lead that lead into no image.
 *
 * Whoever replaces an import has code somewhere, even if it is one jump. So a region that slots
 * lead into is a row of the listing, whatever it holds.
 */
#ifndef SCAN_HOOKS_H
#define SCAN_HOOKS_H

#include <impscan/address_set.h>

#include "scan/unit.h"

/* In place of the number of a module: there is none. */
#define HOOK_NO_ROW SIZE_MAX

/* How many modules the reason of a row names. */
#define HOOK_SOURCES 4

/* A region, or a module in private memory, that slots lead into. */
struct hook_target {
	uint64_t start; /* its first byte */
	size_t row;	/* the module's number, or HOOK_NO_ROW: the region has none */
	struct {
		size_t module; /* the number of the module that has the slots */
		size_t slots;
	} sources[HOOK_SOURCES];
	size_t source_count;
	size_t more_slots; /* slots of other modules */
};

/* All such places of a process. */
struct hook_targets {
	struct hook_target *items; /* by address */
	size_t count;
	size_t capacity;
	struct address_set more; /* first bytes of those beyond the limit */
};

/*
 * Adds the values of the hooked slots of a module.
 *
 * rebuilt: the list of the module.
 * module: its number.
 *
 * A slot that leads to no export, in a table that no import directory describes, counts only where
 * the module has no import directory: it may be anything else.
 */
void hooks_collect(struct hooks *hooks, const struct rebuilt *rebuilt, size_t module);

/*
 * Finds the places outside of images that hooked slots lead into, where the page holds something.
 *
 * most: how many places to keep at most; the others are counted in targets->more.
 *
 * Release with hook_targets_free().
 */
void hook_targets_find(struct hook_targets *targets, struct view *view,
		       const struct modules *modules, const struct hooks *hooks, size_t most);
void hook_targets_free(struct hook_targets *targets);
#define _cleanup_hook_targets_ __attribute__((cleanup(hook_targets_free)))

/* Returns a sentence like "8 slots of terminal.exe lead here". The caller frees it. */
char *hook_target_reason(const struct hook_target *target, const struct modules *modules);

#endif
