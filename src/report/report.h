/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the report room: rows whatever their kind.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <impscan/report.h>

/* report_new(), with the table whose columns the two forms for people have. */
struct report *report_start(FILE *out, enum report_form form, const struct row_kind *kind,
			    enum field_table table);

/* Writes a row; `row` is a struct of the report's kind. */
void report_row(struct report *report, const void *row);

/* Writes an object of any kind as a line of JSON. */
void report_object(struct report *report, const struct row_kind *kind, const void *row);

/* The same; in a page, which has rows of several kinds, of this one. */
void report_row_of(struct report *report, const struct row_kind *kind, const void *row);

/* A line of a table that is no row: "# COMMENT". Not for the other forms. */
void report_comment(struct report *report, const char *comment);

enum report_form report_form(const struct report *report);

/* Is it for people? */
static inline bool is_table(enum report_form form)
{
	return form == REPORT_TABLE || form == REPORT_WIDE;
}

/*
 * Writes a row in tables as lines of "Heading  value", one for each column that has a value, and
 * elsewhere as report_row() does.
 */
void report_record(struct report *report, const void *row);

#endif
