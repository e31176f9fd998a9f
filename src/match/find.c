/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Searching a sealed set for the known hashes that a module's hashes resemble. The result is heads,
 * one for all entries with the same hash; hits.c makes matches of them.
 *
 * The set is only read, so any number of threads may search it. What a search writes lies in the
 * caller's struct matches: one bit for each entry that was met already, and the list of these
 * entries, by which the bits are cleared again.
 */
#include <impscan/match.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "explaining.h"
#include "find.h"
#include "index.h"

#define AHEAD 8 /* candidates whose memory is asked for before it is needed */

struct known_scratch *known_scratch(struct matches *matches, const struct known *known)
{
	if (!matches->scratch)
		matches->scratch = alloc_new(struct known_scratch);
	struct known_scratch *scratch = matches->scratch;
	size_t words = known->count / 64 + 1;
	if (scratch->seen_words < words) {
		free(scratch->seen);
		scratch->seen = alloc_zero(words, sizeof(*scratch->seen));
		scratch->seen_words = words;
	}
	return scratch;
}

void matches_free(struct matches *matches)
{
	if (matches->scratch) {
		free(matches->scratch->seen);
		free(matches->scratch->candidates);
		free(matches->scratch->hits);
		explaining_free(matches->scratch->explaining);
		free(matches->scratch);
	}
	free(matches->items);
	*matches = (struct matches){0};
}

static bool meet(struct known_scratch *scratch, uint32_t number)
{
	uint64_t bit = 1ull << (number % 64);
	if (scratch->seen[number / 64] & bit)
		return false;
	scratch->seen[number / 64] |= bit;
	if (scratch->count == scratch->capacity)
		scratch->candidates = alloc_grow(scratch->candidates, scratch->count,
						 &scratch->capacity, sizeof(uint32_t));
	scratch->candidates[scratch->count++] = number;
	return true;
}

static void forget(struct known_scratch *scratch)
{
	for (size_t i = 0; i < scratch->count; i++)
		scratch->seen[scratch->candidates[i] / 64] = 0;
	scratch->count = 0;
}

static void add_hit(struct known_scratch *scratch, uint32_t head, int score, unsigned int type)
{
	*array_push(scratch->hits, scratch->hit_count, scratch->hit_capacity) =
		(struct hit){.head = head, .score = (uint8_t)score, .type = (uint8_t)type};
}

/* Notes all heads that the index names for the parts of `fuzzy`. */
static void find_candidates(const struct known *known, const struct fuzzy *fuzzy,
			    struct known_scratch *scratch)
{
	struct postings runs[2 * FUZZY_PART_MAX];
	size_t count = 0;
	for (int p = 0; p < 2; p++) {
		if (fuzzy->length[p] < FUZZY_COMMON)
			continue;
		for (unsigned int i = 0; i + INDEX_GRAM <= fuzzy->length[p]; i++) {
			runs[count] = index_gram(&known->index, fuzzy->part[p] + i, fuzzy, p);
			__builtin_prefetch(runs[count++].at);
		}
	}
	for (size_t i = 0; i < count; i++) {
		size_t size = known->index.posting_size;
		for (const uint8_t *at = runs[i].at; at < runs[i].end; at += size) {
			uint32_t number = posting_entry(&known->index, at);
			if (meet(scratch, number))
				__builtin_prefetch(&known->entries[number]);
		}
	}
}

static void find_fuzzy(const struct known *known, const struct fuzzy *fuzzy, int least,
		       struct known_scratch *scratch)
{
	uint32_t equal = index_fuzzy(known, fuzzy);
	if (equal) {
		meet(scratch, equal - 1);
		add_hit(scratch, equal - 1, 100, fuzzy->type);
	}
	find_candidates(known, fuzzy, scratch);

	struct fuzzy_query query;
	fuzzy_query_init(&query, fuzzy);
	for (size_t i = equal ? 1 : 0; i < scratch->count; i++) {
		if (i + AHEAD < scratch->count) {
			const struct known_entry *later =
				&known->entries[scratch->candidates[i + AHEAD]];
			__builtin_prefetch(known->text + later->text);
			__builtin_prefetch(known->text + later->text + 64);
		}
		uint32_t number = scratch->candidates[i];
		const struct known_entry *entry = &known->entries[number];
		if (entry->type != fuzzy->type ||
		    !fuzzy_comparable(fuzzy->block_size, entry->block_size))
			continue;
		struct fuzzy_buffer buffer;
		struct fuzzy theirs;
		entry_fuzzy(known, entry, &theirs, &buffer);
		int score = fuzzy_score(&query, &theirs, least);
		if (score >= least)
			add_hit(scratch, number, score, fuzzy->type);
	}
	forget(scratch);
}

/* The known hashes equal to one of digits, in any case; `known_type` is a type of entries. */
static void search_digits(const struct known *known, const char *text, enum hash_type type,
			  unsigned int known_type, struct known_scratch *scratch)
{
	char digits[SHA256_LENGTH];
	size_t length = digits_length(type);
	if (!(known->types >> known_type & 1) || strnlen(text, length + 1) != length)
		return;
	for (size_t i = 0; i < length; i++)
		digits[i] = (char)tolower((unsigned char)text[i]);
	uint32_t equal = index_digits(known, known_type, digits);
	if (equal)
		add_hit(scratch, equal - 1, 100, type);
}

/* The known hashes like one of ssdeep's form. */
static void search_fuzzy(const struct known *known, const char *text, enum hash_type type,
			 int threshold, struct known_scratch *scratch)
{
	struct fuzzy_shape shape;
	size_t length = strnlen(text, IMPFUZZY_SIZE);
	if (!length || !(known->types >> type & 1) || fuzzy_parse(text, length, &shape) != length)
		return;
	struct fuzzy_buffer buffer;
	struct fuzzy fuzzy;
	shape.type = (uint8_t)type;
	fuzzy_open(&fuzzy, text, &shape, &buffer);
	if (!fuzzy_empty(&fuzzy))
		find_fuzzy(known, &fuzzy, max_of(threshold, 1), scratch);
}

void known_search(const struct known *known, const struct hashes *hashes, int threshold,
		  struct known_scratch *scratch)
{
	scratch->hit_count = 0;
	for (unsigned int i = 0; i < HASH_TYPES; i++) {
		enum hash_type type = (enum hash_type)i;
		const char *hash = hash_of_type(hashes, type);
		if (!*hash)
			continue;
		if (hash_type_is_fuzzy(type)) {
			search_fuzzy(known, hash, type, threshold, scratch);
			continue;
		}
		search_digits(known, hash, type, type, scratch);
		if (type != HASH_IMPHASH)
			search_digits(known, hash, type, TYPE_EITHER, scratch);
	}
	if (!*hashes->typerefhash_ordinal)
		return;
	search_digits(known, hashes->typerefhash_ordinal, HASH_TYPEREFHASH, HASH_TYPEREFHASH,
		      scratch);
	search_digits(known, hashes->typerefhash_ordinal, HASH_TYPEREFHASH, TYPE_EITHER, scratch);
}
