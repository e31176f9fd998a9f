/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: the processes of a run, one work unit each.
 */
#ifndef SCAN_SELECTION_H
#define SCAN_SELECTION_H

#include <impscan/process.h>
#include <impscan/scan.h>
#include <impscan/windows.h>

struct selection {
	struct processes all;
	struct process **items; /* those to be scanned */
	size_t count;
};

/* Do the options ask for this PID? */
bool selection_wants(const struct scan_options *options, uint32_t pid);

/* The processes that the options ask for; fails when one of the PIDs is not there. */
struct error *selection_make(struct selection *selection, const struct windows *windows,
			     const struct scan_options *options, const struct scan_events *events);
void selection_free(struct selection *selection);
#define _cleanup_selection_ __attribute__((cleanup(selection_free)))

/*
 * Warns of a process for which the image's budget, or its part of it, was not enough; `cut` is how many
 * were so before, and goes up. After some the others are only counted: selection_warn_end() tells.
 */
void selection_warn_cut(const struct scan_events *events, const struct scan_options *options,
			const struct process *process, size_t *cut);
void selection_warn_end(const struct scan_events *events, size_t cut);

/* "PID 4 System: SENTENCE" as a warning; nothing for an empty sentence. */
void selection_warn(const struct scan_events *events, const struct process *process,
		    const char *sentence);

#endif
