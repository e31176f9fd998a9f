/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: impfuzzy, impset and the like (ssdeep's form BLOCKSIZE:PART:PART) taken
 * apart, and the score of two of one type.
 */
#ifndef IMPSCAN_MATCH_FUZZY_H
#define IMPSCAN_MATCH_FUZZY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/hash.h>

#define FUZZY_PART_MAX 64 /* ssdeep's SPAMSUM_LENGTH: no part is longer */
#define FUZZY_COMMON   7  /* the shortest common substring that makes two parts alike */

/* Where the pieces of a hash lie in its text. */
struct fuzzy_shape {
	uint32_t block_size;
	uint8_t prefix;	   /* bytes of the block size and its colon */
	uint8_t length[2]; /* of the parts as they are written, at most FUZZY_PART_MAX */
	bool folds;	   /* some character is repeated more than three times */
	uint8_t type;	   /* enum hash_type; 0 where nobody has said it */
};

/*
 * A hash ready to be compared: characters repeated more than three times count as three. The
 * first part belongs to block_size, the second to twice that.
 */
struct fuzzy {
	uint32_t block_size;
	uint8_t length[2];
	uint8_t type;	     /* enum hash_type: those of others are never compared with it */
	const char *part[2]; /* not terminated */
};

/* Room for the folded parts. */
struct fuzzy_buffer {
	char part[2][FUZZY_PART_MAX];
};

/*
 * Is there a hash at the start of the `length` bytes at `text`? Returns its length, or 0. Stricter
 * than fuzzy_compare(), which takes any characters: only what ssdeep writes is a hash (base64
 * characters, parts of at most 64, a block size that fits 32 bits).
 */
size_t fuzzy_parse(const char *text, size_t length, struct fuzzy_shape *shape);

/* Leaves out what is repeated more than three times: copies the parts to `buffer`. */
void fuzzy_fold(struct fuzzy *fuzzy, struct fuzzy_buffer *buffer);

/*
 * `fuzzy` points into `text`, or into `buffer` where characters had to be left out. Inline, since
 * every candidate of a search comes through here.
 */
static inline void fuzzy_open(struct fuzzy *fuzzy, const char *text,
			      const struct fuzzy_shape *shape, struct fuzzy_buffer *buffer)
{
	const char *first = text + shape->prefix;
	fuzzy->block_size = shape->block_size;
	fuzzy->length[0] = shape->length[0];
	fuzzy->length[1] = shape->length[1];
	fuzzy->type = shape->type;
	fuzzy->part[0] = first;
	fuzzy->part[1] = first + shape->length[0] + 1;
	if (shape->folds)
		fuzzy_fold(fuzzy, buffer);
}

/* Nothing was hashed ("3::"). fuzzy_compare() calls two of these equal; we never match them. */
static inline bool fuzzy_empty(const struct fuzzy *fuzzy)
{
	return !fuzzy->length[0] && !fuzzy->length[1];
}

/* Can hashes of these block sizes have parts of the same one? */
static inline bool fuzzy_comparable(uint64_t a, uint64_t b)
{
	return a == b || a == 2 * b || b == 2 * a;
}

bool fuzzy_equal(const struct fuzzy *a, const struct fuzzy *b);

/* A hash prepared for comparison with many: where in each part a character stands, as bits. */
struct fuzzy_query {
	struct fuzzy fuzzy;
	uint64_t position[2][128];
};

/* `fuzzy` is copied; the text it points to must stay. */
void fuzzy_query_init(struct fuzzy_query *query, const struct fuzzy *fuzzy);

/*
 * The score of fuzzy_compare() of libfuzzy 2.14, 0-100. A score below `least` may be given as any
 * number below it.
 */
int fuzzy_score(const struct fuzzy_query *query, const struct fuzzy *known, int least);

#endif
