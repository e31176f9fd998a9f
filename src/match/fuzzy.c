/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * impfuzzy hashes: their form and their score.
 *
 * The score is that of libfuzzy's fuzzy_compare() (ssdeep 2.14: fuzzy.c, edit_dist.c), computed by
 * bit operations: one of the two hashes is prepared once (struct fuzzy_query) and compared with
 * every candidate of the index, which makes a comparison several times as fast as a call that
 * parses both. tests/unit/test_match_score.c holds the two equal.
 *
 * What fuzzy_compare() does: block sizes equal, or one twice the other, else 0; characters repeated
 * more than three times count as three; equal hashes score 100; otherwise parts of the same block
 * size are compared (two pairs when the block sizes are equal: the better counts), and both need a
 * common substring of seven characters. The score then falls with the edit distance of insertions
 * and deletions, and is capped for small block sizes.
 */
#include "fuzzy.h"

#include <string.h>

#include <impscan/bytes.h>

#define MIN_BLOCK_SIZE 3

/* From this block size on a score is not capped: (99 + 7) / 7 * 3, as fuzzy_compare() has it. */
#define UNCAPPED_BLOCK_SIZE ((99 + FUZZY_COMMON) / FUZZY_COMMON * MIN_BLOCK_SIZE)

/* ssdeep writes the base64 alphabet. */
static const bool base64[256] = {
	['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['0' ... '9'] = true,
	['+'] = true,	      ['/'] = true,
};

/* Is the character at `i`, which is that before it too, one of more than three? */
static bool is_long_run(const char *text, size_t length, size_t i)
{
	size_t first = i - 1, end = i + 1;
	while (first > 0 && text[first - 1] == text[i])
		first--;
	while (end < length && text[end] == text[i])
		end++;
	return end - first > 3;
}

/* Length of the part at `text`, -1 when it is too long; notes characters repeated over 3 times. */
static int parse_part(const char *text, size_t length, bool *folds)
{
	const size_t most = min_of(length, (size_t)FUZZY_PART_MAX + 1);
	size_t n = 0;
	while (n < most && base64[(uint8_t)text[n]])
		n++;
	/* Every run of four has two side by side of which the second's place is odd. */
	for (size_t i = 1; i < n; i += 2)
		if (text[i] == text[i - 1] && is_long_run(text, n, i))
			*folds = true;
	return n > FUZZY_PART_MAX ? -1 : (int)n;
}

size_t fuzzy_parse(const char *text, size_t length, struct fuzzy_shape *shape)
{
	uint64_t block_size = 0;
	size_t n = 0;
	while (n < length && n < 10 && text[n] >= '0' && text[n] <= '9')
		block_size = block_size * 10 + (uint64_t)(text[n++] - '0');
	if (!n || n == length || text[n] != ':' || block_size > UINT32_MAX)
		return 0;
	n++;
	*shape = (struct fuzzy_shape){.block_size = (uint32_t)block_size, .prefix = (uint8_t)n};
	int first = parse_part(text + n, length - n, &shape->folds);
	if (first < 0 || n + (size_t)first == length || text[n + (size_t)first] != ':')
		return 0;
	n += (size_t)first + 1;
	int second = parse_part(text + n, length - n, &shape->folds);
	if (second < 0)
		return 0;
	shape->length[0] = (uint8_t)first;
	shape->length[1] = (uint8_t)second;
	return n + (size_t)second;
}

static uint8_t fold(char *out, const char *in, uint8_t length)
{
	uint8_t n = 0;
	for (uint8_t i = 0; i < length; i++)
		if (n < 3 || in[i] != out[n - 1] || in[i] != out[n - 2] || in[i] != out[n - 3])
			out[n++] = in[i];
	return n;
}

void fuzzy_fold(struct fuzzy *fuzzy, struct fuzzy_buffer *buffer)
{
	for (int i = 0; i < 2; i++) {
		fuzzy->length[i] = fold(buffer->part[i], fuzzy->part[i], fuzzy->length[i]);
		fuzzy->part[i] = buffer->part[i];
	}
}

bool fuzzy_equal(const struct fuzzy *a, const struct fuzzy *b)
{
	return a->type == b->type && a->block_size == b->block_size &&
	       a->length[0] == b->length[0] && a->length[1] == b->length[1] &&
	       !memcmp(a->part[0], b->part[0], a->length[0]) &&
	       !memcmp(a->part[1], b->part[1], a->length[1]);
}

void fuzzy_query_init(struct fuzzy_query *query, const struct fuzzy *fuzzy)
{
	memset(query->position, 0, sizeof(query->position));
	query->fuzzy = *fuzzy;
	for (int p = 0; p < 2; p++)
		for (int i = 0; i < fuzzy->length[p]; i++)
			query->position[p][fuzzy->part[p][i] & 127] |= 1ull << i;
}

/*
 * Do the text and the one that `position` describes share FUZZY_COMMON characters in a row? Each
 * window of the text is read from its end; where the characters read so far occur nowhere, no
 * window that holds them can, and the next one starts behind the first of them.
 */
static bool have_common(const uint64_t position[128], const char *text, unsigned int length)
{
	unsigned int window = 0;
	while (window + FUZZY_COMMON <= length) {
		unsigned int i = window + FUZZY_COMMON - 1;
		uint64_t at = position[text[i] & 127];
		while (at && i > window)
			at = at >> 1 & position[text[--i] & 127];
		if (at)
			return true;
		window = i + 1;
	}
	return false;
}

/*
 * Length of the longest common subsequence: Hyyroe's bit-vector algorithm ("Bit-parallel LCS-length
 * computation revisited", 2004). A zero bit of the vector is a step of the subsequence.
 */
static unsigned int common_subsequence(const uint64_t position[128], const char *text,
				       unsigned int length)
{
	uint64_t v = UINT64_MAX;
	for (unsigned int i = 0; i < length; i++) {
		uint64_t hit = v & position[text[i] & 127];
		v = (v + hit) | (v - hit);
	}
	return (unsigned int)__builtin_popcountll(~v);
}

/* The score for an edit distance; every step rounds down as fuzzy_compare() does. */
static int scale(unsigned int distance, unsigned int a, unsigned int b, uint64_t block_size)
{
	unsigned int score = 100 - 100 * (distance * FUZZY_PART_MAX / (a + b)) / FUZZY_PART_MAX;
	if (block_size >= UNCAPPED_BLOCK_SIZE)
		return (int)score;
	unsigned int most = (unsigned int)(block_size / MIN_BLOCK_SIZE) * (a < b ? a : b);
	return (int)min_of(score, most);
}

/* Part `ours` of the query with part `theirs` of `known`; both belong to `block_size`. */
static int score_parts(const struct fuzzy_query *query, int ours, const struct fuzzy *known,
		       int theirs, uint64_t block_size, int least)
{
	unsigned int a = query->fuzzy.length[ours], b = known->length[theirs];
	if (a < FUZZY_COMMON || b < FUZZY_COMMON)
		return 0;
	/* What the lengths alone allow: the distance is at least their difference. */
	if (scale(a > b ? a - b : b - a, a, b, block_size) < least)
		return 0;
	const uint64_t *position = query->position[ours];
	const char *text = known->part[theirs];
	if (!have_common(position, text, b))
		return 0;
	return scale(a + b - 2 * common_subsequence(position, text, b), a, b, block_size);
}

int fuzzy_score(const struct fuzzy_query *query, const struct fuzzy *known, int least)
{
	uint64_t ours = query->fuzzy.block_size, theirs = known->block_size;
	if (ours == theirs) {
		if (fuzzy_equal(&query->fuzzy, known))
			return 100;
		int first = score_parts(query, 0, known, 0, ours, least);
		int second = score_parts(query, 1, known, 1, 2 * ours, max_of(least, first));
		return max_of(first, second);
	}
	if (ours == 2 * theirs)
		return score_parts(query, 0, known, 1, ours, least);
	if (theirs == 2 * ours)
		return score_parts(query, 1, known, 0, theirs, least);
	return 0;
}
