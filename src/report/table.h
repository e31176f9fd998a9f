/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the report room: lines of a table for people.
 */
#ifndef REPORT_TABLE_H
#define REPORT_TABLE_H

#include <impscan/fields.h>

struct table {
	const struct row_kind *kind;
	uint8_t order[FIELDS_MAX]; /* columns, as positions of fields */
	int widths[FIELDS_MAX];	   /* of each column, in terminal columns */
	size_t columns;
	int image_width;     /* of a column for the image before all others; 0: there is none */
	int terminal_width;  /* that lines are not to exceed; 0: any, and nothing is cut */
	bool color;	     /* headings are bold, and rows that stand out have colors */
	struct text scratch; /* reused */
};

/* Makes a table with the columns of `columns`. Release it with table_free(). */
void table_init(struct table *table, const struct row_kind *kind, enum field_table columns);
void table_free(struct table *table);

/*
 * Fits the table into a terminal: columns get narrower, the widest first, down to what still says
 * something, and of a line that is too long all the same, what is longer than its column is cut in
 * the middle. Where that is not enough, and where something can't be cut, as numbers, lines are
 * longer.
 */
void table_fit(struct table *table, int terminal_width);

/*
 * Adds a line with its end; without a row that of the headings. `image`: for the column before all
 * others.
 */
void table_add_line(struct table *table, struct text *line, const void *row, const char *image);

/* Adds the line of an image's name above its part of the table, with its end. */
void table_add_image(const struct table *table, struct text *line, const char *image);

#endif
