/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: the memory of a set of known hashes, and the index over it.
 */
#ifndef IMPSCAN_MATCH_INDEX_H
#define IMPSCAN_MATCH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/bytes.h>

#include "fuzzy.h"

/*
 * More hashes than this are refused: it keeps every number of a posting within 32 bits (an impfuzzy
 * has at most 30). It is 25 GB of hashes.
 */
#define KNOWN_MAX (1u << 27)

/* And no more bytes of text than this; an entry's position has twice the room. */
#define KNOWN_TEXT_MAX (1ull << 38)

#define IMPHASH_LENGTH 32

/* One known hash, 16 bytes. */
struct known_entry {
	uint64_t text : 39;  /* in the set's text: hash, NUL, its name, NUL, its comment, NUL */
	uint64_t prefix : 5; /* struct fuzzy_shape, for an impfuzzy and an impset */
	uint64_t length0 : 7;
	uint64_t length1 : 7;
	uint64_t folds : 1;
	uint64_t is_fuzzy : 1; /* an impfuzzy or an impset */
	uint64_t is_set : 1;   /* an impset */
	uint64_t place : 2;    /* how many entries before it are of the same sample */
	uint64_t is_head : 1;  /* of the entries with this hash, the one that is indexed */
	uint32_t block_size;
	uint32_t next; /* 1 + the next entry with this hash, 0 at the end */
};

struct index {
	/* Equal hashes, imphash and impfuzzy alike: open addressing, 1 + entry, 0 when free. */
	uint32_t *slots;
	size_t slot_mask;

	/* Alike impfuzzy hashes: bucket b's postings are those from starts[b] to starts[b + 1]. */
	uint32_t *starts;
	unsigned int bucket_bits;
	uint8_t *postings;   /* entries, `posting_size` bytes each, little-endian */
	size_t posting_size; /* 3 while that is enough, else 4 */
	uint32_t posting_mask;
};

/* Samples of lists, by their hashes and names: see seen.c. */
struct known_seen {
	uint64_t *slots;
	size_t mask;
	size_t count;
};

struct known {
	char *text;
	size_t text_length;
	size_t text_capacity;
	struct known_entry *entries;
	size_t count;
	size_t capacity;
	bool sealed;
	bool has_sets; /* an entry is an impset */
	struct known_seen seen;
	struct index index;
	struct sample_imports *imports; /* NULL: no sample has any */
	const char *password;		/* of packed lists; NULL: none */
};

/* The impfuzzy or impset of an entry. */
static inline void entry_fuzzy(const struct known *known, const struct known_entry *entry,
			       struct fuzzy *fuzzy, struct fuzzy_buffer *buffer)
{
	const struct fuzzy_shape shape = {
		.block_size = entry->block_size,
		.prefix = entry->prefix,
		.length = {entry->length0, entry->length1},
		.folds = entry->folds,
		.set = entry->is_set,
	};
	fuzzy_open(fuzzy, known->text + entry->text, &shape, buffer);
}

void index_build(struct known *known);
void index_free(struct index *index);

/* The head of the entries whose hash equals this one: 1 + its number, 0 when there is none. */
uint32_t index_imphash(const struct known *known, const char imphash[IMPHASH_LENGTH]);
uint32_t index_fuzzy(const struct known *known, const struct fuzzy *fuzzy);

/* A run of postings. */
struct postings {
	const uint8_t *at;
	const uint8_t *end;
};

/*
 * The postings for the characters at `gram` in part `part` of `fuzzy`: all heads of its kind that
 * share FUZZY_COMMON characters around them, and some that don't.
 */
#define INDEX_GRAM 4
struct postings index_gram(const struct index *index, const char gram[INDEX_GRAM],
			   const struct fuzzy *fuzzy, int part);

/* The entry a posting names; the last one has bytes behind it to be read with. */
static inline uint32_t posting_entry(const struct index *index, const uint8_t *at)
{
	return le32(at) & index->posting_mask;
}

#endif
