/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as compressed data: nothing outside of the buffers is touched, and what the tests'
 * compressor makes of the bytes comes back.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/xpress.h>
#include <writer/util.h>
#include <writer/xpress.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Buffers of just the size, so that one byte too many is seen. */
	size_t room = size ? (size_t)data[0] * 17 + 1 : 4096;
	uint8_t *in = malloc(size + 1), *out = malloc(room);
	memcpy(in, data, size);
	ptrdiff_t written = xpress_decompress(in, size, out, room);
	if (written < -1 || written > (ptrdiff_t)room)
		abort();
	uint8_t *parts = malloc(room);
	struct xpress_progress progress = {0};
	const size_t step = size > 1 ? data[1] + (size_t)1 : room;
	for (size_t wanted = 0; progress.written < room;) {
		wanted = wanted + step < room ? wanted + step : room;
		if (xpress_go_on(in, size, parts, room, wanted, &progress) < (ptrdiff_t)wanted)
			break;
	}
	/* What is whole comes to the same in parts. */
	if (written == (ptrdiff_t)room && (progress.written != room || memcmp(parts, out, room)))
		abort();
	free(parts);
	free(in);
	free(out);

	if (size) {
		uint8_t *packed = malloc(2 * size + 64);
		size_t packed_size = xpress_compress(data, size, packed, 2 * size + 64);
		uint8_t *back = malloc(size);
		if (!packed_size ||
		    xpress_decompress(packed, packed_size, back, size) != (ptrdiff_t)size ||
		    memcmp(back, data, size))
			abort();
		free(packed);
		free(back);
	}
	return 0;
}
