/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a source with libarchive.
 */
#ifndef IMPSCAN_SOURCE_UNPACKER_H
#define IMPSCAN_SOURCE_UNPACKER_H

#include "source/internal.h"

#ifdef HAVE_LIBARCHIVE
#include <archive.h>
#include <archive_entry.h>

/* What libarchive is told of a source. */
struct unpacker {
	const struct source *source;
	struct archive *archive;
	uint64_t at;
	bool ended; /* whether it asked for more than the source has */
};

/*
 * Begins to read a source from its start; `archive` has the formats and filters that are allowed, and
 * belongs to the unpacker then. Filters and formats must be enabled one by one: those that the library
 * was built without are left to programs that it starts, which is never wanted.
 */
struct error *unpacker_open(struct unpacker *unpacker, const struct source *source,
			    struct archive *archive);

/* Releases what an unpacker has. */
void unpacker_close(struct unpacker *unpacker);
#define _cleanup_unpacker_ _cleanup_(unpacker_close)

/*
 * Adds what is left of the current entry to `whole`. Sets `*cut` when the source ends before it does.
 * Fails where it is damaged.
 */
struct error *unpacker_add_all(struct unpacker *unpacker, struct whole *whole, bool *cut);

/* Returns libarchive's sentence on what went wrong last. */
const char *unpacker_complaint(const struct unpacker *unpacker);
#endif

#endif
