/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows as text: a table for people, CSV, JSON lines and JSON for programs. A report is a list of
 * columns and rows of values; what they mean is said by the functions that make the columns.
 *
 * Room: report.
 */
#ifndef IMPSCAN_REPORT_H
#define IMPSCAN_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <impscan/discover.h>
#include <impscan/scan.h>

enum report_form {
	REPORT_TABLE,
	REPORT_WIDE,
	REPORT_CSV,
	REPORT_JSONL,
	REPORT_JSON,
};

/* "table", "wide", "csv", "jsonl", "json": false when it is none of them. */
bool report_form_named(const char *name, enum report_form *form);

enum value_kind {
	VALUE_NULL, /* empty in CSV, null in JSON, "-" in a table */
	VALUE_NUMBER,
	VALUE_ADDRESS, /* "0x..." */
	VALUE_SHARE,   /* 0-1, two decimals */
	VALUE_BOOL,    /* true and false in JSON, yes and no elsewhere */
	VALUE_TEXT,    /* UTF-8 */
	VALUE_LIST,    /* texts: joined by ; in CSV, by , in a table, an array in JSON */
};

struct value {
	enum value_kind kind;
	uint64_t number;
	double share;
	const char *text;
	const char *const *list;
	size_t list_count;
};

struct column {
	const char *field;   /* name in machine forms; NULL: only people see it */
	const char *heading; /* in a table */
	/*
	 * Columns of a terminal kept for it in a table; the last of a line takes what it needs. A
	 * longer value pushes the next ones to the right, up to the first that leaves room.
	 */
	int width;
	bool right; /* aligned to the right in a table */
};

/* What a report's rows consist of. Machine forms show every column that has a field, in order. */
struct report_shape {
	const struct column *columns;
	size_t count;
	const uint8_t *table; /* the columns of REPORT_TABLE, by position */
	size_t table_count;
	const uint8_t *wide; /* those of REPORT_WIDE */
	size_t wide_count;
};

struct report;

/* Starts a report on `out`. `shape` must outlive it. CSV writes its header now. */
struct report *report_new(FILE *out, enum report_form form, const struct report_shape *shape);

/* One row: a value a column. */
void report_values(struct report *report, const struct value *values);

/* A line of a table that is no row: "# COMMENT". Nothing in machine forms. */
void report_comment(struct report *report, const char *comment);

enum report_form report_form(const struct report *report);

/* Writes what closes the form and flushes; false when anything could not be written. */
bool report_end(struct report *report);

/* Has something already failed to be written? */
bool report_failed(const struct report *report);

/* One record as lines of "Heading: value" in the tables, as one row elsewhere. */
bool report_record(FILE *out, enum report_form form, const struct report_shape *shape,
		   const struct value *values);

/* Modules of an image: the listing's table or the search's; machine forms are the same. */
struct report *report_modules_new(FILE *out, enum report_form form, bool search);
void report_module(struct report *report, const struct row *row);

/* Regions that can run code. */
struct report *report_regions_new(FILE *out, enum report_form form);
void report_region(struct report *report, const struct region_row *row);

/* Imports, slot by slot. */
struct report *report_imports_new(FILE *out, enum report_form form);
void report_import(struct report *report, const struct import_row *row);

/* The index of a folder of dumped modules, REPORT_JSON: one object for each row with a dump. */
struct report *report_dumps_new(FILE *out);
void report_dump(struct report *report, const struct row *row);

/* Samples without an image. */
struct report *report_samples_new(FILE *out, enum report_form form);
void report_sample(struct report *report, const struct sample *sample);

/* Profiles. */
bool report_profiles(FILE *out, enum report_form form, const struct profiles *profiles);

/*
 * What an image is. Where no kernel was found, `discovery` and `survey` are NULL and `failure` says
 * what was tried.
 */
bool report_info(FILE *out, enum report_form form, const struct image *image,
		 const struct discovery *discovery, const struct survey *survey,
		 const char *failure);

#endif
