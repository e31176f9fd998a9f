/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compressors for what impscan decompresses: Xpress ([MS-XCA]). Nothing is shared with impscan. */
#ifndef WRITER_XPRESS_H
#define WRITER_XPRESS_H

#include <stddef.h>
#include <stdint.h>

/* Plain LZ77 (2.3): bytes written, or 0 when they don't fit into `size`. */
size_t xpress_compress(const uint8_t *in, size_t in_size, uint8_t *out, size_t size);

/*
 * LZ77 with Huffman codes (2.1) of at most 64 KB: bytes written, or 0 when they don't fit into
 * `size`.
 */
size_t xpress_huffman_compress(const uint8_t *in, size_t in_size, uint8_t *out, size_t size);

#endif
