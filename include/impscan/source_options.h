/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How files are opened as sources: see source.h.
 *
 * Room: source.
 */
#ifndef IMPSCAN_SOURCE_OPTIONS_H
#define IMPSCAN_SOURCE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source;

/* What a file of an archive is worth to who opens that. */
enum source_worth {
	SOURCE_UNWANTED, /* it is known to be something else than what is wanted */
	SOURCE_PERHAPS,	 /* it is taken where it is the largest */
	SOURCE_WANTED,
};

/* How files are opened; all zero is allowed. */
struct source_options {
	uint64_t memory; /* bytes that unpacked pieces may take; 0: SOURCE_MEMORY_DEFAULT */
	/* Threads that unpack, with the one that asks; 0, 1: pieces are only unpacked when needed. */
	unsigned int threads;
	/*
	 * Bytes that a packed file may be unpacked to, all its levels and what is used of an
	 * archive together; 0: SOURCE_UNPACKED_LEAST, or SOURCE_RATIO times the file where that is
	 * more; and of these as many may be zeros, in whole pages, or SOURCE_RATIO times what is
	 * not.
	 */
	uint64_t unpack_most;
	/*
	 * Of the same file: its size, as it is packed (0: it is the one that is opened), what was
	 * unpacked of it before, and what of that is no zeros; in bytes.
	 */
	uint64_t packed_first, unpacked_before, held_before;
	/* Is tried for encrypted archives, before "infected"; may be NULL. */
	const char *password;
	/*
	 * Returns what a file of an archive is worth by its name and its first bytes; `start` may
	 * be NULL: they are not known. May be NULL.
	 */
	enum source_worth (*judge)(const char *name, const void *start, size_t size);
	/*
	 * Returns whether a file of an archive belongs to the one that is taken, by their names, so
	 * that it is opened with it: source_beside(). One of the two may be NULL: whether there can
	 * be such a file to the other. May be NULL.
	 */
	bool (*beside)(const char *taken, const char *name);
	/* Whether the file is taken as it is, packed or not. */
	bool as_it_is;
	/* Whether a file that can't be unpacked is opened as it is: see source_refusal(). */
	bool lenient;
	/*
	 * The file that is wanted of an archive, and behind a '!' that of an archive in it; NULL:
	 * what is wanted by its content.
	 */
	const char *member;
	/* Instead of a path, where to begin: see struct source_other. NULL: at the path. */
	const struct source *archive;
	size_t number;
	/* Bit n: page file n is given, so that one of the archive may not be used; for sentences. */
	unsigned int page_files_given;
	/* 1 + the number of the page file that is wanted of an archive; 0: an image is. */
	unsigned int page_file;
	/* Is told what takes time or room, as a sentence; may be NULL. */
	void (*tell)(void *context, const char *sentence);
	/* Is told how many bytes of what is packed have been unpacked, and of how many; may be NULL. */
	void (*progress)(void *context, size_t done, size_t total);
	void *context;
};

#define SOURCE_MEMORY_DEFAULT (UINT64_C(512) << 20)
#define SOURCE_UNPACKED_LEAST (UINT64_C(512) << 20)
#define SOURCE_RATIO	      1000u

/* Files in files in files: more levels are not unpacked. */
#define SOURCE_LEVELS_MAX 3

#endif
