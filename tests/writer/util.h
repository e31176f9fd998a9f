/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every part of the image writer needs: failing with a sentence, memory that is there,
 * little-endian stores, a random stream that a seed repeats, growing bytes, UTF-16.
 *
 * The writer is the second opinion on impscan: it shares no code, struct or table with it, so it
 * has these of its own. It reads nothing hostile (only its own PE files, real DLLs and tables of
 * this repository), so a contradiction ends the program with a sentence on standard error.
 */
#ifndef WRITER_UTIL_H
#define WRITER_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program: "mkimage: FORMAT" on standard error, exit code 2. */
void util_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Zeroed memory, never NULL. Free with free(). */
void *util_alloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
char *util_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *util_printf(const char *format, ...)
	__attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/* Room for one more element behind `count`, `capacity` doubled when full; it is zeroed. */
void *util_grow(void *items, size_t count, size_t *capacity, size_t size)
	__attribute__((returns_nonnull));
#define util_push(items, count, capacity)                                             \
	({                                                                            \
		(items) = util_grow((items), (count), &(capacity), sizeof(*(items))); \
		&(items)[(count)++];                                                  \
	})

/* The whole of a file; dies when it can't be read. */
uint8_t *util_read_file(const char *path, size_t *size);
void util_write_file(const char *path, const void *data, size_t size);

/* Little-endian stores and loads at any alignment. */
static inline void util_put(uint8_t *p, uint64_t value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t util_get(const uint8_t *p, unsigned int size)
{
	uint64_t value = 0;
	for (unsigned int i = size; i-- > 0;)
		value = value << 8 | p[i];
	return value;
}

static inline uint64_t util_round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* A repeatable random stream (SplitMix64, Steele, Lea and Flood 2014). */
struct util_random {
	uint64_t state;
};

uint64_t util_random(struct util_random *random);

/* Evenly in 0 .. n-1; n must not be 0. */
uint64_t util_random_below(struct util_random *random, uint64_t n);

/* A number for a string (FNV-1a), to seed what belongs to a name and not to the image. */
uint64_t util_hash(const char *s);

/*
 * UTF-8 as UTF-16 little-endian without a terminator; `*size` in bytes. A byte sequence that is
 * not UTF-8 is an error of the caller.
 */
uint8_t *util_utf16(const char *utf8, size_t *size);

/* Is `name` `other`, letters of ASCII compared without case? */
bool util_same_name(const char *name, const char *other);

#endif
