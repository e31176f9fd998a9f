/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: records of separated values (RFC 4180).
 */
#ifndef IMPSCAN_MATCH_CSV_H
#define IMPSCAN_MATCH_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include <impscan/text.h>

#include "known.h"

/* The fields of one record. All zero to begin with; release with csv_row_free(). */
struct csv_row {
	struct slice *fields; /* valid until the next csv_record(), or until its text changes */
	size_t count;
	size_t capacity;
	struct text unquoted; /* what fields with doubled quotes point into */
};

enum csv_result {
	CSV_RECORD,
	CSV_MORE, /* the record may not end here: give more text */
	CSV_OPEN, /* the same, since a quote is not closed */
	CSV_BAD,  /* something stands behind a closing quote */
};

/*
 * Takes apart the record that `text` begins with. A field in double quotes may hold separators,
 * newlines and doubled quotes; blanks before the first quote and behind the last are skipped. A
 * quote elsewhere is an ordinary character.
 *
 * at_end: nothing follows the text.
 * used: the bytes of the record, with its newline.
 */
enum csv_result csv_record(struct csv_row *row, struct slice text, char separator, bool at_end,
			   size_t *used);

/* A text cell of our own CSV without the apostrophe that keeps spreadsheets from running it. */
struct slice csv_unmarked(struct slice cell);
void csv_row_free(struct csv_row *row);
#define _cleanup_csv_row_ __attribute__((cleanup(csv_row_free)))

#endif
