/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decompressing Xpress with Huffman codes, by its specification ([MS-XCA], 2.1 and 2.2).
 *
 * For each 64 KB of output there are 256 bytes, the lengths of 512 codes (4 bits each, that of an
 * even symbol in the lower half; 0: the symbol does not occur), and a stream of bits. Codes are
 * canonical, by length and then by symbol. The stream is words of 16 bits, the first bit on top;
 * two are read ahead, and another one as soon as fewer than 16 bits are left over. Bytes that
 * continue a length stand behind the words that were read by then.
 *
 * Symbols below 256 are literals. Of the others the lower 4 bits are a match's length less 3, and
 * the upper 4 how many bits of the distance follow; its highest bit, which is 1, is left out.
 */
#include <impscan/xpress.h>

#include <impscan/bytes.h>

#include "xpress_match.h"

#define SYMBOLS	     512
#define LENGTHS_SIZE (SYMBOLS / 2) /* in bytes */
#define LONGEST	     15		   /* code, in bits */
#define END_OF_DATA  256	   /* where the input ends; a match of 3 elsewhere */

/* Codes up to so many bits are looked up directly; others are rare. */
#define DIRECT 11

struct codes {
	uint16_t direct[1 << DIRECT]; /* symbol << 4 | length of its code; 0: a longer code */
	uint16_t sorted[SYMBOLS];     /* symbols in the order of their codes */
	/* By length: the first code behind those of this length, at the upper end of 15 bits. */
	uint32_t end[LONGEST + 1];
	uint32_t first[LONGEST + 1]; /* place in sorted[] of code 0, were there one; may wrap */
};

static unsigned int length_of(const uint8_t *lengths, size_t symbol)
{
	return lengths[symbol / 2] >> (symbol % 2 * 4) & 15;
}

/* Counts symbols by the lengths of their codes; are these a complete prefix code? */
static bool count_lengths(const uint8_t *lengths, uint16_t counts[LONGEST + 1])
{
	memset(counts, 0, (LONGEST + 1) * sizeof(*counts));
	for (size_t symbol = 0; symbol < SYMBOLS; symbol++)
		counts[length_of(lengths, symbol)]++;
	uint32_t sum = 0;
	for (unsigned int length = 1; length <= LONGEST; length++)
		sum += (uint32_t)counts[length] << (LONGEST - length);
	return sum == UINT32_C(1) << LONGEST;
}

static bool build_codes(struct codes *codes, const uint8_t *lengths)
{
	uint16_t counts[LONGEST + 1], next[LONGEST + 2];
	if (!count_lengths(lengths, counts))
		return false;
	uint32_t code = 0;
	next[1] = 0;
	for (unsigned int length = 1; length <= LONGEST; length++) {
		codes->first[length] = next[length] - (code >> (LONGEST - length));
		code += (uint32_t)counts[length] << (LONGEST - length);
		codes->end[length] = code;
		next[length + 1] = (uint16_t)(next[length] + counts[length]);
	}
	for (size_t symbol = 0; symbol < SYMBOLS; symbol++) {
		unsigned int length = length_of(lengths, symbol);
		if (length)
			codes->sorted[next[length]++] = (uint16_t)symbol;
	}
	size_t at = 0, place = 0;
	for (unsigned int length = 1; length <= DIRECT; length++) {
		for (size_t i = 0; i < counts[length]; i++) {
			uint16_t entry =
				(uint16_t)((unsigned int)codes->sorted[place++] << 4 | length);
			for (size_t same = 0; same < (size_t)1 << (DIRECT - length); same++)
				codes->direct[at++] = entry;
		}
	}
	memset(codes->direct + at, 0, sizeof(codes->direct) - at * sizeof(*codes->direct));
	return true;
}

struct bits {
	const uint8_t *data;
	size_t size;
	size_t at;	      /* of the next word or byte */
	uint32_t next;	      /* bits read ahead, the first one on top */
	int extra;	      /* how many more than 16 these are */
	unsigned int missing; /* words that were read ahead behind the end of the input */
};

static inline uint32_t take_word(struct bits *bits)
{
	if (bits->size - bits->at < 2) {
		bits->missing++;
		return 0;
	}
	uint32_t word = le16(bits->data + bits->at);
	bits->at += 2;
	return word;
}

static void start_bits(struct bits *bits)
{
	bits->next = take_word(bits) << 16;
	bits->next |= take_word(bits);
	bits->extra = 16;
}

/* Takes `count` bits, at most 16. */
static inline void drop(struct bits *bits, unsigned int count)
{
	bits->next <<= count;
	bits->extra -= (int)count;
	if (bits->extra < 0) {
		bits->next |= take_word(bits) << -bits->extra;
		bits->extra += 16;
	}
}

