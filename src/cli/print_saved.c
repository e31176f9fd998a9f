/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See print_saved.h. */
#include "cli/print_saved.h"

#include <stdio.h>
#include <time.h>

#include <impscan/saved.h>

#include "cli/list_folder.h"
#include "cli/print_many.h"
#include "cli/print_rows.h"

static struct error *take_file(void *context, const char *path)
{
	struct saved_scan *scan = context;
	return saved_scan_enough(scan) ? NULL : saved_scan_file(scan, path);
}

/* "1 row", "2 rows" */
static void add_count(struct text *text, size_t count, const char *one, const char *more)
{
	text_add_format(text, "%zu %s", count, count == 1 ? one : more);
}

static void print_summary(const struct output *output, const struct saved_summary *summary,
			  bool search, const struct timespec *start)
{
	_cleanup_text_ struct text text = {0};
	const struct scan_summary *scan = &summary->scan;
	text_add_string(&text, "impscan: ");
	add_count(&text, summary->machines, "image, ", "images, ");
	add_count(&text, scan->modules, "module", "modules");
	if (output->good)
		text_add_format(&text, " (%zu known to be good left out)", scan->good);
	text_add_format(&text, ", %zu with a hash, %zu not read whole; ", scan->hashed,
			scan->damaged);
	add_count(&text, scan->rows, search ? "match" : "row", search ? "matches" : "rows");
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
				"%zu rows are left out: they are of processes, ranges or imports, "
				"not of modules",
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
	for (size_t i = 0; i < options->rows.count && !saved_scan_enough(scan); i++) {
		_cleanup_error_ struct error *error =
			list_folder_each(output, options->rows.items[i], take_file, scan);
		progress_hide(&output->progress);
		if (error)
			progress_error(&output->progress, error_message(error));
		output->failed += error != NULL;
	}
	tell_left_out(output, &summary);
	if (output->tally)
		return print_many(known, output);
	output_counts(output, &summary.scan);
	struct error *unwritten = output_end(output);
	if (!unwritten && !options->quiet)
		print_summary(output, &summary, known != NULL, &start);
	return unwritten;
}
