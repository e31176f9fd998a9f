/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: searching a sealed set, and the memory that a thread needs for it.
 */
#ifndef IMPSCAN_MATCH_FIND_H
#define IMPSCAN_MATCH_FIND_H

#include <impscan/match.h>

/* A known hash that was hit: the head of the entries with it. */
struct hit {
	uint32_t head;
	uint8_t score; /* 1-100 */
	uint8_t list;  /* which of the module's lists hit it best, the first of several */
	uint8_t type;  /* enum hash_type of the module's hash, for an entry of TYPE_EITHER */
};

/* The memory of searches, kept from one to the next. */
struct known_scratch {
	uint64_t *seen; /* a bit an entry, all zero between searches */
	size_t seen_words;
	uint32_t *candidates;
	size_t count;
	size_t capacity;
	struct hit *hits; /* of the search done last, no two of one head */
	size_t hit_count;
	size_t hit_capacity;
	struct explaining *explaining; /* explaining.h; NULL: not needed so far */
};

/* Returns the scratch memory of `matches`, which owns it, made large enough for `known`. */
struct known_scratch *known_scratch(struct matches *matches, const struct known *known);

/*
 * Finds all heads that resemble `hashes`, as known_find() says, and leaves them in scratch->hits.
 */
void known_search(const struct known *known, const struct hashes *hashes, int threshold,
		  struct known_scratch *scratch);

/* Is a head among the hits, by any list? NULL has none. */
bool hits_has(const struct hits *hits, uint32_t head);

/*
 * Adds hits, and takes those of rebuilt lists out that have the impfuzzy of a head with a bit in
 * `replaced`.
 *
 * before: a reference, which is taken over; may be NULL
 *
 * Returns a reference, or NULL: there are none.
 */
struct hits *hits_replace(const struct known *known, struct hits *before, const uint64_t *replaced,
			  const struct hit *more, size_t count);

#endif
