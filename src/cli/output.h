/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the parts of a run share: the options, the report, the progress bar, the folder of -d.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <impscan/match.h>

#include "cli/dump_folder.h"
#include "cli/options.h"
#include "cli/progress.h"

struct output {
	const struct options *options;
	struct report *report;
	struct progress progress;
	size_t rows; /* written to standard output; none makes the exit code EXIT_NONE */
	struct dump_folder dump;
	bool same_terminal; /* rows and the progress bar go to one terminal */
};

/* Receivers of any scan (struct scan_events), whose context is a struct output. */
bool output_row(void *context, const struct row *row);
bool output_region(void *context, const struct region_row *row);
bool output_import(void *context, const struct import_row *row);
bool output_dumped(void *context, const struct row *row);
bool output_sample(void *context, const struct sample *sample);
void output_progress(void *context, size_t done, size_t total);
void output_warning(void *context, const char *sentence);

/* The error for rows that could not be written. */
struct error *output_failed(void);

#endif
