/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The index: which known hashes equal a given one, and which impfuzzy hashes could be alike.
 *
 * Two impfuzzy hashes that aren't equal score above 0 only when parts of the same block size share
 * seven characters in a row (see fuzzy.c). Indexing every run of seven would take more memory than
 * the hashes themselves. Instead only every fourth run of FOUR characters of a known hash is kept:
 * any seven characters in a row contain four such runs side by side, so exactly one that is kept.
 * The one who asks looks up each run of four of his own. Nothing is lost, and what is found in vain
 * (four characters that happen to agree, other runs in the same bucket) fails the comparison.
 *
 * Entries with the same hash are chained to the first of them; only this one is indexed.
 */
#include "index.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/*
 * The first run that is kept starts here, so that the last characters of a part don't need one:
 * runs at 3, 7, 11, ... meet each window of seven, which holds those at w, w + 1, w + 2 and w + 3.
 */
#define GRAM_STEP  (FUZZY_COMMON - INDEX_GRAM + 1)
#define GRAM_FIRST (GRAM_STEP - 1)

/*
 * Fewer buckets save memory, more save comparisons in vain. Below the least number (256 KiB) there
 * is nothing to save.
 */
#define POSTINGS_A_BUCKET 4
#define LEAST_BUCKET_BITS 16

#define AHEAD 16 /* entries whose slot is fetched from memory before it is needed */

/*
 * Zeroed memory that is going to be read here and there. Large pages spare most of the page walks;
 * asking for them is but a wish.
 */
static void *alloc_table(size_t count, size_t size)
{
	const uintptr_t page = 4096;
	void *p = alloc_zero(count, size);
	uintptr_t start = ((uintptr_t)p + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)p + count * size) & ~(page - 1);
	if (end > start + (4u << 20))
		(void)madvise((void *)start, end - start, MADV_HUGEPAGE);
	return p;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio, Knuth's multiplicative hashing */
	return h ^ h >> 29;
}

static uint64_t hash_bytes(uint64_t h, const char *p, size_t length)
{
	for (; length >= 8; p += 8, length -= 8)
		h = mix(h ^ le64(p));
	uint64_t rest = length;
	for (size_t i = 0; i < length; i++)
		rest = rest << 8 | (uint8_t)p[i];
	return mix(h ^ rest);
}

/*
 * Parts are alike only where this is equal: hashes of each type are indexed apart from the others.
 */
static uint64_t fuzzy_space(const struct fuzzy *fuzzy, int part)
{
	return (uint64_t)fuzzy->block_size << part | (uint64_t)(fuzzy->type - HASH_IMPFUZZY) << 60;
}

static uint64_t number_of_digits(unsigned int type, const char *digits)
{
	return mix(hash_bytes(type, digits, digits_length(type)));
}

static uint64_t number_of_fuzzy(const struct fuzzy *fuzzy)
{
	uint64_t h = hash_bytes(fuzzy_space(fuzzy, 0), fuzzy->part[0], fuzzy->length[0]);
	return mix(hash_bytes(h, fuzzy->part[1], fuzzy->length[1]));
}

uint32_t index_digits(const struct known *known, unsigned int type, const char *digits)
{
	const struct index *index = &known->index;
	for (size_t i = number_of_digits(type, digits);; i++) {
		uint32_t head = index->slots[i & index->slot_mask];
		if (!head)
			return 0;
		const struct known_entry *entry = &known->entries[head - 1];
		if (entry->type == type &&
		    !memcmp(entry_digits(known, entry), digits, digits_length(type)))
			return head;
	}
}

uint32_t index_fuzzy(const struct known *known, const struct fuzzy *fuzzy)
{
	const struct index *index = &known->index;
	for (size_t i = number_of_fuzzy(fuzzy);; i++) {
		uint32_t head = index->slots[i & index->slot_mask];
		if (!head)
			return 0;
		const struct known_entry *entry = &known->entries[head - 1];
		if (entry->type != fuzzy->type || entry->block_size != fuzzy->block_size)
			continue;
		struct fuzzy_buffer buffer;
		struct fuzzy theirs;
		entry_fuzzy(known, entry, &theirs, &buffer);
		if (fuzzy_equal(fuzzy, &theirs))
			return head;
	}
}

/* What tools give to a file without imports: the MD5 of nothing, or zeros (Sysmon). */
static const char empty_imphash[] = "d41d8cd98f00b204e9800998ecf8427e";
static const char zero_imphash[] = "00000000000000000000000000000000";

