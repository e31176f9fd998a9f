/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Made-up impfuzzy hashes in families, for the tests and the benchmark of the room "match": of the
 * lengths and block sizes that import lists give, so that relatives score above 0 and strangers
 * don't. The same seed gives the same hashes.
 */
#ifndef TEST_MADE_HASHES_H
#define TEST_MADE_HASHES_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <impscan/hash.h>

struct made {
	uint64_t state;
};

/* splitmix64 (Vigna): every seed is a good one. */
static inline uint64_t made_next(struct made *made)
{
	uint64_t z = made->state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline unsigned int made_below(struct made *made, unsigned int limit)
{
	return (unsigned int)(made_next(made) % limit);
}

static inline char made_char(struct made *made)
{
	return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[made_below(made,
											     64)];
}

/* Copies `in` with about `edits` characters replaced, inserted, left out or repeated. */
static inline void made_edit(struct made *made, char out[65], const char *in, unsigned int edits)
{
	size_t n = strlen(in);
	memcpy(out, in, n + 1);
	for (unsigned int i = 0; i < edits && n; i++) {
		unsigned int at = made_below(made, (unsigned int)n);
		switch (made_below(made, 64)) {
		case 0:
			for (size_t end = at + 5; at + 1 < n && at < end; at++)
				out[at + 1] = out[at];
			break;
		case 1 ... 20:
			memmove(out + at, out + at + 1, n - at);
			n--;
			break;
		case 21 ... 40:
			if (n < 64) {
				memmove(out + at + 1, out + at, n - at + 1);
				out[at] = made_char(made);
				n++;
			}
			break;
		default:
			out[at] = made_char(made);
			break;
		}
	}
}

static inline void made_part(struct made *made, char out[65], unsigned int least, unsigned int most)
{
	unsigned int n = least + made_below(made, most - least + 1);
	for (unsigned int i = 0; i < n; i++)
		out[i] = made_char(made);
	out[n] = '\0';
}

/*
 * Member `member` of family `family`: the family's two parts, edited. Some members have half the
 * block size, so that their second part is the family's first, as it is with real files that differ
 * in length.
 */
static inline void made_impfuzzy(char out[IMPFUZZY_SIZE], uint64_t family, uint64_t member)
{
	struct made made = {.state = family * 2654435761u + 1};
	unsigned int block_size = 3u << (made_below(&made, 4) + made_below(&made, 4));
	char first[65], second[65], third[65], a[65], b[65];
	if (block_size == 3)
		made_part(&made, first, 4, 64);
	else
		made_part(&made, first, 32, 64);
	made_part(&made, second, (unsigned int)strlen(first) / 3, (unsigned int)strlen(first) / 2);
	made_part(&made, third, 32, 64);

	made.state ^= member * 0x2545f4914f6cdd1du;
	made_edit(&made, a, first, made_below(&made, 8));
	made_edit(&made, b, second, made_below(&made, 5));
	made_edit(&made, third, third, made_below(&made, 4));
	if (block_size > 3 && made_below(&made, 8) == 0)
		snprintf(out, IMPFUZZY_SIZE, "%u:%s:%s", block_size / 2, third, a);
	else
		snprintf(out, IMPFUZZY_SIZE, "%u:%s:%s", block_size, a, b);
}

#endif
