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
 * Returns whether input can be LZ77 with Huffman codes: whether it begins with the lengths of a
 * complete prefix code.
 */
bool xpress_huffman_probe(const uint8_t *in, size_t in_size);

#endif
