/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `image`: a minidump while it is parsed.
 *
 *	minidump.c	   the format: header, directory, what is refused
 *	minidump_lists.c   modules, threads, what it says of itself
 *	minidump_streams.c the streams, and what they consist of
 *	minidump_parts.c   what the image keeps of it
 *	minidump_memory.c  which bytes of the file lie where, and which kinds of pages there are
 */
#ifndef IMAGE_MINIDUMP_PARTS_H
#define IMAGE_MINIDUMP_PARTS_H

#include <impscan/minidump.h>
#include <impscan/strings.h>

#include "internal.h"

/* MINIDUMP_STREAM_TYPE, minidumpapiset.h. */
enum minidump_stream {
	STREAM_UNUSED = 0,
	STREAM_THREADS = 3,
	STREAM_MODULES = 4,
	STREAM_MEMORY = 5,
	STREAM_SYSTEM = 7,
	STREAM_MEMORY64 = 9,
	STREAM_COMMENT_A = 10,
	STREAM_COMMENT_W = 11,
	STREAM_MISC = 15,
	STREAM_MEMORY_INFO = 16,
};

/* An entry of the directory: type, size and RVA of a stream. */
#define MINIDUMP_ENTRY_SIZE 12

/* A minidump, and what is of use only while it is parsed. */
struct minidump_parts {
	struct minidump dump; /* first, so that a pointer to it is one to this */
	const uint8_t *directory;
	size_t directory_count;
	struct strings paths;
	size_t path_bytes; /* UTF-16 that was read for them */
	uint64_t disputed; /* bytes of memory that are listed twice and differ */
};

/* The bytes of a stream; `data` NULL: there is none, or not in the file. */
struct stream {
	const uint8_t *data;
	uint64_t size;
};

/*
 * Returns the address that a field of 64 bits has. Some writers sign-extend those of 32 bits: of a
 * program that may use more than 2 GB they would lie where no process has memory.
 */
static inline uint64_t minidump_address(const struct minidump *dump, const uint8_t *field)
{
	uint64_t address = le64(field);
	bool extended = dump->pointer_size == 4 && address >= UINT64_C(0xffffffff80000000);
	return extended ? (uint32_t)address : address;
}

/* Returns the first stream of a type. Of one that goes beyond the file only what is there. */
struct stream minidump_stream(const struct image *image, uint32_t type);

/*
 * A list: a count, then records of `size` bytes. Some writers leave 4 bytes behind the count, so
 * that the records are aligned to 8.
 */
struct records {
	const uint8_t *data;
	size_t count;
};

/*
 * Returns the records of a list whose count has 4 bytes, `most` of them at most. Where the stream
 * does not have all that are counted, or there are more than that, it warns; `what` is what they
 * are.
 */
struct records minidump_records(struct image *image, uint32_t type, size_t size, size_t most,
				const char *what);

/* Returns the MINIDUMP_STRING at `rva` as UTF-8, which the caller frees; NULL: not in the file. */
char *minidump_string(const struct image *image, uint32_t rva, size_t most);

/* Read the parts of a dump into image->minidump. */
void minidump_read_modules(struct image *image);
void minidump_read_threads(struct image *image);
void minidump_read_about(struct image *image);
void minidump_read_memory(struct image *image);
void minidump_read_regions(struct image *image);

/* Returns how many bytes the process uses, by the list of regions, that the dump lacks. */
uint64_t minidump_left_out(const struct image *image);

#endif
