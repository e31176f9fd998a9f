/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Growing text, and names from an image made fit to print.
 *
 * Room: base.
 */
#ifndef IMPSCAN_TEXT_H
#define IMPSCAN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing string. All zero is an empty one. `data` is NUL-terminated, or NULL while empty. */
struct text {
	char *data;
	size_t length;
	size_t capacity;
};

void text_add(struct text *text, const char *data, size_t length);
void text_add_string(struct text *text, const char *string);
void text_add_char(struct text *text, char c);
void text_add_spaces(struct text *text, size_t count);
void text_add_number(struct text *text, uint64_t number);   /* decimal */
void text_add_address(struct text *text, uint64_t address); /* "0x7ffd1000" */
void text_add_format(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Makes it empty again, keeping the memory. */
void text_clear(struct text *text);

/* Frees the memory; the text is empty and may be used again. */
void text_free(struct text *text);
#define _cleanup_text_ __attribute__((cleanup(text_free)))

/* The string, never NULL; valid until the text changes. */
const char *text_string(const struct text *text);

/*
 * UTF-16 (little-endian, `bytes` long; an odd last byte is ignored) as UTF-8. Unpaired surrogates
 * become U+FFFD. A NUL with something behind it stays, in two bytes (see text_utf8_next()); those at
 * the end are left out. The caller frees the result.
 */
char *text_from_utf16(const void *utf16, size_t bytes);

/* Bytes of an unknown 8-bit code up to the first NUL (EPROCESS.ImageFileName), as Latin-1. */
char *text_from_latin1(const void *bytes, size_t length);

/*
 * Adds UTF-8 so that a terminal only shows it and it can't be taken for anything else. Written as
 * \xNN or \u{NNNN} are controls and what can't be seen (text_is_control()), bytes that are not
 * UTF-8, blanks at the start, at the end and behind a blank (two of them part the columns of a
 * table), and combining characters beyond the second on one base. A backslash stays as it is, since
 * Windows paths are full of them; only right before an escape, or before what reads like one, all
 * that stand together are doubled. To be done once, right
 * before printing: the result escapes its own backslashes when it is added again.
 */
void text_add_printable(struct text *text, const char *utf8);

/* The same with all blanks left as they are, where columns are parted by something else. */
void text_add_escaped(struct text *text, const char *utf8);

/*
 * Is it a character that steers a terminal or can't be seen: C0 and C1 controls, DEL, line
 * separators, bidirectional marks, zero-width and tag characters, variation selectors, fillers,
 * blanks other than U+0020, noncharacters?
 */
bool text_is_control(uint32_t code);

/* The columns that a character takes on a terminal: 0 (combining, or not to be seen), 1 or 2. */
unsigned int text_code_width(uint32_t code);

/* The columns of a printable text. */
size_t text_width(const char *utf8);

/*
 * Length in bytes of the valid UTF-8 sequence at `s`, 0 when there is none; `*code` is its value.
 * C0 80 is taken for U+0000, as Java's modified UTF-8 has it: so a C string can hold one.
 */
size_t text_utf8_next(const char *s, uint32_t *code);

/* The part of a Windows or Unix path behind its last separator. Points into `path`. */
const char *text_base_name(const char *path);

#endif
