/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `source`: the files of an archive, where the parts of a split file are one.
 */
#ifndef IMPSCAN_SOURCE_ARCHIVE_LIST_H
#define IMPSCAN_SOURCE_ARCHIVE_LIST_H

#include "source/parts.h"
#include "source/unpacker.h"

#ifdef HAVE_LIBARCHIVE
/* A part of a split file. */
struct member_part {
	char *name;
	size_t number; /* in the archive */
	uint64_t size;
	bool missing;
};

/* A file. */
struct member {
	char *name;    /* of a split file without the number */
	size_t number; /* in the archive */
	uint64_t size; /* unpacked; 0: not known, or nothing */
	bool encrypted;
	enum source_worth worth; /* see judge_members() */
	bool archive;		 /* by its first bytes it is one */
	bool chosen;		 /* it is to be read */
	bool belongs;		 /* to another file, by their names */
	/* Of a split file: all of its parts, also the first; none: it is no split file. */
	struct member_part *parts;
	size_t part_count;
	size_t part_capacity;
};

struct listing {
	struct member *members;
	size_t count;
	size_t capacity;
	bool cut;	  /* the archive is cut off */
	struct text told; /* what is wrong with it, for source_warn() */
};

/* Adds a file that is being listed. */
void listing_add(struct listing *listing, struct archive_entry *entry, size_t number);

/*
 * After all were added: of files of the same name only the last stays, as where the archive is
 * unpacked, and the parts of a split file become one.
 */
void listing_finish(struct listing *listing);
void listing_free(struct listing *listing);
#endif

#endif
