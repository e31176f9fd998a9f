/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading little-endian numbers from the bytes of an image or a file, at any alignment. No
 * structure is ever laid over such bytes. Also minimum, maximum and array sizes.
 *
 * Room: base.
 */
#ifndef IMPSCAN_BYTES_H
#define IMPSCAN_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Return the little-endian number of 16, 32 or 64 bits at `p`. */
static inline uint16_t le16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline uint32_t le32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t le64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* Returns the little-endian pointer at `p`. `size` is 4 or 8 bytes. */
static inline uint64_t le_pointer(const void *p, unsigned int size)
{
	return size == 8 ? le64(p) : le32(p);
}

/* Returns whether the `size` bytes at `offset` lie within the first `total`. Never overflows. */
static inline bool range_within(uint64_t offset, uint64_t size, uint64_t total)
{
	return offset <= total && size <= total - offset;
}

/* For min_of() and max_of(): evaluates each argument once. Unique names let the macros nest. */
#define UNIQUE_NAME_(a, n) a##n
#define UNIQUE_NAME(a, n)  UNIQUE_NAME_(a, n)
#define CHOOSE_(a, op, b, n)                                                     \
	({                                                                       \
		__typeof__(a) UNIQUE_NAME(_a, n) = (a);                          \
		__typeof__(b) UNIQUE_NAME(_b, n) = (b);                          \
		UNIQUE_NAME(_a, n)                                               \
		op UNIQUE_NAME(_b, n) ? UNIQUE_NAME(_a, n) : UNIQUE_NAME(_b, n); \
	})

/* The lesser or the greater one of two values, which should be of the same type. */
#define min_of(a, b) CHOOSE_(a, <, b, __COUNTER__)
#define max_of(a, b) CHOOSE_(a, >, b, __COUNTER__)

/* The number of elements of an array. */
#define array_size(a) (sizeof(a) / sizeof((a)[0]))

#endif