/* Were bits taken that the input does not have? */
static inline bool ran_out(const struct bits *bits)
{
	return bits->missing && (int)bits->missing * 16 > bits->extra + 16;
}

static inline unsigned int take_symbol(struct bits *bits, const struct codes *codes)
{
	uint32_t entry = codes->direct[bits->next >> (32 - DIRECT)];
	if (entry) {
		drop(bits, entry & 15);
		return entry >> 4;
	}
	uint32_t code = bits->next >> (32 - LONGEST);
	unsigned int length = DIRECT + 1;
	while (code >= codes->end[length]) /* the code is complete: ends at LONGEST */
		length++;
	drop(bits, length);
	return codes->sorted[(codes->first[length] + (code >> (LONGEST - length))) % SYMBOLS];
}

/* The rest of a match's length, of which the symbol says 15. */
static bool long_length(struct bits *bits, uint64_t *length)
{
	if (bits->at == bits->size)
		return false;
	uint32_t part = bits->data[bits->at++];
	if (part < 255) {
		*length += part;
		return true;
	}
	if (bits->size - bits->at < 2)
		return false;
	part = le16(bits->data + bits->at);
	bits->at += 2;
	if (!part) {
		if (bits->size - bits->at < 4)
			return false;
		part = le32(bits->data + bits->at);
		bits->at += 4;
	}
	*length = part; /* the whole, less the minimum */
	return part >= 15;
}

/*
 * The same stream with up to 64 bits read ahead, for where the input goes on. What struct bits
 * would have read by then follows from how many bits are left: 16 to 31 of them, once a code was
 * taken.
 */
struct far_bits {
	uint64_t next;	   /* bits read ahead, the first one on top */
	unsigned int left; /* how many: 16 at least */
	size_t at;	   /* of the next word */
};

/* Bytes of input that must follow, so that reading ahead does not meet its end. */
#define FAR_INPUT 8

static inline void far_drop(struct far_bits *far, unsigned int count)
{
	far->next <<= count;
	far->left -= count;
}

/*
 * Reads two words where there is room for them. Then there are enough bits for a code and a
 * distance.
 */
static inline void far_fill(struct far_bits *far, const uint8_t *data)
{
	if (far->left > 32)
		return;
	uint32_t words = le32(data + far->at); /* the first one in the lower half */
	far->next |= (uint64_t)(words << 16 | words >> 16) << (32 - far->left);
	far->left += 32;
	far->at += 4;
}

/*
 * Gives back the words that struct bits would not have read yet. There must be 16 bits at least.
 */
static inline void far_return(struct far_bits *far)
{
	far->at -= 2 * ((size_t)(far->left / 16) - 1);
	far->left = 16 + far->left % 16;
	far->next &= ~UINT64_C(0) << (64 - far->left);
}

static inline unsigned int far_symbol(struct far_bits *far, const struct codes *codes)
{
	uint32_t entry = codes->direct[far->next >> (64 - DIRECT)];
	if (entry) {
		far_drop(far, entry & 15);
		return entry >> 4;
	}
	uint32_t code = (uint32_t)(far->next >> (64 - LONGEST));
	unsigned int length = DIRECT + 1;
	while (code >= codes->end[length])
		length++;
	far_drop(far, length);
	return codes->sorted[(codes->first[length] + (code >> (LONGEST - length))) % SYMBOLS];
}

/* long_length() for bits read far ahead. */
static bool far_long_length(struct far_bits *far, struct bits *bits, uint64_t *length)
{
	far_return(far);
	bits->at = far->at;
	bool there = long_length(bits, length);
	far->at = bits->at;
	return there;
}

/*
 * Decompresses as decompress_block() does, from `*at` on, until the end of the input is near or
 * `end` is reached. Returns false when the data is malformed. No end mark is met here, as the input
 * goes on.
 */
