/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a source with libarchive.
 */
#ifndef IMPSCAN_SOURCE_UNPACKER_H
#define IMPSCAN_SOURCE_UNPACKER_H

#include "source/reader.h"

#ifdef HAVE_LIBARCHIVE
/* What libarchive is told of a source. */
struct unpacker {
	const struct source *source;
	struct archive *archive;
	uint64_t at;
	bool ended;	     /* whether it asked for more than the source has */
	bool named;	     /* a password was given; the user sets it */
	bool encrypted;	     /* the entry is; the user sets it */
	bool entered;	     /* it is at an entry whose data may not be read to the end */
	uint64_t passed;     /* bytes that were unpacked to be passed over, since it was opened */
	unsigned int starts; /* how often it was begun; the user counts */
	size_t next;	     /* the number of the entry behind this one; the user counts */
};

/*
 * Begins to read a source from its start; `archive` has the formats and filters that are allowed,
 * see reader_new(), and belongs to the unpacker then.
 */
struct error *unpacker_open(struct unpacker *unpacker, const struct source *source,
			    struct archive *archive);

/*
 * Goes to the next entry, as reader_next_entry() does, when what is left of the current one may be
 * followed by data that is read. In 7-Zip archives, where files are packed together, that is
 * unpacked: libarchive 3.6 loses its place where it skips it. No more than `most` bytes of them
 * are, then `*error` is set.
 */
int unpacker_next(struct unpacker *unpacker, uint64_t most, struct archive_entry **entry,
		  struct error **error);

/* Releases what an unpacker has. */
void unpacker_close(struct unpacker *unpacker);
#define _cleanup_unpacker_ _cleanup_(unpacker_close)

/*
 * Adds what is left of the current entry to `whole`. Sets `*cut` when the source ends before it
 * does. Fails where it is damaged.
 */
struct error *unpacker_add_all(struct unpacker *unpacker, struct whole *whole, bool *cut);

/* Says what went wrong last. */
struct error *unpacker_failure(const struct unpacker *unpacker);
#endif

#endif
