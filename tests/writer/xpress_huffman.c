/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A compressor for LZ77 of Xpress with Huffman codes, from [MS-XCA] 2.1: greedy, by a table of the
 * places where three bytes were seen last; codes by Huffman's algorithm, over rarer and rarer
 * counts until none is too long.
 */
#include <writer/xpress.h>

#include <stdbool.h>

#include <writer/util.h>

enum {
	HASH_SIZE = 32768,
	WINDOW = 65535,
	SHORTEST = 3,
	SYMBOLS = 512,
	END = 256,
	LONGEST = 15, /* code */
	LENGTHS_SIZE = SYMBOLS / 2,
	MOST = 65536, /* input */
};

/* A literal (distance 0, the byte in `length`) or a match. */
struct item {
	uint32_t distance, length;
};

static unsigned int hash(const uint8_t *p)
{
	return (uint32_t)util_get(p, 3) * 2654435761u >> 17; /* 15 bits: HASH_SIZE */
}

static size_t find_items(const uint8_t *in, size_t size, struct item *items)
{
	uint32_t *last = util_alloc(HASH_SIZE, sizeof(*last)); /* position + 1 */
	size_t count = 0;
	for (size_t at = 0; at < size;) {
		size_t length = 0, from = 0;
		if (size - at >= SHORTEST) {
			uint32_t *slot = &last[hash(in + at)];
			from = *slot;
			*slot = (uint32_t)at + 1;
			if (from && at - (from - 1) <= WINDOW)
				while (at + length < size &&
				       in[from - 1 + length] == in[at + length])
					length++;
		}
		if (length < SHORTEST) {
			items[count++] = (struct item){0, in[at++]};
			continue;
		}
		items[count++] = (struct item){(uint32_t)(at - (from - 1)), (uint32_t)length};
		at += length;
	}
	free(last);
	return count;
}

static unsigned int top_bit(uint32_t value)
{
	unsigned int bit = 0;
	while (value >> (bit + 1))
		bit++;
	return bit;
}

static unsigned int symbol_of(struct item item)
{
	if (!item.distance)
		return item.length;
	uint32_t rest = item.length - SHORTEST;
	return END + (top_bit(item.distance) << 4) + (rest < 15 ? rest : 15);
}

/* Huffman's algorithm, quadratic. Returns the length of the longest code. */
static unsigned int code_lengths(const uint32_t *counts, uint8_t *lengths)
{
	uint32_t weight[2 * SYMBOLS];
	int parent[2 * SYMBOLS];
	int live[SYMBOLS], alive = 0, nodes = SYMBOLS;
	for (int i = 0; i < SYMBOLS; i++) {
		weight[i] = counts[i];
		parent[i] = -1;
		if (counts[i])
			live[alive++] = i;
	}
	while (alive > 1) {
		int least = 0, second = 1;
		for (int i = 1; i < alive; i++) {
			if (weight[live[i]] < weight[live[least]]) {
				second = least;
				least = i;
			} else if (i != least &&
				   (second == least || weight[live[i]] < weight[live[second]])) {
				second = i;
			}
		}
		weight[nodes] = weight[live[least]] + weight[live[second]];
		parent[nodes] = -1;
		parent[live[least]] = parent[live[second]] = nodes;
		live[least] = nodes++;
		live[second] = live[--alive];
	}
	unsigned int longest = 0;
	for (int i = 0; i < SYMBOLS; i++) {
		unsigned int length = 0;
		for (int up = parent[i]; up >= 0; up = parent[up])
			length++;
		lengths[i] = (uint8_t)length;
		if (length > longest)
			longest = length;
	}
	return longest;
}

