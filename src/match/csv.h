/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: records of comma-separated values (RFC 4180).
 */
#ifndef IMPSCAN_MATCH_CSV_H
#define IMPSCAN_MATCH_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include <impscan/text.h>

#include "known.h"

/*
 * Where the record that starts at `text` ends: the offset of its newline. A newline within quotes
 * is part of a field. False when there is none in `length` bytes; `*open` says whether that is
 * because a quote is not closed.
 */
bool csv_record_end(const char *text, size_t length, size_t *end, bool *open);

/* The fields of one record. All zero to begin with; release with csv_row_free(). */
struct csv_row {
	struct slice *fields; /* valid until the next csv_split() */
	size_t count;
	size_t capacity;
	struct text unquoted; /* what quoted fields point into */
};

/* Takes a record (without its newline) apart. */
void csv_split(struct csv_row *row, const char *text, size_t length);

/* A text cell of our own CSV without the apostrophe that keeps spreadsheets from running it. */
struct slice csv_unmarked(struct slice cell);
void csv_row_free(struct csv_row *row);
#define _cleanup_csv_row_ __attribute__((cleanup(csv_row_free)))

#endif
