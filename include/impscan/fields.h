/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fields of a row: how each is called, of which type it is and where the row has it. A kind of row
 * is a struct and one table of its fields. The writers of reports know the table only, so a new
 * field is a new line in it. What the fields mean is said in rows.h; how values look, in report.h.
 *
 * Room: rows.
 */
#ifndef IMPSCAN_FIELDS_H
#define IMPSCAN_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/text.h>

enum value_kind {
	VALUE_NULL, /* nothing is known */
	VALUE_NUMBER,
	VALUE_ADDRESS,
	VALUE_SHARE, /* 0-1 */
	VALUE_BOOL,
	VALUE_TEXT,  /* UTF-8, not empty */
	VALUE_WORDS, /* a set of words: bit i of `number` is list[i], `count` bits */
	VALUE_LIST,  /* texts */
	VALUE_BYTES, /* hexadecimal */
};

/* The value of one field. What it points to belongs to the row, or to the caller's scratch text. */
struct value {
	enum value_kind kind;
	uint64_t number; /* VALUE_NUMBER, _ADDRESS, _BOOL, _WORDS */
	double share;
	const char *text;
	const char *const *list; /* VALUE_WORDS, VALUE_LIST */
	const uint8_t *bytes;
	size_t count; /* items of `list`, or of `bytes` */
	int indent;   /* in tables: columns left empty before it */
};

/* Texts of a VALUE_LIST. All zero is an empty list. */
struct text_list {
	char **items;
	size_t count;
	size_t capacity;
};

/* Adds a text, which must come from malloc(); the list owns it. */
void text_list_add(struct text_list *list, char *text);
void text_list_free(struct text_list *list);

/* What the row has at the field's offset. */
enum field_kind {
	FIELD_NUMBER,  /* an unsigned integer of 1, 2, 4 or 8 bytes */
	FIELD_ADDRESS, /* the same */
	FIELD_SHARE,   /* a double, 0-1 */
	FIELD_BOOL,
	FIELD_TEXT,    /* char *, NULL or "": nothing */
	FIELD_CHARS,   /* char[], "": nothing */
	FIELD_CHOICE,  /* an enum; choose() has the names of its values */
	FIELD_WORDS,   /* unsigned int; bit i is called words[i] */
	FIELD_LIST,    /* struct text_list, empty: nothing */
	FIELD_BYTES,   /* uint8_t[] */
	FIELD_UTC,     /* uint64_t, a FILETIME; no time (text_add_utc()): nothing */
	FIELD_DERIVED, /* get() makes the value of other members */
};

/* Tables for people, each with columns and an order of its own. */
enum field_table {
	FIELDS_TABLE,	    /* -o table */
	FIELDS_WIDE,	    /* -o wide */
	FIELDS_SEARCH,	    /* -o table of a search */
	FIELDS_SEARCH_WIDE, /* -o wide of a search */
	FIELDS_TREE,	    /* -o table of a tree of processes */
	FIELDS_TREE_WIDE,   /* -o wide of one */
	FIELD_TABLES,
};

struct field {
	const char *name; /* in CSV, JSON lines and JSON; NULL: only in tables */
	enum field_kind kind;
	size_t offset;
	size_t size;	   /* bytes; for FIELD_WORDS the member's */
	bool zero_is_null; /* FIELD_NUMBER, FIELD_ADDRESS: 0 stands for nothing */
	const char *const *words;
	size_t word_count; /* of FIELD_CHOICE: its values are below this number */
	const char *(*choose)(unsigned int choice); /* the name of a value; NULL: null */
	struct value (*get)(const void *row, struct text *scratch);
	/* Without it, and where it is true, the field has a value; else it is null. */
	bool (*when)(const void *row);
	const char *heading; /* in tables; NULL: it is in none */
	/*
	 * Terminal columns that a table keeps for it; the last of a line takes what it needs. A
	 * longer value pushes the next ones to the right, up to the first that leaves room.
	 */
	int width;
	bool right; /* aligned to the right in a table */
	/* Order among the columns of each table, from left to right; 0: not in that table. */
	uint8_t places[FIELD_TABLES];
};

/* How much a row stands out where tables have colors. */
enum row_emphasis {
	EMPHASIS_NONE,
	EMPHASIS_ALERT,	  /* it is suspicious */
	EMPHASIS_CAUTION, /* not everything could be read */
	EMPHASIS_FAINT,	  /* of what has ended */
};

/* A kind of row. The order of its named fields is that of CSV and JSON: new ones go to the end. */
struct row_kind {
	const struct field *fields;
	size_t count;
	size_t size;					/* of the row's struct */
	enum row_emphasis (*emphasis)(const void *row); /* NULL: no row stands out */
	size_t others; /* offset of a const char * with more members of a JSON object; 0: none */
};

/* The most fields that a kind may have. */
#define FIELDS_MAX 64

/*
 * The value of a field in `row`, a struct of the field's kind. It points into the row or into
 * `scratch`, which is overwritten: valid until either changes.
 */
struct value field_value(const struct field *field, const void *row, struct text *scratch);

/*
 * The columns of a table from left to right, as positions in kind->fields, in `order`. Returns how
 * many there are.
 */
size_t row_kind_columns(const struct row_kind *kind, enum field_table table,
			uint8_t order[FIELDS_MAX]);

/* The field of that name in CSV and JSON; NULL when there is none. */
const struct field *row_kind_field(const struct row_kind *kind, const char *name);

#endif
