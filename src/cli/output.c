/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a scan hands out, on its way to the report, the folder of -d and the progress bar.
 */
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/sample.h>
#include <impscan/tally.h>

#include "cli/terminal.h"

const struct evidence *output_evidence(const struct output *output)
{
	return &output->options->images[output->image];
}

bool output_several(const struct output *output)
{
	return output->options->image_count > 1;
}

void output_image(struct output *output, size_t image)
{
	output->image = image;
	free(take_ptr(output->dump_name));
	output->progress.kept = output->options->describe ? &output->warnings : NULL;
	if (!output_several(output))
		return;
	const struct evidence *evidence = output_evidence(output);
	output->progress.image = evidence_name(evidence);
	output->dump_name =
		dump_folder_name(evidence->label ? evidence->label : text_base_name(evidence->path),
				 image + 1, output->options->image_count);
}

void output_image_end(struct output *output)
{
	dump_folder_close(&output->dump);
	free(output->dump_name);
	output->dump_name = NULL;
	output->progress.image = NULL;
	struct evidence *evidence = &output->options->images[output->image];
	source_close(take_ptr(evidence->archive));
	output->progress.kept = NULL;
	text_list_free(&output->warnings);
}

/* As ripgrep does with files: headings for people, a column for what reads line by line. */
static void tell_images(struct output *output)
{
	size_t width = 0;
	for (size_t i = 0; i < output->options->image_count; i++) {
		_cleanup_text_ struct text name = {0};
		text_add_printable(&name, evidence_name(&output->options->images[i]));
		width = max_of(width, text_width(text_string(&name)));
	}
	report_tell_images(output->report,
			   isatty(STDOUT_FILENO) ? REPORT_IMAGE_HEADINGS : REPORT_IMAGE_COLUMN,
			   width);
}

/* Where rows are read in place, they fit. */
static void tell_terminal(struct output *output)
{
	report_tell_terminal(output->report, terminal_columns(STDOUT_FILENO),
			     color_wanted(output->options->color));
}

/* What a page is told of the run itself. */
static void tell_run(struct output *output)
{
	const struct options *options = output->options;
	const struct {
		const char *name;
		size_t number;
	} facts[] = {
		{"samples", options->samples.count},
		{"lists", options->lists.count},
		{"hashes", options->hashes.count},
		{"baselines", options->good.count},
		{"threshold", (size_t)options->threshold},
		{"listing", options->all},
		{"fast", options->fast},
	};
	for (size_t i = 0; i < array_size(facts); i++) {
		char number[24];
		snprintf(number, sizeof(number), "%zu", facts[i].number);
		report_fact(output->report, NULL, facts[i].name, number);
	}
}

/* The image in work; NULL where saved rows are in the place of images. */
static const char *image_name(const struct output *output)
{
	return output->options->image_count ? evidence_name(output_evidence(output)) : NULL;
}

void output_counts(struct output *output, const struct scan_summary *summary)
{
	const struct {
		const char *name;
		size_t number;
	} counts[] = {
		{"processes", summary->processes},
		{"modules", summary->modules},
		{"hashed", summary->hashed},
		{"damaged", summary->damaged},
		{"rows", summary->rows},
		{"good", summary->good},
		{"few", summary->few},
		{"cut", summary->cut},
	};
	if (!output->report) /* rows are counted, not printed */
		return;
	for (size_t i = 0; i < array_size(counts); i++) {
		char number[24];
		snprintf(number, sizeof(number), "%zu", counts[i].number);
		report_fact(output->report, image_name(output), counts[i].name, number);
	}
}

/* Starts the run's report of modules, unless that was done. */
static void start_report(struct output *output, bool search)
{
	if (output->report)
		return;
	output->report = report_modules_new(stdout, output->options->form, search);
	tell_run(output);
}

static void told(void *context, const char *kind, const char *sentence)
{
	struct output *output = context;
	start_report(output, options_search(output->options));
	report_fact(output->report, image_name(output), kind, sentence);
}

void output_tell_page(struct output *output)
{
	if (output->options->form != REPORT_HTML)
		return;
	output->progress.told = told;
	output->progress.context = output;
}

