/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: adding to a set, for those who read lists.
 */
#ifndef IMPSCAN_MATCH_KNOWN_H
#define IMPSCAN_MATCH_KNOWN_H

#include <stddef.h>

#include <impscan/error.h>
#include <impscan/match.h>
#include <impscan/text.h>

#include "fuzzy.h"

/* A stretch of text, not terminated. */
struct slice {
	const char *at;
	size_t length;
};

static inline struct slice slice_from(struct slice s, size_t start)
{
	return (struct slice){start ? s.at + start : s.at, s.length - start};
}

/* What a sample may have beside one hash of each type. */
enum {
	TEXT_EITHER = HASH_TYPES, /* 64 digits: a typerefhash or a gimphash */
	TEXT_ORDINAL,		  /* a typerefhash in the other order */
	TEXTS,
};

/* The hashes of one sample as texts, with or without their prefixes. An empty slice is no hash. */
struct hash_texts {
	struct slice of[TEXTS]; /* by enum hash_type, and the ones above */
};

/*
 * The hashes of one sample that have been parsed: each text is a whole hash of its type, or empty.
 */
struct hashes_parsed {
	struct hash_texts texts;
	struct fuzzy_shape shapes[HASH_TYPES]; /* where the pieces lie, without the prefix */
};

/* The type of hash number `text` of struct hash_texts: enum hash_type, or TYPE_EITHER. */
static inline unsigned int text_type(unsigned int text)
{
	return text == TEXT_ORDINAL ? (unsigned int)HASH_TYPEREFHASH : text;
}

/* The prefix of a type; "" also for TYPE_EITHER. */
static inline const char *type_prefix(unsigned int type)
{
	return type < HASH_TYPES ? hash_type_prefix((enum hash_type)type) : "";
}

/* Its length: nothing is asked where there is none. */
static inline size_t prefix_length(unsigned int type)
{
	bool any = type >= HASH_IMPSET && type < HASH_TYPES;
	return any ? __builtin_strlen(hash_type_prefix((enum hash_type)type)) : 0;
}

/*
 * Adds the hashes of one sample, with a comment, unless the set has got the same hashes with this
 * name in this way already: `*equal` says so then. With an empty name the hash itself is the name.
 * Fails only when the set is full.
 */
struct error *known_add_new(struct known *known, const struct hashes_parsed *hashes,
			    struct slice name, struct slice comment, bool *equal);

/* "'xyz' is neither an imphash (...) nor an impfuzzy hash (...)". */
struct error *known_not_a_hash(struct slice text);

#endif
