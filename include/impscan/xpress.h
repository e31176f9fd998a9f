/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decompressing what Windows compresses its memory with: Xpress, plain LZ77 or with Huffman codes
 * ([MS-XCA]). Input may be hostile: nothing is read or written outside of the buffers.
 *
 * Room: base.
 */
#ifndef IMPSCAN_XPRESS_H
#define IMPSCAN_XPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decompresses plain LZ77 ([MS-XCA] 2.4), until `out` is full or the input ends. Returns the number
 * of bytes written, or -1 for malformed input.
 */
ptrdiff_t xpress_decompress(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size);

/*
 * Decompresses LZ77 with Huffman codes ([MS-XCA] 2.2), until `out` is full or the input ends.
 * Returns the number of bytes written, or -1 for malformed input. `out_size` should be the size of
 * what was compressed: the end mark can't always be told from a match.
 */
ptrdiff_t xpress_huffman_decompress(const uint8_t *in, size_t in_size, uint8_t *out,
				    size_t out_size);

/*
 * How far the decompression of one input got; all zero before it begins. It is small, since it is
 * kept of each piece of an image.
 */
struct xpress_progress {
	uint32_t written; /* bytes of output */
	uint32_t at;	  /* offset in the input */
	/* Of plain LZ77: flags, how many of them are left, and the offset of half a byte, or 0 */
	/* With Huffman codes: bits read ahead, how many more than 16, words that there were not */
	uint32_t ahead, left, other;
};

/*
 * Go on with a decompression, until at least `wanted` bytes of the output are there, at most
 * `out_size`, or the input ends. `in` and `out_size` must be those of the call before, and `out`
 * have what it wrote. With Huffman codes the output is at most XPRESS_HUFFMAN_BLOCK bytes. Return
 * how many there are, or -1 for malformed input; then it can't go on.
 */
ptrdiff_t xpress_go_on(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size,
		       size_t wanted, struct xpress_progress *progress);
ptrdiff_t xpress_huffman_go_on(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size,
			       size_t wanted, struct xpress_progress *progress);

/* Output for which one table of Huffman codes stands. */
#define XPRESS_HUFFMAN_BLOCK 65536

/*
 * Returns whether input can be LZ77 with Huffman codes: whether it begins with the lengths of a
 * complete prefix code.
 */
bool xpress_huffman_probe(const uint8_t *in, size_t in_size);

#endif
