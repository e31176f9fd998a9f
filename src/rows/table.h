/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the rows room: how a field is written as one line of a table. Define ROW as the row's
 * struct first:
 *
 *	{"pid", NUMBER(pid), RIGHT("PID", 6, 10, 10)},
 *
 * is name, type and member, then alignment, heading, width and the places in each table, in the
 * order of enum field_table. What is in no table has no third part.
 */
#ifndef ROWS_TABLE_H
#define ROWS_TABLE_H

#include <impscan/rows.h>

/* A text; null where it is NULL or "". */
struct value value_text(const char *text);

/* The hash of a type as lists have it: with its prefix, in `scratch`, which is empty. */
struct value value_prefixed(const struct hashes *hashes, enum hash_type type, struct text *scratch);

#define FIELD(type, member) \
	.kind = (type), .offset = offsetof(ROW, member), .size = sizeof(((ROW *)0)->member)

/* Fails to compile where the member is of another type. */
#define FIELD_OF(type, member, member_type)              \
	.kind = (type), .offset = offsetof(ROW, member), \
	.size = _Generic(((ROW *)0)->member, member_type \
			 : sizeof(((ROW *)0)->member))

#define NUMBER(member)		FIELD(FIELD_NUMBER, member)
#define NUMBER_OR_NULL(member)	NUMBER(member), .zero_is_null = true
#define ADDRESS(member)		FIELD_OF(FIELD_ADDRESS, member, uint64_t)
#define ADDRESS_OR_NULL(member) ADDRESS(member), .zero_is_null = true
#define SHARE(member)		FIELD_OF(FIELD_SHARE, member, double)
#define BOOL(member)		FIELD_OF(FIELD_BOOL, member, bool)
#define TEXT(member) \
	.kind = FIELD_TEXT, .offset = offsetof(ROW, member), \
	.size = _Generic(((ROW *)0)->member, char *: sizeof(char *), const char *: sizeof(char *))
#define CHARS(member) FIELD(FIELD_CHARS, member)
#define CHOICE(member, choose_, count) \
	FIELD(FIELD_CHOICE, member), .choose = (choose_), .word_count = (count)
#define WORDS(member, words_, count) \
	FIELD_OF(FIELD_WORDS, member, unsigned int), .words = (words_), .word_count = (count)
#define LIST(member)  FIELD_OF(FIELD_LIST, member, struct text_list)
#define BYTES(member) FIELD(FIELD_BYTES, member)
#define UTC(member)   FIELD_OF(FIELD_UTC, member, uint64_t)
#define DERIVED(get_) .kind = FIELD_DERIVED, .get = (get_)

#define LEFT(heading_, width_, ...) \
	.heading = (heading_), .width = (width_), .places = {__VA_ARGS__}
#define RIGHT(heading_, width_, ...) LEFT(heading_, width_, __VA_ARGS__), .right = true

#define ROW_KIND(fields_)                                                           \
	{                                                                           \
		.fields = (fields_), .count = sizeof(fields_) / sizeof(*(fields_)), \
		.size = sizeof(ROW),                                                \
	}

/* With how much its rows stand out. */
#define ROW_KIND_OF(fields_, emphasis_)                                             \
	{                                                                           \
		.fields = (fields_), .count = sizeof(fields_) / sizeof(*(fields_)), \
		.size = sizeof(ROW), .emphasis = (emphasis_),                       \
	}

#endif
