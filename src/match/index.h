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
#include <impscan/hash.h>

#include "fuzzy.h"

/*
 * More hashes than this are refused: it keeps every number of a posting within 32 bits (an impfuzzy
 * has at most 30). It is 25 GB of hashes.
 */
#define KNOWN_MAX (1u << 27)

/* And no more bytes of text than this; an entry's position has twice the room. */
#define KNOWN_TEXT_MAX (1ull << 36)

#define IMPHASH_LENGTH 32
#define SHA256_LENGTH  64

/* The type of 64 digits of which nobody says whether they are a typerefhash or a gimphash. */
#define TYPE_EITHER HASH_TYPES

/* One known hash, 16 bytes. */
struct known_entry {
	uint64_t text : 37;  /* in the set's text: hash, NUL, its name, NUL, its comment, NUL */
	uint64_t prefix : 5; /* bytes before the digits, or struct fuzzy_shape's */
	uint64_t length0 : 7;
	uint64_t length1 : 7;
	uint64_t folds : 1;
	uint64_t type : 3;    /* enum hash_type, or TYPE_EITHER */
	uint64_t place : 3;   /* how many entries before it are of the same sample */
	uint64_t is_head : 1; /* of the entries with this hash, the one that is indexed */
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
	unsigned int types; /* bit N: an entry is of type N */
	struct known_seen seen;
	struct index index;
	struct sample_imports *imports; /* NULL: no sample has any */
	const char *password;		/* of packed lists; NULL: none */
};

/* Has an entry a hash of ssdeep's form? */
static inline bool entry_is_fuzzy(const struct known_entry *entry)
{
	return hash_type_is_fuzzy(entry->type);
}

/* The digits of an entry that has any, and how many they are. */
static inline const char *entry_digits(const struct known *known, const struct known_entry *entry)
{
	return known->text + entry->text + entry->prefix;
}

static inline size_t digits_length(unsigned int type)
{
	return type == HASH_IMPHASH ? IMPHASH_LENGTH : SHA256_LENGTH;
}

/* The hash of ssdeep's form that an entry has. */
static inline void entry_fuzzy(const struct known *known, const struct known_entry *entry,
			       struct fuzzy *fuzzy, struct fuzzy_buffer *buffer)
{
	const struct fuzzy_shape shape = {
		.block_size = entry->block_size,
		.prefix = entry->prefix,
		.length = {entry->length0, entry->length1},
		.folds = entry->folds,
		.type = entry->type,
	};
	fuzzy_open(fuzzy, known->text + entry->text, &shape, buffer);
}

/* Where the name of an entry stands, "" for none; its comment is behind it. */
static inline const char *entry_name(const struct known *known, const struct known_entry *entry)
{
	size_t length = entry_is_fuzzy(entry) ? (size_t)entry->length0 + 1 + entry->length1
					      : digits_length(entry->type);
	return known->text + entry->text + entry->prefix + length + 1;
}

void index_build(struct known *known);
void index_free(struct index *index);

/* The head of the entries whose hash equals this one: 1 + its number, 0 when there is none. */
uint32_t index_digits(const struct known *known, unsigned int type, const char *digits);
uint32_t index_fuzzy(const struct known *known, const struct fuzzy *fuzzy);

/* A run of postings, in the order of the entries that they name. */
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

/* A range of the index's keys: buckets. */
struct key_range {
	size_t first, end;
};

/* The range that is number `part` of `parts`, from 1; 0: all. */
struct key_range index_keys(const struct index *index, uint32_t part, uint32_t parts);

/* The same as index_gram(); no postings where the key is not in the range. */
struct postings index_gram_within(const struct index *index, const struct key_range *range,
				  const char gram[INDEX_GRAM], const struct fuzzy *fuzzy, int part);

/* The entry a posting names; the last one has bytes behind it to be read with. */
static inline uint32_t posting_entry(const struct index *index, const uint8_t *at)
{
	return le32(at) & index->posting_mask;
}

#endif
