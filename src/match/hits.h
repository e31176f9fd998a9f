/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of the room: what a search comes to before it is spread out into one match an entry.
 */
#ifndef IMPSCAN_MATCH_HITS_H
#define IMPSCAN_MATCH_HITS_H

#include <impscan/match.h>

/* A known hash that was hit: the head of the entries with it. */
struct hit {
	uint32_t head;
	uint8_t score; /* 1-100 */
	uint8_t list;  /* which of the module's lists hit it best, the first of several */
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
};

/* That of `matches`, large enough for `known`. */
struct known_scratch *scratch_for(struct matches *matches, const struct known *known);

/* Notes all heads that resemble `hashes`, see known_find(), in scratch->hits. */
void search(const struct known *known, const struct hashes *hashes, int threshold,
	    struct known_scratch *scratch);

/* Makes `matches` of hits, best of each entry, sorted as known_find() says. */
void spread(const struct known *known, const struct hit *hits, size_t count,
	    struct matches *matches);

#endif