static void limited_lengths(uint32_t *counts, uint8_t *lengths)
{
	/* One symbol alone has no code: give it a neighbour. */
	unsigned int used = 0;
	for (unsigned int i = 0; i < SYMBOLS; i++)
		used += counts[i] != 0;
	if (used == 1)
		counts[counts[0] ? 1 : 0] = 1;
	while (code_lengths(counts, lengths) > LONGEST) {
		for (unsigned int i = 0; i < SYMBOLS; i++)
			if (counts[i])
				counts[i] = counts[i] / 2 + 1;
	}
}

/* Canonical codes: by length, then by symbol. */
static void assign_codes(const uint8_t *lengths, uint16_t *codes)
{
	uint32_t code = 0;
	for (unsigned int length = 1; length <= LONGEST; length++, code <<= 1) {
		for (unsigned int i = 0; i < SYMBOLS; i++) {
			if (lengths[i] == length)
				codes[i] = (uint16_t)code++;
		}
	}
}

/* 2.1.4.3: two places for words are kept ahead of the bytes. */
struct output {
	uint8_t *data;
	size_t size, at;
	size_t first, second; /* where the next two words go */
	uint32_t word;
	unsigned int free; /* bits in it */
	bool full;
};

static size_t reserve(struct output *out, size_t size)
{
	if (out->size - out->at < size) {
		out->full = true;
		return 0;
	}
	out->at += size;
	return out->at - size;
}

static void put_bytes(struct output *out, uint64_t value, unsigned int size)
{
	size_t at = reserve(out, size);
	if (!out->full)
		util_put(out->data + at, value, size);
}

static void put_bits(struct output *out, uint32_t bits, unsigned int count)
{
	if (out->free >= count) {
		out->free -= count;
		out->word = out->word << count | bits;
		return;
	}
	unsigned int rest = count - out->free;
	util_put(out->data + out->first, out->word << out->free | bits >> rest, 2);
	out->first = out->second;
	out->second = reserve(out, 2);
	out->free = 16 - rest;
	out->word = bits & ((1u << rest) - 1);
}

static void put_item(struct output *out, struct item item, const uint8_t *lengths,
		     const uint16_t *codes)
{
	unsigned int symbol = symbol_of(item);
	put_bits(out, codes[symbol], lengths[symbol]);
	if (!item.distance)
		return;
	uint32_t rest = item.length - SHORTEST;
	if (rest >= 15) {
		if (rest - 15 < 255) {
			put_bytes(out, rest - 15, 1);
		} else {
			put_bytes(out, 255, 1);
			put_bytes(out, rest, 2); /* MOST: it fits */
		}
	}
	unsigned int bits = top_bit(item.distance);
	put_bits(out, item.distance - (1u << bits), bits);
}

size_t xpress_huffman_compress(const uint8_t *in, size_t in_size, uint8_t *out_data, size_t size)
{
	if (in_size > MOST)
		util_die("more than 64 KB to compress at once");
	struct output out = {.data = out_data, .size = size, .free = 16};
	if (size < LENGTHS_SIZE + 4)
		return 0;
	struct item *items = util_alloc(in_size + 1, sizeof(*items));
	size_t count = find_items(in, in_size, items);
	uint32_t counts[SYMBOLS] = {[END] = 1};
	for (size_t i = 0; i < count; i++)
		counts[symbol_of(items[i])]++;
	uint8_t lengths[SYMBOLS];
	uint16_t codes[SYMBOLS];
	limited_lengths(counts, lengths);
	assign_codes(lengths, codes);
	for (unsigned int i = 0; i < LENGTHS_SIZE; i++)
		put_bytes(&out, lengths[2 * i] | (uint64_t)lengths[2 * i + 1] << 4, 1);
	out.first = reserve(&out, 2);
	out.second = reserve(&out, 2);
	for (size_t i = 0; i < count && !out.full; i++)
		put_item(&out, items[i], lengths, codes);
	put_bits(&out, codes[END], lengths[END]);
	util_put(out.data + out.first, out.word << out.free, 2);
	util_put(out.data + out.second, 0, 2);
	free(items);
	return out.full ? 0 : out.at;
}
