/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows as text: tables for people, CSV, JSON lines and JSON for programs. What is written of a row
 * stands in the table of its fields (fields.h); a report adds how values look.
 *
 * Room: report.
 */
#ifndef IMPSCAN_REPORT_H
#define IMPSCAN_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <impscan/rows.h>
#include <impscan/sample.h>

struct description;
struct cluster_row;
struct profile_summary;
struct sample;
struct stack_row;
struct survey;

enum report_form {
	REPORT_TABLE,
	REPORT_WIDE,
	REPORT_CSV,   /* RFC 4180 */
	REPORT_JSONL, /* an object a line */
	REPORT_JSON,  /* an array of objects */
	REPORT_MISP,  /* an event of MISP; of modules only */
	REPORT_HTML,  /* a page; of modules, and what else is known of their machines */
};

/*
 * Finds a form by its name: "table", "wide", "csv", "jsonl", "json", "misp" or "html". Returns false, and
 * leaves `*form` alone, when there is none of that name.
 */
bool report_form_named(const char *name, enum report_form *form);

/* A sequence of rows that is being written. */
struct report;

/*
 * Starts a report of rows of one kind on `out`, which must outlive it. CSV writes its header line
 * at once, tables before the first row. End it with report_end().
 */
struct report *report_new(FILE *out, enum report_form form, const struct row_kind *kind);

/*
 * The same for the modules of an image (row_modules). With `search`, tables have the columns of a
 * search; the forms for programs are the same.
 */
struct report *report_modules_new(FILE *out, enum report_form form, bool search);

/* The same for processes (row_processes). With `tree`, tables have the columns of a tree. */
struct report *report_processes_new(FILE *out, enum report_form form, bool tree);

/*
 * Writes one row. Each function is for a report of its kind: row_modules, row_dumps, row_regions,
 * row_processes, row_imports, row_samples, row_profiles, row_surveys, row_stacks, row_clusters; but a
 * page of modules has rows of processes, imports and surveys as well (REPORT_HTML). The table of
 * modules has a
 * second line for a rebuilt list; that of samples has a comment in the place of a sample without a
 * hash; a survey is lines of "Heading  value" in tables, with an empty line between two of them.
 */
void report_module(struct report *report, const struct row *row);
void report_dump(struct report *report, const struct row *row);
void report_region(struct report *report, const struct region_row *row);
void report_process(struct report *report, const struct process_row *row);
void report_import(struct report *report, const struct import_row *row);
void report_sample(struct report *report, const struct sample *sample);
void report_profile(struct report *report, const struct profile_summary *profile);
void report_survey(struct report *report, const struct survey *survey);
void report_stack(struct report *report, const struct stack_row *row);
void report_cluster(struct report *report, const struct cluster_row *row);

/*
 * Writes an object of row_descriptions, before the rows of an image, in a report of REPORT_JSONL,
 * whatever kind of rows it is of.
 */
void report_description(struct report *report, const struct description *description);

/*
 * Tells something of the run or, where `image` is not NULL, of one of its images: what was compared
 * with, counts, warnings. Only a page has them (REPORT_HTML; docs/html-report.md lists the names);
 * otherwise nothing is written. A page with a fact "error" and no row is not written at all.
 */
void report_fact(struct report *report, const char *image, const char *name, const char *value);

/* How the tables tell the images apart that rows are of; the other forms have a field for it. */
enum report_images {
	REPORT_ONE_IMAGE,      /* not at all */
	REPORT_IMAGE_HEADINGS, /* the name, and the line of headings, before the rows of each */
	REPORT_IMAGE_COLUMN,   /* the name in a column before all others */
};

/*
 * Chooses how, before the first row. `width`: the longest name's, as text_width() has it, for the
 * column.
 */
void report_tell_images(struct report *report, enum report_images how, size_t width);

/*
 * Fits a table (REPORT_TABLE) into a terminal of `width` columns, 0: any: what is too long is cut in
 * the middle. With `color` headings are bold, and rows that stand out have colors, also in
 * REPORT_WIDE. Not before report_tell_images(), and before the first row.
 */
void report_tell_terminal(struct report *report, int width, bool color);

/* The rows that follow are of the image that is called `name`, which must outlive them. */
void report_image(struct report *report, const char *name);

/* Writes out what is there by now. Returns false when anything could not be written. */
bool report_flush(struct report *report);

/* Has something failed to be written by now? */
bool report_failed(const struct report *report);

/*
 * Writes what closes the form, flushes, and frees the report. Returns false when anything could not
 * be written.
 */
bool report_end(struct report *report);

#endif
