/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a scan hands out, on its way to the report, the folder of -d and the progress bar.
 */
#include "cli/output.h"

/* A row and the progress bar may share a line of a terminal. */
static void before_row(struct output *output)
{
	if (output->same_terminal)
		progress_hide(&output->progress);
	output->rows++;
}

bool output_row(void *context, const struct row *row)
{
	struct output *output = context;
	before_row(output);
	report_module(output->report, row);
	/* Modules are wanted as files also when nobody reads their rows any more. */
	return output->dump.index || !report_failed(output->report);
}

bool output_region(void *context, const struct region_row *row)
{
	struct output *output = context;
	before_row(output);
	report_region(output->report, row);
	return !report_failed(output->report);
}

bool output_import(void *context, const struct import_row *row)
{
	struct output *output = context;
	before_row(output);
	report_import(output->report, row);
	return !report_failed(output->report);
}

bool output_dumped(void *context, const struct row *row)
{
	struct output *output = context;
	return dump_folder_add(&output->dump, row);
}

bool output_sample(void *context, const struct sample *sample)
{
	struct output *output = context;
	if (output->same_terminal)
		progress_hide(&output->progress);
	report_sample(output->report, sample);
	output->rows += *sample->hashes.imphash != '\0';
	return !report_failed(output->report);
}

void output_progress(void *context, size_t done, size_t total)
{
	struct output *output = context;
	progress_show(&output->progress, done, total);
}

void output_warning(void *context, const char *sentence)
{
	struct output *output = context;
	progress_warning(&output->progress, sentence);
}

struct error *output_failed(void)
{
	return error_new("the results could not be written to standard output");
}
