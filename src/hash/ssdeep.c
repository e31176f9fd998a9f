/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ssdeep's hash of a text in memory, as libfuzzy's fuzzy_hash_buf() gives it. libfuzzy reads streams
 * of unknown length, for which it follows many block sizes at once; where the text lies in memory,
 * one look tells the block size, and the hash takes a third of the instructions. Long texts, which
 * no program's list comes to, are left to libfuzzy. tests/unit/test_hash.c holds the two equal.
 *
 * The algorithm (Kornblum, "Identifying almost identical files using context triggered piecewise
 * hashing", 2006; ssdeep 2.14): a rolling hash over 7 bytes ends a piece where it is -1 modulo the
 * block size, and each piece becomes one character, by 6 bits of an FNV hash. The block size is 3 *
 * 2^n, the smallest for which 64 characters should do, or the largest below it that gives at least
 * 32 pieces. The second part of the hash is of twice that block size, and of 32 characters at most.
 */
#include "hash/ssdeep.h"

#include <stdio.h>

#include <fuzzy.h>

_Static_assert(SSDEEP_SIZE >= FUZZY_MAX_RESULT + 1, "libfuzzy writes more");

#define SHORT_MAX (64 * 1024) /* bytes */

#define WINDOW	    7
#define BLOCK_LEAST 3
#define LEVELS	    31 /* block sizes */
#define CHARACTERS  64 /* of the first part; half as many of the second */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The six bits that count of FNV: those of its prime and of its start. */
#define FNV_START 0x27u
static unsigned int fnv(unsigned int hash, uint8_t c)
{
	return ((hash * 0x13u) ^ c) & 63u;
}

/*
 * Notes for each byte how many of the block sizes, from the least one on, end a piece there, and
 * counts the pieces of each. Returns the rolling hash at the end.
 */
static uint32_t find_ends(const uint8_t *data, size_t size, uint8_t *ends, size_t pieces[LEVELS])
{
	uint32_t sum = 0, weighted = 0, shifted = 0;
	for (size_t i = 0; i < size; i++) {
		uint8_t c = data[i];
		weighted += WINDOW * (uint32_t)c - sum;
		sum += c - (uint32_t)(i < WINDOW ? 0 : data[i - WINDOW]);
		shifted = shifted << 5 ^ c;
		uint32_t rolling = sum + weighted + shifted;
		ends[i] = 0;
		if ((rolling + 1) % BLOCK_LEAST || rolling == UINT32_MAX)
			continue;
		ends[i] = (uint8_t)(__builtin_ctz((rolling + 1) / BLOCK_LEAST) + 1);
		pieces[ends[i] - 1]++;
	}
	for (size_t level = LEVELS - 1; level; level--)
		pieces[level - 1] += pieces[level];
	return sum + weighted + shifted;
}

/*
 * Writes a part of the hash: the characters of the pieces of `level`, at most `most`, the last one
 * for all that is left. Returns what is behind it.
 */
static char *write_part(char *out, const uint8_t *data, size_t size, const uint8_t *ends,
			size_t level, size_t most, bool rest)
{
	unsigned int hash = FNV_START;
	size_t count = 0;
	char last = '\0';
	for (size_t i = 0; i < size; i++) {
		hash = fnv(hash, data[i]);
		if (ends[i] <= level)
			continue;
		last = base64[hash];
		if (count == most - 1)
			continue;
		*out++ = last;
		count++;
		hash = FNV_START;
		last = '\0';
	}
	if (rest)
		last = base64[hash];
	if (last)
		*out++ = last;
	return out;
}

void ssdeep_hash(char hash[SSDEEP_SIZE], const char *text, size_t size)
{
	uint8_t ends[SHORT_MAX];
	const uint8_t *data = (const uint8_t *)text;
	size_t pieces[LEVELS] = {0}, level = 0;
	if (size > SHORT_MAX) {
		if (size > UINT32_MAX || fuzzy_hash_buf(data, (uint32_t)size, hash) != 0)
			hash[0] = '\0';
		return;
	}
	/* Where the rolling hash is 0, nothing is left behind the last piece. */
	bool rest = find_ends(data, size, ends, pieces) != 0;
	while (level < LEVELS - 1 && ((size_t)BLOCK_LEAST << level) * CHARACTERS < size)
		level++;
	while (level && pieces[level] < CHARACTERS / 2)
		level--;
	char *out = hash + snprintf(hash, SSDEEP_SIZE, "%zu:", (size_t)BLOCK_LEAST << level);
	out = write_part(out, data, size, ends, level, CHARACTERS, rest);
	*out++ = ':';
	out = write_part(out, data, size, ends, level + 1, CHARACTERS / 2, rest);
	*out = '\0';
}
