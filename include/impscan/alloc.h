/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory that is there: these never return NULL. Every size that comes from an image or a file is
 * bounded before it gets here, so running out of memory means the machine has none left for the
 * run: it ends with a sentence on standard error and exit code 2.
 *
 * Room: base.
 */
#ifndef IMPSCAN_ALLOC_H
#define IMPSCAN_ALLOC_H

#include <stddef.h>

/* `count` zeroed elements of `size` bytes. Free with free(). */
void *alloc_zero(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

/* Zeroed memory for one object of a type. */
#define alloc_new(type) ((type *)alloc_zero(1, sizeof(type)))

/* realloc() to `count` elements of `size` bytes; what is new is not initialised. */
void *alloc_resize(void *p, size_t count, size_t size) __attribute__((returns_nonnull));

char *alloc_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *alloc_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *alloc_printf(const char *format, ...)
	__attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/*
 * Room for one more element at the end of a growing array:
 *	struct x *new = array_push(items, count, capacity);
 * `items` is the array's pointer, `count` and `capacity` are size_t; the new element is zeroed.
 */
#define array_push(items, count, capacity)                                             \
	({                                                                             \
		(items) = alloc_grow((items), (count), &(capacity), sizeof(*(items))); \
		__builtin_memset(&(items)[(count)], 0, sizeof(*(items)));              \
		&(items)[(count)++];                                                   \
	})

/* For array_push(): makes sure of more than `count` elements, doubling `*capacity`. */
void *alloc_grow(void *items, size_t count, size_t *capacity, size_t size)
	__attribute__((returns_nonnull));

#endif
