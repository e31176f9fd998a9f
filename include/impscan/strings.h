/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A set of strings read from an image, each kept once. Thousands of structures of a hostile image
 * may name the same string of 64 KB; so it takes memory once, and that of all strings is limited.
 *
 * Room: base.
 */
#ifndef IMPSCAN_STRINGS_H
#define IMPSCAN_STRINGS_H

#include <stddef.h>

#include <impscan/hash_table.h>

/* The bytes that all strings of one set may take together. */
#define STRINGS_MAX ((size_t)4 << 20)

/* All zero is an empty set. */
struct strings {
	struct hash_table table; /* of char *; its count is the number of strings */
	size_t bytes;		 /* that the strings take, at most STRINGS_MAX */
	size_t left_out;	 /* strings for which there was no room */
};

/*
 * Adds `string`, which was allocated with malloc() and belongs to the set from now on. Returns the
 * set's string with the same text, valid until strings_free(). NULL when there is no room for it,
 * and for NULL.
 */
const char *strings_take(struct strings *strings, char *string);

/* As strings_take(), of a copy: `string` stays the caller's. */
const char *strings_copy(struct strings *strings, const char *string);

/* Frees all strings; the set is empty then. */
void strings_free(struct strings *strings);

#endif