void output_report(struct output *output, const struct row_kind *kind, bool search)
{
	if (output->tally)
		return;
	const bool first = !output->report;
	if (kind == &row_modules)
		start_report(output, search);
	else if (first && kind == &row_processes)
		output->report =
			report_processes_new(stdout, output->options->form, output->options->tree);
	else if (first)
		output->report = report_new(stdout, output->options->form, kind);
	if (first && output_several(output))
		tell_images(output);
	if (first)
		tell_terminal(output);
	report_image(output->report, evidence_name(output_evidence(output)));
}

/* Columns for the name of an image whose name is not known before its rows come. */
#define IMAGE_WIDTH 24

void output_saved_report(struct output *output, bool search)
{
	if (output->tally)
		return;
	start_report(output, search);
	report_tell_images(output->report,
			   isatty(STDOUT_FILENO) ? REPORT_IMAGE_HEADINGS : REPORT_IMAGE_COLUMN,
			   IMAGE_WIDTH);
	tell_terminal(output);
}

struct error *output_written(struct output *output)
{
	if (output->tally)
		return NULL;
	/* A page tells what is still to be said of the last one. */
	if (output->image + 1 == output->options->image_count &&
	    output->options->form != REPORT_HTML)
		return output_end(output);
	return report_flush(output->report) ? NULL : output_failed();
}

struct error *output_end(struct output *output)
{
	text_free(&output->saved_image);
	return !output->report || report_end(take_ptr(output->report)) ? NULL : output_failed();
}

/* A row and the progress bar may share a line of a terminal. */
static void before_row(struct output *output)
{
	if (output->same_terminal)
		progress_hide(&output->progress);
	output->rows++;
}

void output_summary(struct output *output)
{
	if (output->summary.length)
		fputs(text_string(&output->summary), stderr);
	text_free(&output->summary);
}

/* Counts a row instead of printing it. */
static bool count_row(struct output *output, const struct row *row)
{
	if (output->tally)
		tally_add(output->tally, row);
	return output->tally != NULL;
}

bool output_row(void *context, const struct row *row)
{
	struct output *output = context;
	struct row named = *row;
	_cleanup_text_ struct text path = {0};
	if (count_row(output, row))
		return true;
	before_row(output);
	if (row->dump.file && output->dump_name) { /* below the folder of -d */
		text_add_string(&path, output->dump_name);
		text_add_char(&path, '/');
		text_add_string(&path, row->dump.file);
		named.dump.file = text_string(&path);
	}
	report_module(output->report, &named);
	/* Modules are wanted as files also when nobody reads their rows any more. */
	return output->dump.index || !report_failed(output->report);
}

bool output_saved_row(void *context, const struct row *row)
{
	struct output *output = context;
	const char *image = row->image ? row->image : "-";
	if (count_row(output, row))
		return true;
	before_row(output);
	if (strcmp(text_string(&output->saved_image), image) != 0) {
		text_clear(&output->saved_image);
		text_add_string(&output->saved_image, image);
		report_image(output->report, text_string(&output->saved_image));
	}
	report_module(output->report, row);
	return !report_failed(output->report);
}

bool output_region(void *context, const struct region_row *row)
{
	struct output *output = context;
	before_row(output);
	report_region(output->report, row);
	return !report_failed(output->report);
}

bool output_process(void *context, const struct process_row *row)
{
	struct output *output = context;
	before_row(output);
	report_process(output->report, row);
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

/* "impscan mem.raw -e samples/" takes the image for a sample. */
static void warn_of_image(struct output *output, const struct sample *sample)
{
	const char *path = output->options->before_samples;
	if (!path || sample->status != IMPORTS_NOT_PE || strcmp(sample->path, path) != 0)
		return;
	_cleanup_free_ char *sentence = alloc_printf(
		"%s is taken for a sample, as what stands alone is with -e, but is no PE file; if "
		"it is an image, give it with -f",
		path);
	progress_warning(&output->progress, sentence);
}

bool output_sample(void *context, const struct sample *sample)
{
	struct output *output = context;
	if (output->same_terminal)
		progress_hide(&output->progress);
	warn_of_image(output, sample);
	report_sample(output->report, sample);
	output->rows += hashes_any(&sample->hashes);
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
