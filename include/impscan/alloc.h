/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Allocation that does not fail. These functions never return NULL: when the system has no memory
 * left, the program ends with a sentence on standard error and exit code 2. So every size that
 * comes from an image or a file must be bounded before it gets here.
 *
 * What is returned belongs to the caller, who frees it with free().
 *
 * Room: base.
 */
#ifndef IMPSCAN_ALLOC_H
#define IMPSCAN_ALLOC_H

#include <stddef.h>

/* Ends the process with a sentence and exit code 2: for libraries that have no memory, too. */
void alloc_failed(void) __attribute__((noreturn, cold));

/* Returns `count` elements of `size` bytes each, zeroed. */
void *alloc_zero(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

/* Returns one object of a type, zeroed. */
#define alloc_new(type) ((type *)alloc_zero(1, sizeof(type)))

/*
 * Resizes `p`, which may be NULL, to `count` elements of `size` bytes each. What is added is not
 * initialised.
 */
void *alloc_resize(void *p, size_t count, size_t size) __attribute__((returns_nonnull));

/* Returns a copy of a string. */
char *alloc_strdup(const char *s) __attribute__((malloc, returns_nonnull));

/* Returns a copy of a string, of `n` bytes at most and terminated. */
char *alloc_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));

/* Returns a formatted string. */
char *alloc_printf(const char *format, ...)
	__attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/*
 * Adds an element to the end of a growing array, and returns a pointer to it. The element is
 * zeroed.
 *	struct x *new = array_push(items, count, capacity);
 * `items` is the array's pointer, NULL at first; `count` and `capacity` are size_t, 0 at first.
 */
#define array_push(items, count, capacity)                                             \
	({                                                                             \
		(items) = alloc_grow((items), (count), &(capacity), sizeof(*(items))); \
		__builtin_memset(&(items)[(count)], 0, sizeof(*(items)));              \
		&(items)[(count)++];                                                   \
	})

/* For array_push(): resizes an array so that it has room for more than `count` elements. */
void *alloc_grow(void *items, size_t count, size_t *capacity, size_t size)
	__attribute__((returns_nonnull));

#endif