/* The SHA-256 of nothing, which programs give to what has no names. */
static const char empty_sha256[] =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* Are these digits the hash of nothing? */
static bool is_empty(unsigned int type, const char *digits)
{
	if (type != HASH_IMPHASH)
		return !memcmp(digits, empty_sha256, SHA256_LENGTH);
	return !memcmp(digits, empty_imphash, IMPHASH_LENGTH) ||
	       !memcmp(digits, zero_imphash, IMPHASH_LENGTH);
}

/* The hash of an entry's hash; false for that of an empty import list, which is not indexed. */
static bool entry_hash(const struct known *known, const struct known_entry *entry, uint64_t *hash)
{
	if (!entry_is_fuzzy(entry)) {
		const char *digits = entry_digits(known, entry);
		*hash = number_of_digits(entry->type, digits);
		return !is_empty(entry->type, digits);
	}
	struct fuzzy_buffer buffer;
	struct fuzzy fuzzy;
	entry_fuzzy(known, entry, &fuzzy, &buffer);
	*hash = number_of_fuzzy(&fuzzy);
	return !fuzzy_empty(&fuzzy);
}

static bool entries_equal(const struct known *known, const struct known_entry *a,
			  const struct known_entry *b)
{
	if (a->type != b->type || a->block_size != b->block_size)
		return false;
	if (!entry_is_fuzzy(a))
		return !memcmp(entry_digits(known, a), entry_digits(known, b),
			       digits_length(a->type));
	struct fuzzy_buffer buffer_a, buffer_b;
	struct fuzzy fuzzy_a, fuzzy_b;
	entry_fuzzy(known, a, &fuzzy_a, &buffer_a);
	entry_fuzzy(known, b, &fuzzy_b, &buffer_b);
	return fuzzy_equal(&fuzzy_a, &fuzzy_b);
}

/* Puts an entry into the table of equal hashes, as a head or behind the one there is. */
static void insert(struct known *known, size_t number, uint64_t hash)
{
	struct index *index = &known->index;
	struct known_entry *entry = &known->entries[number];
	for (size_t i = hash;; i++) {
		uint32_t *slot = &index->slots[i & index->slot_mask];
		if (!*slot) {
			*slot = (uint32_t)number + 1;
			entry->is_head = true;
			return;
		}
		struct known_entry *head = &known->entries[*slot - 1];
		if (entries_equal(known, head, entry)) {
			/* In front of the others: a chain of a hundred thousand isn't walked. */
			entry->next = head->next;
			head->next = (uint32_t)number + 1;
			return;
		}
	}
}

static void build_slots(struct known *known)
{
	struct index *index = &known->index;
	size_t slots = 16;
	while (slots < known->count + known->count / 2)
		slots *= 2;
	index->slots = alloc_table(slots, sizeof(*index->slots));
	index->slot_mask = slots - 1;

	/* A slot is a random place in memory: ask for it some entries ahead. */
	uint64_t hashes[AHEAD] = {0};
	bool used[AHEAD] = {0};
	for (size_t i = 0; i < known->count + AHEAD; i++) {
		if (i >= AHEAD && used[i % AHEAD])
			insert(known, i - AHEAD, hashes[i % AHEAD]);
		if (i >= known->count)
			continue;
		used[i % AHEAD] = entry_hash(known, &known->entries[i], &hashes[i % AHEAD]);
		__builtin_prefetch(&index->slots[hashes[i % AHEAD] & index->slot_mask], 1);
	}
}

static size_t bucket(const struct index *index, const char *gram, uint64_t space)
{
	return (size_t)(mix(le32(gram) * 0xd6e8feb86659fd93u + space) >> (64 - index->bucket_bits));
}

static struct postings postings_of(const struct index *index, size_t b)
{
	return (struct postings){
		.at = index->postings + index->starts[b] * index->posting_size,
		.end = index->postings + index->starts[b + 1] * index->posting_size,
	};
}

struct postings index_gram(const struct index *index, const char gram[INDEX_GRAM],
			   const struct fuzzy *fuzzy, int part)
{
	return postings_of(index, bucket(index, gram, fuzzy_space(fuzzy, part)));
}

struct postings index_gram_within(const struct index *index, const struct key_range *range,
				  const char gram[INDEX_GRAM], const struct fuzzy *fuzzy, int part)
{
	size_t b = bucket(index, gram, fuzzy_space(fuzzy, part));
	if (b < range->first || b >= range->end)
		return (struct postings){0};
	return postings_of(index, b);
}

struct key_range index_keys(const struct index *index, uint32_t part, uint32_t parts)
{
	size_t count = (size_t)1 << index->bucket_bits;
	if (!part)
		return (struct key_range){0, count};
	/* Both below 2^32: the products fit. */
	return (struct key_range){count * (part - 1) / parts, count * part / parts};
}

