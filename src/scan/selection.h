/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: the processes of a run, one work unit each, and warnings of them.
 */
#ifndef SCAN_SELECTION_H
#define SCAN_SELECTION_H

#include <impscan/process.h>
#include <impscan/scan.h>
#include <impscan/windows.h>

struct selection {
	struct processes all;	/* of the image */
	struct process **items; /* those to be scanned */
	size_t count;
};

/* Do the options ask for this PID? */
bool selection_wants(const struct scan_options *options, uint32_t pid);

/*
 * Finds all processes of the image and chooses those that the options ask for. Warns of what was
 * wrong with the kernel's lists. Fails when a PID asked for does not exist. Release with
 * selection_free(), also after an error.
 */
struct error *selection_make(struct selection *selection, const struct windows *windows,
			     const struct scan_options *options, const struct scan_events *events);
void selection_free(struct selection *selection);
#define _cleanup_selection_ __attribute__((cleanup(selection_free)))

/*
 * Warns that a process was not examined to its end, for its budget of work, and counts it in
 * `*cut`. The first 16 are named; selection_warn_end(), called at the end with the count, tells how
 * many more there were.
 */
void selection_warn_cut(const struct scan_events *events, const struct scan_options *options,
			const struct process *process, size_t *cut);
void selection_warn_end(const struct scan_events *events, size_t cut);

/* Warns with "PID 4 System: SENTENCE"; does nothing for an empty sentence. */
void selection_warn(const struct scan_events *events, const struct process *process,
		    const char *sentence);

#endif
