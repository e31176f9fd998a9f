/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: lists that are records with a header. list_csv.c reads them; which columns
 * count, and what a row says, is a kind of table's own.
 */
#ifndef IMPSCAN_MATCH_LIST_TABLE_H
#define IMPSCAN_MATCH_LIST_TABLE_H

#include "csv.h"
#include "list.h"

#define TABLE_NAMES 8

struct list_table;

/* A kind of table. */
struct table_kind {
	const char *title;
	/*
	 * Is the row its header? Notes the columns then. in_comment: the header was a comment,
	 * whose columns are counted from the left.
	 */
	bool (*header)(struct list_table *table, bool in_comment);
	/* Takes a row. */
	struct error *(*row)(struct list *list, struct list_table *table);
	/* Takes what rows have left, after the last of them; NULL: they leave nothing. */
	struct error *(*end)(struct list *list, struct list_table *table);
	bool more_fields; /* rows may have more fields than a header in a comment names */
};

extern const struct table_kind table_malwarebazaar; /* list_malwarebazaar.c */
extern const struct table_kind table_misp;	    /* list_misp_csv.c */
extern const struct table_kind table_any;	    /* list_any_csv.c */

/* The table that is being read. Columns are SIZE_MAX where there is none. */
struct list_table {
	const struct table_kind *kind;
	struct csv_row row;
	char separator;
	bool own;	   /* it is impscan's */
	bool from_comment; /* its header is a comment: rows may have more fields */
	size_t columns;
	size_t hashes[HASH_TYPES]; /* of each type */
	size_t md5;
	size_t rebuilt_imphash, rebuilt_impfuzzy, rebuilt_impset;
	size_t type, value, object;   /* MISP, ... */
	struct misp_objects *objects; /* ... and what list_misp_csv.c keeps of it */
	size_t names[TABLE_NAMES];    /* the first that is not empty names the sample */
	size_t comments[2];
};

/* Releases table->objects. */
void misp_objects_free(struct list_table *table);

/* The column of that name, in any case. */
size_t table_column(const struct list_table *table, const char *name);

/* The first column of one of our hashes. */
size_t table_column_of(const struct list_table *table, enum list_kind kind);

/* Notes the columns of all types of hashes. Returns whether there is one. */
bool table_find_hashes(struct list_table *table);

/* The cell of the row, empty where there is no such column. */
static inline struct slice table_cell(const struct list_table *table, size_t column)
{
	return column < table->row.count ? table->row.fields[column] : (struct slice){0};
}

/* Sets the hashes of a sample to what the row has in their columns. */
void table_take_hashes(const struct list_table *table, struct list_sample *sample);

/* The first cell of these columns that has something in it. */
struct slice table_first(const struct list_table *table, const size_t *columns, size_t count);

#endif
