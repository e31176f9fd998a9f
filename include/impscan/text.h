/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Growing strings, conversion of an image's strings to UTF-8, and escaping them so that a terminal
 * shows nothing but text.
 *
 * Room: base.
 */
#ifndef IMPSCAN_TEXT_H
#define IMPSCAN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A growing string. All zero is an empty one. */
struct text {
	char *data;	 /* NUL-terminated; NULL while nothing was added */
	size_t length;	 /* bytes without the NUL */
	size_t capacity; /* bytes allocated */
};

/* What text_reserve() does where there is too little room. */
void text_enlarge(struct text *text, size_t more);

/* Makes room for so many more bytes, which are expected. */
static inline void text_reserve(struct text *text, size_t more)
{
	if (more >= text->capacity - text->length)
		text_enlarge(text, more);
}

/* Adds `length` bytes; `data` may be NULL for none. */
static inline void text_add(struct text *text, const char *data, size_t length)
{
	text_reserve(text, length);
	if (length)
		memcpy(text->data + text->length, data, length);
	text->length += length;
	text->data[text->length] = '\0';
}

/* Adds a string. */
void text_add_string(struct text *text, const char *string);

/* Adds one byte. */
static inline void text_add_char(struct text *text, char c)
{
	text_reserve(text, 1);
	text->data[text->length++] = c;
	text->data[text->length] = '\0';
}

/* Adds `count` blanks. */
void text_add_spaces(struct text *text, size_t count);

/* Adds a number in decimal. */
void text_add_number(struct text *text, uint64_t number);

/* Adds a number and what it is of: "1 row", "2 rows". */
void text_add_count(struct text *text, uint64_t count, const char *one, const char *more);

/* Adds an address in hexadecimal: "0x7ffd1000". */
void text_add_address(struct text *text, uint64_t address);

/*
 * Adds at most `most` bytes of a name as a part of a file's name: ASCII letters, digits, ".", "_"
 * and "-"; all others become "_".
 */
void text_add_file_name(struct text *text, const char *name, size_t most);

/*
 * Adds a FILETIME (100 ns since 1601, in UTC) to the second: "2026-11-27T15:00:00Z". Adds nothing
 * and returns false where it is of no year from 1990 to 2199: then it is no time that was written.
 */
bool text_add_utc(struct text *text, uint64_t filetime);

/* Reads such a text back. Returns false where it is none. */
bool text_utc(const char *utc, uint64_t *filetime);

/* Adds what printf() would print. */
void text_add_format(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Empties the text, but keeps its memory for what is added next. */
void text_clear(struct text *text);

/* Frees the memory of the text, which is empty then and may be used again. */
void text_free(struct text *text);
#define _cleanup_text_ __attribute__((cleanup(text_free)))

/* Returns the text as a string, never NULL; valid until the text changes. */
const char *text_string(const struct text *text);

/*
 * Converts UTF-16 to UTF-8. Returns a string that the caller frees.
 *
 * `utf16` is little-endian; an odd last byte is ignored. Unpaired surrogates become U+FFFD. NULs at
 * the end are left out; a NUL before other characters becomes C0 80, see text_utf8_next().
 */
char *text_from_utf16(const void *utf16, size_t bytes);

/*
 * Converts Latin-1 to UTF-8, up to the first NUL or `length` bytes. Returns a string that the
 * caller frees. For bytes of an unknown 8-bit code page, such as EPROCESS.ImageFileName.
 */
char *text_from_latin1(const void *bytes, size_t length);

/*
 * Adds `utf8` with everything escaped that a terminal would not show as it is, or that could be
 * taken for something else.
 *
 * Escaped as \xNN or \u{NNNN} are: control and invisible characters (text_is_control()); bytes that
 * are not UTF-8; blanks at the start, at the end and behind another blank, since two blanks
 * separate the columns of a table; combining characters beyond the second on one base character.
 *
 * A backslash stays as it is, since Windows paths are full of them. Only backslashes right before
 * an escape, or before what looks like one, are doubled. So a text must be escaped only once, right
 * before it is printed.
 */
void text_add_printable(struct text *text, const char *utf8);

/* As text_add_printable(), but blanks stay as they are: for forms whose columns have separators. */
void text_add_escaped(struct text *text, const char *utf8);

/* Adds what a text was before text_add_printable() or text_add_escaped(): reads escapes back. */
void text_add_unescaped(struct text *text, const char *escaped);

/*
 * Returns whether a character controls a terminal or is invisible: C0 and C1 controls, DEL, line
 * separators, bidirectional marks, zero-width and tag characters, variation selectors, fillers,
 * blanks other than U+0020, noncharacters.
 */
bool text_is_control(uint32_t code);

/* Returns how many columns a character takes on a terminal: 0 (combining or invisible), 1 or 2. */
unsigned int text_code_width(uint32_t code);

/* Returns how many columns a text takes that text_add_printable() has escaped. */
size_t text_width(const char *utf8);

/*
 * Decodes the UTF-8 sequence at `s` into `*code`. Returns its length in bytes; 0 when it is not
 * valid or `s` is at its end. C0 80 stands for U+0000, as in Java's modified UTF-8, so that a C
 * string can hold that character.
 */
size_t text_utf8_next(const char *s, uint32_t *code);

/* Returns the part of a Windows or Unix path behind its last separator. It points into `path`. */
const char *text_base_name(const char *path);

#endif
