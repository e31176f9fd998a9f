/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the rows room: JSON in a piece of memory that is read once and may be changed: strings are
 * unescaped where they stand, and end with a NUL. RFC 8259.
 *
 * Rows are read by the million, so this is made for speed; what a grammar needs beyond flat objects
 * is only checked and passed over.
 */
#ifndef ROWS_JSON_LINE_H
#define ROWS_JSON_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Where reading is. All functions return false where the text is no JSON, and stay there then. */
struct json_line {
	char *at;
	char *end; /* behind the last byte */
};

/* Passes over blanks; returns the next character, '\0' at the end. */
char json_next(struct json_line *json);

/* Passes over blanks and the character `c`. */
bool json_take(struct json_line *json, char c);

/* A string: it ends with a NUL, `*length` bytes behind `*text`. */
bool json_string_in_place(struct json_line *json, char **text, size_t *length);

/* A string as it is written, without its quotes and not unescaped. */
bool json_string_raw(struct json_line *json, const char **text, size_t *length);

/* Passes over a value of any kind, of at most 64 levels; it stays as it is. */
bool json_pass(struct json_line *json);

/* Passes over a word, such as null. */
bool json_word(struct json_line *json, const char *word);

/* Passes over a number: `*text` is its first character. */
bool json_number(struct json_line *json, const char **text);

#endif
