/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as data compressed with Huffman codes: nothing outside of the buffers is touched, and
 * what the tests' compressor makes of the bytes comes back.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/xpress.h>
#include <writer/xpress.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LENGTHS = 256, MOST = 65536 };

/* Decompresses in buffers of just the size, so that one byte too many is seen. */
static void decompress(const uint8_t *data, size_t size, size_t room)
{
	uint8_t *in = malloc(size + 1), *out = malloc(room);
	memcpy(in, data, size);
	ptrdiff_t written = xpress_huffman_decompress(in, size, out, room);
	if (written < -1 || written > (ptrdiff_t)room)
		abort();
	if (room <= XPRESS_HUFFMAN_BLOCK && size) {
		uint8_t *parts = malloc(room);
		struct xpress_progress progress = {0};
		size_t wanted = 0;
		while (progress.written < room) {
			wanted = wanted + data[0] + 1 < room ? wanted + data[0] + 1 : room;
			ptrdiff_t there =
				xpress_huffman_go_on(in, size, parts, room, wanted, &progress);
			if (there > (ptrdiff_t)room)
				abort();
			if (there < (ptrdiff_t)wanted)
				break;
		}
		/* What is whole comes to the same in parts. */
		if (written == (ptrdiff_t)room &&
		    (progress.written != room || memcmp(parts, out, room)))
			abort();
		free(parts);
	}
	free(in);
	free(out);
}

/*
 * Makes the data's first byte choose a compressed text whose codes are sound, and changes what
 * follows them.
 */
static void decompress_damaged(const uint8_t *data, size_t size, size_t room)
{
	static const char text[] = "a rose is a rose is a rose is a rose, and so on and so on";
	uint8_t packed[1024];
	size_t packed_size = xpress_huffman_compress((const uint8_t *)text, size % sizeof(text) + 1,
						     packed, sizeof(packed));
	if (packed_size < LENGTHS + size && size < sizeof(packed) - LENGTHS)
		packed_size = LENGTHS + size;
	for (size_t i = 0; i < size && LENGTHS + i < packed_size; i++)
		packed[LENGTHS + i] ^= data[i];
	decompress(packed, packed_size, room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = size ? (size_t)data[0] * 517 + 1 : 4096;
	decompress(data, size, room);
	decompress_damaged(data, size, room);
	if (size && size <= MOST) {
		uint8_t *packed = malloc(2 * size + 1024), *back = malloc(size);
		size_t packed_size = xpress_huffman_compress(data, size, packed, 2 * size + 1024);
		if (!packed_size ||
		    xpress_huffman_decompress(packed, packed_size, back, size) != (ptrdiff_t)size ||
		    memcmp(back, data, size))
			abort();
		free(packed);
		free(back);
	}
	return 0;
}
