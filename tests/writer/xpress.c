/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A compressor for plain LZ77 of Xpress, from [MS-XCA] 2.3: greedy, by a table of the places where
 * three bytes were seen last.
 */
#include <writer/xpress.h>

#include <writer/util.h>

enum { HASH_SIZE = 4096, WINDOW = 8192, SHORTEST = 3 };

struct output {
	uint8_t *data;
	size_t size, at;
	size_t flags; /* where the flags of this group are */
	unsigned int count;
	size_t nibble; /* where a length's upper half is free; 0: nowhere */
	bool full;
};

static void put(struct output *out, uint64_t value, unsigned int size)
{
	if (out->size - out->at < size) {
		out->full = true;
		return;
	}
	util_put(out->data + out->at, value, size);
	out->at += size;
}

/* One flag; the next group's flags get their place when this one is full. */
static void put_flag(struct output *out, bool match)
{
	if (out->count == 32) {
		out->flags = out->at;
		out->count = 0;
		put(out, 0, 4);
	}
	if (!out->full && match) {
		uint64_t flags = util_get(out->data + out->flags, 4);
		util_put(out->data + out->flags, flags | UINT64_C(1) << (31 - out->count), 4);
	}
	out->count++;
}

static void put_match(struct output *out, size_t distance, size_t length)
{
	size_t rest = length - SHORTEST;
	put_flag(out, true);
	put(out, (distance - 1) << 3 | (rest < 7 ? rest : 7), 2);
	if (rest < 7)
		return;
	rest -= 7;
	size_t nibble = rest < 15 ? rest : 15;
	if (out->nibble) {
		out->data[out->nibble] |= (uint8_t)(nibble << 4);
		out->nibble = 0;
	} else {
		out->nibble = out->at;
		put(out, nibble, 1);
	}
	if (rest < 15)
		return;
	rest -= 15;
	if (rest < 255) {
		put(out, rest, 1);
		return;
	}
	put(out, 255, 1);
	rest += 15 + 7;
	put(out, rest < 65536 ? rest : 0, 2);
	if (rest >= 65536)
		put(out, rest, 4);
}

static unsigned int hash(const uint8_t *p)
{
	return (uint32_t)util_get(p, 3) * 2654435761u >> 20; /* 12 bits: HASH_SIZE */
}

size_t xpress_compress(const uint8_t *in, size_t in_size, uint8_t *out_data, size_t size)
{
	struct output out = {.data = out_data, .size = size, .count = 32};
	size_t *last = util_alloc(HASH_SIZE, sizeof(*last)); /* position + 1 */
	for (size_t at = 0; at < in_size && !out.full;) {
		size_t length = 0, from = 0;
		if (in_size - at >= SHORTEST) {
			size_t *slot = &last[hash(in + at)];
			from = *slot;
			*slot = at + 1;
			if (from && at - (from - 1) <= WINDOW)
				while (at + length < in_size &&
				       in[from - 1 + length] == in[at + length])
					length++;
		}
		if (length < SHORTEST) {
			put_flag(&out, false);
			put(&out, in[at++], 1);
			continue;
		}
		put_match(&out, at - (from - 1), length);
		at += length;
	}
	/* The flags that are left over say "match": that is the end. */
	while (out.count % 32)
		put_flag(&out, true);
	free(last);
	return out.full ? 0 : out.at;
}
