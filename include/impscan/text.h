/*
 * Growing text, and names from an image made fit to print.
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
 * UTF-16 (little-endian, `bytes` long; an odd last byte is ignored) as UTF-8, ended by the first
 * NUL. Unpaired surrogates become U+FFFD. The caller frees the result.
 */
char *text_from_utf16(const void *utf16, size_t bytes);

/* The same for bytes of an unknown 8-bit code (EPROCESS.ImageFileName): Latin-1. */
char *text_from_latin1(const void *bytes, size_t length);

/*
 * Adds UTF-8 with everything a terminal could act on (C0 and C1 controls, DEL, bidirectional
 * overrides, line separators) written as \xNN or \u{NNNN}; bytes that are not UTF-8 as \xNN; a
 * backslash stays as it is, since Windows paths are full of them.
 */
void text_add_printable(struct text *text, const char *utf8);

/*
 * Is it a character that steers a terminal or turns the reading direction: C0 and C1 controls, DEL,
 * line separators, bidirectional marks?
 */
bool text_is_control(uint32_t code);

/* Length in bytes of the valid UTF-8 sequence at `s`, 0 when there is none; `*code` is its value. */
size_t text_utf8_next(const char *s, uint32_t *code);

/* The part of a Windows or Unix path behind its last separator. Points into `path`. */
const char *text_base_name(const char *path);

#endif
