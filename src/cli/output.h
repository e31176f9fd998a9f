/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the parts of a run share: the options, the report, the progress bar, the folder of -d.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <impscan/report.h>
#include <impscan/sample.h>

#include "cli/confine.h"
#include "cli/dump_folder.h"
#include "cli/options.h"
#include "cli/progress.h"

struct output {
	struct options *options; /* images of archives are added to it */
	struct report
		*report; /* of all images; NULL before the first that can be read, and at the end */
	size_t image;	 /* number of the image in work, from 0 */
	char *dump_name; /* of several images: this one's folder in that of -d */
	struct progress progress;
	const struct good *good;	 /* what -k knows; NULL: no -k */
	struct tally *tally;		 /* counts rows, which are not printed; NULL: they are */
	size_t failed;			 /* images, or files of saved rows, with an error */
	struct text saved_image;	 /* that the saved rows in work are of */
	struct confinement *confinement; /* what was given up */
	size_t rows; /* written to standard output; none makes the exit code EXIT_NONE */
	struct dump_folder dump;
	struct text
		summary; /* the last line of the image in work, as it stands now; may be empty */
	struct text_list warnings; /* of the image in work, told by now: with --describe */
	bool same_terminal;	   /* rows and the progress bar go to one terminal */
};

/* The image in work. */
const struct evidence *output_evidence(const struct output *output);

/* Is there more than one image? */
bool output_several(const struct output *output);

/*
 * Begins the work on image number `image`: from now on what is written to standard error names it,
 * where there are several. End it with output_image_end(), also after an error.
 */
void output_image(struct output *output, size_t image);
void output_image_end(struct output *output);

/*
 * Starts the run's report of rows, unless an earlier image did; `search` as report_modules_new()
 * has it. Rows are of the image in work from now on.
 */
void output_report(struct output *output, const struct row_kind *kind, bool search);

/*
 * Writes out what the image in work came to, and ends the report when it is the last. Fails when
 * something could not be written.
 */
struct error *output_written(struct output *output);

/* Ends the report, if there is one. Fails when something could not be written. */
struct error *output_end(struct output *output);

/* Prints the last line of the image in work, if there is one, behind all that is told of it. */
void output_summary(struct output *output);

/*
 * Keeps what is told of the run on standard error for its report as well, where that is a page. For
 * the start of a run.
 */
void output_tell_page(struct output *output);

/* The counts of the image in work, or of saved rows, for a page; elsewhere nothing is written. */
void output_counts(struct output *output, const struct scan_summary *summary);

/* Receivers of any scan (struct scan_events), whose context is a struct output. */
bool output_row(void *context, const struct row *row);
bool output_region(void *context, const struct region_row *row);
bool output_process(void *context, const struct process_row *row);
bool output_import(void *context, const struct import_row *row);
bool output_dumped(void *context, const struct row *row);
bool output_sample(void *context, const struct sample *sample);
void output_progress(void *context, size_t done, size_t total);
void output_warning(void *context, const char *sentence);

/*
 * Starts the report of saved rows, of images whose names come with them; `search` as
 * report_modules_new() has it. Their receiver is output_saved_row().
 */
void output_saved_report(struct output *output, bool search);
bool output_saved_row(void *context, const struct row *row);

/* The error for rows that could not be written. */
struct error *output_failed(void);

#endif
