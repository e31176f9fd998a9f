/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strings from an image, each kept once: thousands of structures may name one string of 64 KB.
 *
 * Room: base.
 */
#ifndef IMPSCAN_STRINGS_H
#define IMPSCAN_STRINGS_H

#include <stddef.h>

/* Bytes that all strings of one set may take. */
#define STRINGS_MAX ((size_t)4 << 20)

/* All zero is an empty set. */
struct strings {
	char **slots; /* by hash; NULL: free */
	size_t count;
	size_t capacity; /* a power of two, or 0 */
	size_t bytes;
	size_t left_out; /* strings for which there was no room */
};

/*
 * Keeps `string`, which it takes over, and returns what is kept of it: valid until strings_free().
 * NULL when there is no room for it, and for NULL.
 */
const char *strings_take(struct strings *strings, char *string);

/* The same for a copy of `string`. */
const char *strings_copy(struct strings *strings, const char *string);

void strings_free(struct strings *strings);

#endif
