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

/* The hashes of one sample as texts. An empty slice is no hash. */
struct hash_texts {
	struct slice imphash;
	struct slice impfuzzy;
	struct slice impset; /* with or without its prefix */
};

/* The hashes of one sample that have been parsed: each text is a whole hash of its kind, or empty. */
struct hashes_parsed {
	struct hash_texts texts;
	struct fuzzy_shape impfuzzy; /* where the pieces of the texts lie, ... */
	struct fuzzy_shape impset;   /* ... of the impset's without its prefix */
};

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
