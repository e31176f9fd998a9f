/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: where import slots lead that lead into no image.
 *
 * Who takes the place of an import has code somewhere, be it a jump and nothing else. A region that
 * slots lead into is shown whatever it holds.
 */
#ifndef SCAN_HOOKS_H
#define SCAN_HOOKS_H

#include <impscan/address_set.h>

#include "scan/unit.h"

#define HOOK_NO_ROW SIZE_MAX

/* How many modules a reason names. */
#define HOOK_SOURCES 4

/* A region, or a module in private memory, that slots lead into. */
struct hook_target {
	uint64_t start; /* its first byte */
	size_t row;	/* the module's number, or HOOK_NO_ROW: the region has none */
	struct {
		size_t module; /* whose slots, by number */
		size_t slots;
	} sources[HOOK_SOURCES];
	size_t source_count;
	size_t more_slots; /* of other modules */
};

struct hook_targets {
	struct hook_target *items; /* by address */
	size_t count;
	size_t capacity;
	struct address_set more; /* where those begin that were too many */
};

/*
 * Adds what slots of module number `module`, whose list was rebuilt, hold instead of an import's
 * address. In tables that no import directory describes, what leads to no export counts only where
 * the module has no other list.
 */
void hooks_collect(struct hooks *hooks, const struct rebuilt *rebuilt, size_t module);

/*
 * The places outside of images that slots lead into: mapped pages that hold something. At most
 * `most` of them. Release with hook_targets_free().
 */
void hook_targets_find(struct hook_targets *targets, struct view *view,
		       const struct modules *modules, const struct hooks *hooks, size_t most);
void hook_targets_free(struct hook_targets *targets);
#define _cleanup_hook_targets_ __attribute__((cleanup(hook_targets_free)))

/* "8 slots of terminal.exe lead here"; the caller frees it. */
char *hook_target_reason(const struct hook_target *target, const struct modules *modules);

#endif
