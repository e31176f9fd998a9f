/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Standard error while a run goes on: a progress bar on a terminal, and warnings.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <impscan/fields.h>

struct progress {
	bool bar;   /* standard error is a terminal, and the user did not want quiet */
	bool quiet; /* no warnings either */
	bool shown; /* a bar stands on the current line */
	struct timespec last;
	const char *what;	/* "processes" */
	const char *image;	/* that it is about, where there are several; NULL: none */
	struct text_list *kept; /* warnings are added to it as well, also with `quiet`; NULL: not */
	/* Gets each "warning" and "error" too, also with `quiet`; NULL: nobody does. */
	void (*told)(void *context, const char *kind, const char *sentence);
	void *context;
};

/*
 * Starts with no bar shown. `what` is what is counted, for the bar, and must outlive it; with
 * `quiet` nothing is ever written. progress->image, kept and told stay.
 */
void progress_init(struct progress *progress, bool quiet, const char *what);

/*
 * Shows that `done` of `total` are done, at most ten times a second; takes the bar away at the end.
 */
void progress_show(struct progress *progress, size_t done, size_t total);

/* Takes the bar away, so that a line can be printed in its place. */
void progress_hide(struct progress *progress);

/*
 * Writes "impscan: SENTENCE", made fit to print, with the image before it if there is one and the
 * sentence does not name it.
 */
void progress_note(struct progress *progress, const char *sentence);

/* The same as a warning: "impscan: warning: SENTENCE". */
void progress_warning(struct progress *progress, const char *sentence);

/* The same as an error, also with `quiet`. */
void progress_error(struct progress *progress, const char *sentence);

/* A warning for each line of a text that is fit to print already. */
void progress_lines(struct progress *progress, const char *lines);

#endif