static bool decompress_far(struct bits *bits, const struct codes *codes, uint8_t *out,
			   size_t out_size, size_t end, size_t *at)
{
	struct far_bits far = {(uint64_t)bits->next << 32, 16 + (unsigned int)bits->extra,
			       bits->at};
	const uint8_t *const data = bits->data;
	const size_t size = bits->size;
	size_t to = *at;
	while (to < end && size - far.at >= FAR_INPUT) {
		far_fill(&far, data);
		unsigned int symbol = far_symbol(&far, codes);
		if (symbol < 256) {
			out[to++] = (uint8_t)symbol;
			continue;
		}
		uint64_t length = symbol & 15;
		unsigned int distance_bits = symbol >> 4 & 15;
		if (length == 15 && !far_long_length(&far, bits, &length))
			return false;
		size_t distance = (size_t)1 << distance_bits;
		if (distance_bits)
			distance |= (size_t)(far.next >> (64 - distance_bits));
		far_drop(&far, distance_bits);
		if (distance > to)
			return false;
		size_t count =
			(size_t)min_of(length + XPRESS_MATCH_MINIMUM, (uint64_t)(out_size - to));
		xpress_copy_match(out, out_size, to, distance, count);
		to += count;
	}
	if (to == *at)
		return true;
	*at = to;
	if (far.left >= 16)
		far_return(&far);
	bits->at = far.at;
	bits->next = (uint32_t)(far.next >> 32);
	bits->extra = (int)far.left - 16;
	drop(bits, 0);
	return true;
}

/*
 * Decompresses up to `end`, or the end of the input. Returns where the output ends, or -1.
 *
 * The end mark is also a match of 3 bytes, which may be the last. So it ends the data only if what
 * seems to follow it is more than the input has.
 */
static ptrdiff_t decompress_block(struct bits *bits, const struct codes *codes, uint8_t *out,
				  size_t out_size, size_t end, size_t at)
{
	ptrdiff_t marked = -1; /* where the last end mark was */
	if (!decompress_far(bits, codes, out, out_size, end, &at))
		return -1;
	while (at < end) {
		unsigned int symbol = take_symbol(bits, codes);
		if (symbol < 256) {
			out[at++] = (uint8_t)symbol;
			if (ran_out(bits))
				return marked;
			continue;
		}
		if (symbol == END_OF_DATA && bits->at == bits->size && !ran_out(bits))
			marked = (ptrdiff_t)at;
		uint64_t length = symbol & 15;
		unsigned int distance_bits = symbol >> 4 & 15;
		if (length == 15 && !long_length(bits, &length))
			return marked;
		size_t distance = (size_t)1 << distance_bits;
		if (distance_bits) {
			distance |= bits->next >> (32 - distance_bits);
			drop(bits, distance_bits);
		}
		if (distance > at || ran_out(bits))
			return marked;
		size_t count =
			(size_t)min_of(length + XPRESS_MATCH_MINIMUM, (uint64_t)(out_size - at));
		xpress_copy_match(out, out_size, at, distance, count);
		at += count;
	}
	return ran_out(bits) ? marked : (ptrdiff_t)at;
}

ptrdiff_t xpress_huffman_decompress(const uint8_t *in, size_t in_size, uint8_t *out,
				    size_t out_size)
{
	struct bits bits = {.data = in, .size = in_size};
	struct codes codes;
	size_t written = 0;
	while (written < out_size && bits.at < bits.size) {
		if (bits.size - bits.at < LENGTHS_SIZE || !build_codes(&codes, in + bits.at))
			return -1;
		bits.at += LENGTHS_SIZE;
		start_bits(&bits);
		const size_t end =
			written + min_of(out_size - written, (size_t)XPRESS_HUFFMAN_BLOCK);
		ptrdiff_t at = decompress_block(&bits, &codes, out, out_size, end, written);
		if (at < 0)
			return -1;
		bool ended = (size_t)at < out_size && (size_t)at - written < XPRESS_HUFFMAN_BLOCK;
		written = (size_t)at;
		if (ended)
			break;
	}
	return (ptrdiff_t)written;
}

ptrdiff_t xpress_huffman_go_on(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size,
			       size_t wanted, struct xpress_progress *progress)
{
	struct bits bits = {.data = in, .size = in_size, .at = LENGTHS_SIZE};
	struct codes codes;
	if (in_size < LENGTHS_SIZE || out_size > XPRESS_HUFFMAN_BLOCK || !build_codes(&codes, in))
		return -1;
	if (progress->at) {
		bits.at = progress->at;
		bits.next = progress->ahead;
		bits.extra = (int)progress->left;
		bits.missing = progress->other;
	} else {
		start_bits(&bits);
	}
	ptrdiff_t at = progress->written;
	if (progress->written < wanted)
		at = decompress_block(&bits, &codes, out, out_size, wanted, progress->written);
	if (at < 0)
		return -1;
	*progress = (struct xpress_progress){(uint32_t)at, (uint32_t)bits.at, bits.next,
					     (uint32_t)bits.extra, bits.missing};
	return at;
}

bool xpress_huffman_probe(const uint8_t *in, size_t in_size)
{
	uint16_t counts[LONGEST + 1];
	return in_size >= LENGTHS_SIZE && count_lengths(in, counts);
}
