/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decompressing Xpress, plain LZ77, by its specification ([MS-XCA], 2.3 and 2.4).
 *
 * The stream is a series of groups: 32 flags, most significant first, then for each flag a literal
 * byte (0) or a match (1). A match has 16 bits: distance - 1 in the upper 13, length - 3 in the
 * lower 3. A length that does not fit continues in 4 bits (two matches share a byte, the first one
 * its lower half), then in a byte, then in 16 bits and finally in 32.
 */
#include <impscan/xpress.h>

#include <impscan/bytes.h>

#include "xpress_match.h"

struct input {
	const uint8_t *data;
	size_t size;
	size_t at;
	size_t nibble; /* offset of the byte whose upper half is the next 4 bits; 0: none */
};

/* `bytes` little-endian bytes (1, 2 or 4); false at the end. */
static bool take(struct input *in, unsigned int bytes, uint32_t *value)
{
	if (in->size - in->at < bytes)
		return false;
	const uint8_t *p = in->data + in->at;
	*value = bytes == 1 ? *p : bytes == 2 ? le16(p) : le32(p);
	in->at += bytes;
	return true;
}

/* The rest of a match's length, of which `length` is what the match itself says. */
static bool long_length(struct input *in, uint32_t *length)
{
	uint32_t part;
	if (in->nibble) {
		part = in->data[in->nibble] >> 4;
		in->nibble = 0;
	} else {
		in->nibble = in->at;
		if (!take(in, 1, &part))
			return false;
		part &= 15;
	}
	if (part == 15) {
		if (!take(in, 1, &part))
			return false;
		if (part == 255) {
			if (!take(in, 2, &part))
				return false;
			if (!part && !take(in, 4, &part))
				return false;
			if (part < 15 + 7)
				return false;
			*length = part; /* the whole, less the minimum */
			return true;
		}
		part += 15;
	}
	*length += part;
	return true;
}

/*
 * Copies literals while flags say so and there is room on both sides, eight at a time. Returns how
 * many.
 */
static size_t copy_literals(struct input *in, uint32_t flags, unsigned int left, uint8_t *out,
			    size_t room)
{
	const size_t step = 8;
	uint32_t ahead = left < 32 ? flags << (32 - left) : flags; /* the next flag on top */
	size_t count = ahead ? (size_t)__builtin_clz(ahead) : 32;
	count = min_of(count, (size_t)left);
	if (in->size - in->at < count + step || room < count + step)
		return 0;
	for (size_t i = 0; i < count; i += step)
		memcpy(out + i, in->data + in->at + i, step);
	in->at += count;
	return count;
}

ptrdiff_t xpress_go_on(const uint8_t *in_data, size_t in_size, uint8_t *out, size_t out_size,
		       size_t wanted, struct xpress_progress *progress)
{
	struct input in = {in_data, in_size, progress->at, progress->other};
	size_t written = progress->written;
	uint32_t flags = progress->ahead;
	unsigned int left = progress->left;
	while (written < wanted) {
		if (!left) {
			if (!take(&in, 4, &flags)) {
				if (in.at != in.size)
					return -1;
				break;
			}
			left = 32;
		}
		size_t literals =
			copy_literals(&in, flags, left, out + written, out_size - written);
		if (literals) {
			written += literals;
			left -= (unsigned int)literals;
			continue;
		}
		left--;
		uint32_t value;
		if (!(flags >> left & 1)) {
			if (!take(&in, 1, &value))
				return -1;
			out[written++] = (uint8_t)value;
			continue;
		}
		if (in.at == in.size)
			break; /* the end, as the compressor marks it */
		if (!take(&in, 2, &value))
			return -1;
		size_t distance = (value >> 3) + 1;
		uint32_t length = value & 7;
		if (length == 7 && !long_length(&in, &length))
			return -1;
		/* length + 3 could wrap: one that large is cut at the end of the output anyway */
		size_t count = min_of((uint64_t)length + XPRESS_MATCH_MINIMUM, out_size - written);
		if (distance > written)
			return -1;
		xpress_copy_match(out, out_size, written, distance, count);
		written += count;
	}
	*progress = (struct xpress_progress){(uint32_t)written, (uint32_t)in.at, flags, left,
					     (uint32_t)in.nibble};
	return (ptrdiff_t)written;
}

ptrdiff_t xpress_decompress(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size)
{
	struct xpress_progress progress = {0};
	return xpress_go_on(in, in_size, out, out_size, out_size, &progress);
}
