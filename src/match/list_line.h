/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: lines of plain lists.
 */
#ifndef IMPSCAN_MATCH_LIST_LINE_H
#define IMPSCAN_MATCH_LIST_LINE_H

#include "list.h"

/* What a line holds beside words. */
struct line_hashes {
	struct list_sample sample;
	const char *first;     /* where the first hash or its label begins, of any kind ... */
	const char *behind;    /* ... and the last one ends */
	char separator;	       /* before the hash found last, no blank; '\0': only blanks */
	bool any;	       /* there is a hash of ours */
	bool labelled;	       /* something says what they are: a label or a heading */
	struct slice bare;     /* a hash without a label, below no heading */
	bool by_label;	       /* a label does */
	struct slice unsaid;   /* a hash without one beside them */
	bool longer;	       /* there is a word of more digits, a SHA-1 or SHA-256 */
	size_t longer_count;   /* how many, ... */
	const char *longer_at; /* ... the first of them, ... */
	struct slice either;   /* ... and the first that has 64 digits */
	struct slice other;    /* a second imphash */
	size_t files;	       /* hashes that are said to be of files */
	struct slice bad;      /* a value that is not what its label says */
	enum list_kind bad_kind;
	struct slice file; /* "MD5 (a.exe) = ..." */
};

/*
 * Looks at every word of a line.
 *
 * section: what the heading above says that hashes below it are, or KIND_NONE.
 */
void line_look(struct line_hashes *found, struct slice line, enum list_kind section);

/*
 * Is the line but "hash name", or a hash alone: what most lines are? Then it need not be looked at
 * word by word. The name is one word of letters, digits and "._-/\\", no label and no hash; the
 * line is without blanks around it, below no heading, in a list without labels.
 *
 * sample: set where it is.
 */
bool line_is_simple(struct slice line, struct list_sample *sample);

/*
 * Is a field of a line that has no header, separated by a comma or the like, a part of a hash: one
 * that was cut, or an impfuzzy that is none any more? Then the 32 digits beside it may be the MD5
 * of a file.
 */
bool line_has_part(struct slice line);

/* The name that stands before or behind the hashes, maybe in `buffer`; empty: none. */
struct slice line_name(const struct line_hashes *found, struct slice line, struct text *buffer);

/* "hash  file", as md5sum writes it. */
bool line_is_md5sum(struct slice line);

/* "hash *file", as it writes it with -b: nothing else has that form. */
bool line_is_md5sum_binary(struct slice line);

/* "hash  file" or "hash *file", as sha256sum writes it. */
bool line_is_sha256sum(struct slice line);

/*
 * "md5 of a value,UUID of its event": MISP's cache of a feed. Also where a character or two are
 * damaged: no name looks like a UUID.
 */
bool line_is_feed_cache(struct slice line);

#endif
