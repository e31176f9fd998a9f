/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See print_saved.h. */
#include "cli/print_saved.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <impscan/alloc.h>
#include <impscan/sample.h>
#include <impscan/saved.h>

#include "cli/image_folder.h"
#include "cli/print_many.h"
#include "cli/print_rows.h"

/* A file of -r that can't be read is an error in its place; the others are done. */
static void tell_error(struct output *output, const struct error *error)
{
	progress_hide(&output->progress);
	progress_error(&output->progress, error_message(error));
	output->failed++;
}

/* A folder may have other files as well, notes and warnings: these are told together. */
static void take_folder(struct output *output, struct saved_scan *scan, const char *folder)
{
	_cleanup_text_ struct text warnings = {0}, first = {0};
	char **files = NULL;
	size_t count = 0, others = 0;
	_cleanup_error_ struct error *unlisted = samples_list(folder, &files, &count, &warnings);
	if (unlisted) {
		tell_error(output, unlisted);
		return;
	}
	progress_lines(&output->progress, text_string(&warnings));
	for (size_t i = 0; i < count && !saved_scan_enough(scan); i++) {
		bool no_rows = false;
		_cleanup_error_ struct error *error = saved_scan_file(scan, files[i], &no_rows);
		if (error && !no_rows)
			tell_error(output, error);
		if (no_rows && !others++)
			text_add_string(&first, error_message(error));
	}
	samples_list_free(files, count);
	progress_hide(&output->progress);
	if (!others)
		return;
	_cleanup_free_ char *sentence =
		alloc_printf("%s: %zu of %zu files have no rows; the first: %s", folder, others,
			     count, text_string(&first));
	if (others == count) {
		_cleanup_error_ struct error *error = error_new("%s", sentence);
		tell_error(output, error);
		return;
	}
	progress_warning(&output->progress, sentence);
}

static void take_path(struct output *output, struct saved_scan *scan, const char *path)
{
	bool no_rows;
	if (strcmp(path, "-") != 0 && path_is_folder(path)) {
		take_folder(output, scan, path);
		return;
	}
	_cleanup_error_ struct error *error = saved_scan_file(scan, path, &no_rows);
	progress_hide(&output->progress);
	if (error)
		tell_error(output, error);
}

/* Patterns of --image that fit nothing are most likely mistaken. */
static void check_images(struct output *output, const struct saved_summary *summary)
{
	if (!output->options->image_globs.count || summary->machines || output->failed)
		return;
	_cleanup_error_ struct error *error =
		error_new("no row is of an image that --image '%s' fits",
			  output->options->image_globs.items[0]);
	tell_error(output, error);
}

static void print_summary(const struct output *output, const struct saved_summary *summary,
			  bool search, const struct timespec *start)
{
	_cleanup_text_ struct text text = {0};
	const struct scan_summary *scan = &summary->scan;
	text_add_string(&text, "impscan: ");
	text_add_count(&text, summary->machines, "image, ", "images, ");
	text_add_count(&text, scan->modules, "module", "modules");
	if (output->good)
		text_add_format(&text, " (%zu known to be good left out)", scan->good);
	text_add_format(&text, ", %zu with a hash, %zu not read whole; ", scan->hashed,
			scan->damaged);
	text_add_count(&text, scan->rows, search ? "match" : "row", search ? "matches" : "rows");
	if (scan->few)
		text_add_format(&text, " (%zu of lists with fewer imports left out)", scan->few);
	text_add_format(&text, " in %.2f s\n", seconds_since(start));
	fputs(text_string(&text), stderr);
}

/* What was in the files beside rows of modules, and what a search of rows can't do. */
static void tell_left_out(struct output *output, const struct saved_summary *summary)
{
	_cleanup_text_ struct text text = {0};
	if (summary->other_lines) {
		text_add_format(&text,
				"%zu lines are left out: they are rows of processes, ranges or "
				"imports, or of another program",
				summary->other_lines);
		progress_warning(&output->progress, text_string(&text));
	}
	if (output->options->samples.count && !output->tally)
		progress_note(&output->progress,
			      "saved rows have no addresses: matches by those (\"resolved\") are "
			      "found in the images only");
}

struct error *print_saved(const struct known *known, struct output *output)
{
	const struct known *searched = output->tally ? NULL : known;
	const struct options *options = output->options;
	const struct scan_options scan_options = scan_options_of(output, searched);
	const struct saved_options saved_options = {
		.scan = &scan_options,
		.images = options->image_globs.items,
		.image_count = options->image_globs.count,
	};
	const struct scan_events events = {
		.row = output_saved_row,
		.progress = output_progress,
		.warning = output_warning,
		.context = output,
	};
	struct saved_summary summary;
	struct timespec start;
	_cleanup_saved_scan_ struct saved_scan *scan =
		saved_scan_new(&saved_options, &events, &summary);
	clock_gettime(CLOCK_MONOTONIC, &start);
	progress_init(&output->progress, options->quiet, "bytes of saved rows");
	output_saved_report(output, searched != NULL);
	for (size_t i = 0; i < options->rows.count && !saved_scan_enough(scan); i++)
		take_path(output, scan, options->rows.items[i]);
	check_images(output, &summary);
	tell_left_out(output, &summary);
	if (output->tally)
		return print_many(known, output);
	output_counts(output, &summary.scan);
	struct error *unwritten = output_end(output);
	if (!unwritten && !options->quiet)
		print_summary(output, &summary, known != NULL, &start);
	return unwritten;
}
