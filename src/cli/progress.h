/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Standard error: a progress bar on a terminal, warnings, the summary.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct progress {
	bool bar;   /* standard error is a terminal, and the user did not want quiet */
	bool quiet; /* no warnings either */
	bool shown; /* a bar stands on the current line */
	struct timespec last;
	const char *what; /* "processes" */
};

void progress_init(struct progress *progress, bool quiet, const char *what);

/* Shows how far it is, at most ten times a second. */
void progress_show(struct progress *progress, size_t done, size_t total);

/* Takes the bar away, so that a line can be printed. */
void progress_hide(struct progress *progress);

/* "impscan: warning: SENTENCE", made fit to print. */
void progress_warning(struct progress *progress, const char *sentence);

/* The same for lines that are fit to print already. */
void progress_lines(struct progress *progress, const char *lines);

#endif
