/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which samples of lists are in a set already: feeds name one hash of one family for thousands of
 * files. A table of 8 bytes a sample, which is released when the set is sealed.
 */
#include "seen.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

#define ENTRY_BITS 28 /* KNOWN_MAX fits; the other bits of a slot are of the hash */
#define ENTRY_MASK ((1ull << ENTRY_BITS) - 1)

static uint64_t add(uint64_t h, struct slice s)
{
	for (; s.length >= 8; s.at += 8, s.length -= 8) {
		h = (h ^ le64(s.at)) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	for (size_t i = 0; i < s.length; i++)
		h = (h ^ (uint8_t)s.at[i]) * 0x100000001b3u; /* FNV's prime */
	h = (h ^ 0xff) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

/* Is this the text at `*at`, up to its NUL? Moves `*at` behind it. */
static bool is_text(const char **at, struct slice s)
{
	size_t length = strlen(*at);
	bool equal = length == s.length && (!length || !memcmp(*at, s.at, length));
	*at += length + 1;
	return equal;
}

/* Are the hashes of the sample whose first entry this is the same, with the same name? */
static bool is_sample(const struct known *known, size_t entry, const struct slice *hashes,
		      size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++, entry++) {
		if (entry >= known->count || known->entries[entry].place != i)
			return false;
		const char *at = known->text + known->entries[entry].text;
		if (!is_text(&at, hashes[i]) || !is_text(&at, name))
			return false;
	}
	return entry >= known->count || !known->entries[entry].place;
}

static void put(struct known_seen *seen, uint64_t slot)
{
	size_t i = slot >> ENTRY_BITS;
	while (seen->slots[i & seen->mask])
		i++;
	seen->slots[i & seen->mask] = slot;
}

static void grow(struct known_seen *seen)
{
	struct known_seen larger = {.mask = seen->mask ? seen->mask * 2 + 1 : 1023,
				    .count = seen->count};
	larger.slots = alloc_zero(larger.mask + 1, sizeof(*larger.slots));
	for (size_t i = 0; seen->slots && i <= seen->mask; i++)
		if (seen->slots[i])
			put(&larger, seen->slots[i]);
	free(seen->slots);
	*seen = larger;
}

bool known_seen(struct known *known, const struct slice *hashes, size_t count, struct slice name)
{
	struct known_seen *seen = &known->seen;
	uint64_t h = 0;
	for (size_t i = 0; i < count; i++)
		h = add(h, hashes[i]);
	h = add(h, name);
	if (seen->count >= seen->mask / 4 * 3)
		grow(seen);
	uint64_t tag = h & ~ENTRY_MASK;
	for (size_t i = tag >> ENTRY_BITS;; i++) {
		uint64_t slot = seen->slots[i & seen->mask];
		if (!slot) {
			seen->slots[i & seen->mask] = tag | (known->count + 1);
			seen->count++;
			return false;
		}
		if ((slot & ~ENTRY_MASK) == tag &&
		    is_sample(known, (size_t)(slot & ENTRY_MASK) - 1, hashes, count, name))
			return true;
	}
}

void known_seen_free(struct known_seen *seen)
{
	free(seen->slots);
	*seen = (struct known_seen){0};
}
