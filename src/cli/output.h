/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the callbacks of a run share.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <impscan/match.h>

#include "cli/dump.h"
#include "cli/options.h"
#include "cli/progress.h"

struct output {
	const struct options *options;
	struct report *report;
	struct progress progress;
	size_t rows;
	struct dump_folder dump;
	bool same_terminal; /* rows and the progress bar go to one terminal */
};

/* events->progress and events->warning of any scan; the context is a struct output. */
void output_progress(void *context, size_t done, size_t total);
void output_warning(void *context, const char *sentence);

#endif
