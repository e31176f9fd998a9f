/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `source`: the layer over libarchive that all of its readers share.
 */
#ifndef IMPSCAN_SOURCE_READER_H
#define IMPSCAN_SOURCE_READER_H

#include "source/internal.h"

#ifdef HAVE_LIBARCHIVE
#include <archive.h>
#include <archive_entry.h>

/*
 * Loads the library, unless that was done. Returns NULL, or why there is none, which stays. Without
 * it all that is asked of a reader fails, and reader_failure() says this.
 */
const char *libarchive_missing(void);

/* What a reader knows. */
enum reader_kind {
	READER_ARCHIVES = 1,   /* ZIP, 7-Zip, tar */
	READER_COMPRESSED = 2, /* gzip, bzip2, xz, Zstandard, LZ4, with one file in it */
};

/*
 * Begins a reader of what `kinds` (of enum reader_kind) says. Formats and filters are enabled one
 * by one: those that the library was built without are left to programs that it starts, which is
 * never wanted. `password` is tried for what is encrypted, then "infected"; NULL: only that. The
 * caller frees it with archive_read_free(). NULL: libarchive_missing().
 */
struct archive *reader_new(unsigned int kinds, const char *password);

/* Enables one filter; false when the library was built without it. */
bool reader_enable(struct archive *archive, int (*filter)(struct archive *archive));

/* As archive_read_next_header(), with names as UTF-8 whatever the locale. */
int reader_next_entry(struct archive *archive, struct archive_entry **entry);

/*
 * Returns the name of an entry as UTF-8, or as the archive has it where that does not say in which
 * encoding, or NULL. It belongs to the entry.
 */
const char *reader_name(struct archive_entry *entry);

/*
 * Says what went wrong last, after the name of the archive: "can't be unpacked: ...", or what to do
 * about a password: then `*locked` is set, else cleared. `named`: a password was given;
 * `encrypted`: the entry is, as far as is known. The caller frees it with free().
 */
char *reader_failure(struct archive *archive, bool named, bool encrypted, bool *locked);
#endif

#endif