/* The buckets of the postings of one entry. */
struct entry_buckets {
	size_t number; /* of the entry */
	unsigned int count;
	size_t items[2 * FUZZY_PART_MAX / GRAM_STEP];
};

/* Finds them; none for an entry that is not indexed. */
static void find_buckets(const struct known *known, size_t number, struct entry_buckets *buckets)
{
	const struct known_entry *entry = &known->entries[number];
	buckets->number = number;
	buckets->count = 0;
	if (!entry->is_head || !entry_is_fuzzy(entry))
		return;
	struct fuzzy_buffer buffer;
	struct fuzzy fuzzy;
	entry_fuzzy(known, entry, &fuzzy, &buffer);
	for (int p = 0; p < 2; p++)
		for (unsigned int i = GRAM_FIRST; i + INDEX_GRAM <= fuzzy.length[p]; i += GRAM_STEP)
			buckets->items[buckets->count++] =
				bucket(&known->index, fuzzy.part[p] + i, fuzzy_space(&fuzzy, p));
}

/* How many postings all heads have, as far as the lengths as written tell: no fewer. */
static size_t count_postings(const struct known *known)
{
	size_t count = 0;
	for (size_t i = 0; i < known->count; i++)
		if (known->entries[i].is_head && entry_is_fuzzy(&known->entries[i]))
			count += (size_t)known->entries[i].length0 / GRAM_STEP +
				 (size_t)known->entries[i].length1 / GRAM_STEP;
	return count;
}

static void posting_write(struct index *index, uint32_t posting, uint32_t entry)
{
	uint8_t *at = index->postings + posting * index->posting_size;
	at[0] = (uint8_t)entry;
	at[1] = (uint8_t)(entry >> 8);
	at[2] = (uint8_t)(entry >> 16);
	if (index->posting_size == 4)
		at[3] = (uint8_t)(entry >> 24);
}

/* How many postings each bucket has. */
static void count_buckets(struct known *known)
{
	uint32_t *starts = known->index.starts;
	struct entry_buckets ahead[AHEAD] = {0};
	for (size_t i = 0; i < known->count + AHEAD; i++) {
		struct entry_buckets *buckets = &ahead[i % AHEAD];
		for (unsigned int k = 0; k < buckets->count; k++)
			starts[buckets->items[k]]++;
		buckets->count = 0;
		if (i < known->count)
			find_buckets(known, i, buckets);
		for (unsigned int k = 0; k < buckets->count; k++)
			__builtin_prefetch(&starts[buckets->items[k]], 1);
	}
}

/* Writes the postings from where each bucket ends backwards, and the last entry's first. */
static void write_postings(struct known *known)
{
	struct index *index = &known->index;
	struct entry_buckets ahead[AHEAD] = {0};
	for (size_t i = 0; i < known->count + AHEAD; i++) {
		struct entry_buckets *buckets = &ahead[i % AHEAD];
		for (unsigned int k = 0; k < buckets->count; k++)
			posting_write(index, --index->starts[buckets->items[k]],
				      (uint32_t)buckets->number);
		buckets->count = 0;
		if (i < known->count)
			find_buckets(known, known->count - 1 - i, buckets);
		for (unsigned int k = 0; k < buckets->count; k++)
			__builtin_prefetch(&index->starts[buckets->items[k]], 1);
		/* By now it is known where those of some entries before will go. */
		buckets = &ahead[(i + AHEAD / 2) % AHEAD];
		for (unsigned int k = 0; k < buckets->count; k++)
			__builtin_prefetch(
				index->postings +
					index->starts[buckets->items[k]] * index->posting_size - 1,
				1);
	}
}

/* A counting sort. */
static void build_postings(struct known *known)
{
	struct index *index = &known->index;
	size_t most = count_postings(known);
	index->bucket_bits = LEAST_BUCKET_BITS;
	while (most >> index->bucket_bits > POSTINGS_A_BUCKET)
		index->bucket_bits++;
	size_t bucket_count = (size_t)1 << index->bucket_bits;
	index->starts = alloc_table(bucket_count + 1, sizeof(*index->starts));

	count_buckets(known);
	uint32_t end = 0;
	for (size_t b = 0; b < bucket_count; b++)
		index->starts[b] = end += index->starts[b];
	index->starts[bucket_count] = end;

	index->posting_size = known->count < 1u << 24 ? 3 : 4;
	index->posting_mask = index->posting_size == 3 ? 0xffffff : 0xffffffff;
	index->postings = alloc_table(end * index->posting_size + 4, 1);
	write_postings(known);
}

void index_build(struct known *known)
{
	build_slots(known);
	build_postings(known);
}

void index_free(struct index *index)
{
	free(index->slots);
	free(index->starts);
	free(index->postings);
}
