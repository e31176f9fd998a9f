/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * base: Xpress with Huffman codes, by an example, by a compressor of the tests and, where it is
 * installed, by libwim.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#ifdef HAVE_LIBWIM
#include <wimlib.h>
#endif

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>
#include <impscan/xpress.h>
#include <writer/util.h>
#include <writer/xpress.h>

enum { LENGTHS = 256, BLOCK = 65536, ROOM = 2 * BLOCK };

/* The alphabet: codes of 5 bits for a to z but the last three, and the end of data. */
static size_t alphabet(uint8_t in[LENGTHS + 20])
{
	static const uint8_t stream[] = {0xd8, 0x52, 0x3e, 0xd7, 0x94, 0x11, 0x5b,
					 0xe9, 0x19, 0x5f, 0xf9, 0xd6, 0x7c, 0xdf,
					 0x8d, 0x04, 0x00, 0x00, 0x00, 0x00};
	memset(in, 0, LENGTHS);
	in[48] = 0x50;
	memset(in + 49, 0x55, 10);
	memcpy(in + 59, "\x45\x44\x04", 3);
	in[128] = 0x04;
	memcpy(in + LENGTHS, stream, sizeof(stream));
	return LENGTHS + sizeof(stream);
}

static void example(void **state)
{
	(void)state;
	uint8_t in[LENGTHS + 20], out[64];
	size_t size = alphabet(in);
	assert_true(xpress_huffman_probe(in, size));
	assert_int_equal(xpress_huffman_decompress(in, size, out, sizeof(out)), 26);
	assert_memory_equal(out, "abcdefghijklmnopqrstuvwxyz", 26);
	/* no more than there is room for */
	memset(out, 0, sizeof(out));
	assert_int_equal(xpress_huffman_decompress(in, size, out, 10), 10);
	assert_int_equal(out[10], 0);
	assert_int_equal(xpress_huffman_decompress(in, 0, out, 10), 0);
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	uint8_t in[LENGTHS + 20], out[64];
	size_t size = alphabet(in);
	/* cut anywhere: all that is left could have been read, or it fails */
	for (size_t cut = 1; cut < LENGTHS; cut++)
		assert_int_equal(xpress_huffman_decompress(in, cut, out, 26), -1);
	for (size_t cut = LENGTHS; cut < LENGTHS + 16; cut++)
		assert_int_equal(xpress_huffman_decompress(in, cut, out, 26), -1);
	assert_false(xpress_huffman_probe(in, LENGTHS - 1));
	/* codes that are no complete prefix code: too few, too many, none */
	in[128] = 0;
	assert_false(xpress_huffman_probe(in, size));
	assert_int_equal(xpress_huffman_decompress(in, size, out, 26), -1);
	in[128] = 0x03;
	assert_int_equal(xpress_huffman_decompress(in, size, out, 26), -1);
	memset(in, 0, LENGTHS);
	assert_int_equal(xpress_huffman_decompress(in, size, out, 26), -1);
}

/* Two codes of one bit: 0 a literal, 1 the symbol `match`. */
static void two_codes(uint8_t *in, unsigned int match, const void *stream, size_t size)
{
	memset(in, 0, LENGTHS);
	in['a' / 2] |= (uint8_t)(1u << ('a' % 2 * 4));
	in[match / 2] |= (uint8_t)(1u << (match % 2 * 4));
	memcpy(in + LENGTHS, stream, size);
}

static void lengths_of_all_forms(void **state)
{
	(void)state;
	enum { SYMBOL = 256 + 15 }; /* distance 1, a long length */
	uint8_t in[LENGTHS + 16];
	_cleanup_free_ uint8_t *out = alloc_zero(ROOM, 1);
	/* bits 0 (the literal) 1 (the match): 0x4000; the bytes are behind two words */
	two_codes(in, SYMBOL, "\x00\x40\x00\x00\x07", 5);
	assert_int_equal(xpress_huffman_decompress(in, LENGTHS + 5, out, 26), 26);
	for (size_t i = 0; i < 26; i++)
		assert_int_equal(out[i], 'a');
	two_codes(in, SYMBOL, "\x00\x40\x00\x00\xff\x10\x01", 7);
	assert_int_equal(xpress_huffman_decompress(in, LENGTHS + 7, out, 1 + 0x110 + 3), 0x114);
	assert_int_equal(out[0x113], 'a');
	two_codes(in, SYMBOL, "\x00\x40\x00\x00\xff\x00\x00\x00\x00\x01\x00", 11);
	assert_int_equal(xpress_huffman_decompress(in, LENGTHS + 11, out, ROOM), BLOCK + 4);
	assert_int_equal(xpress_huffman_decompress(in, LENGTHS + 11, out, BLOCK), BLOCK);
	assert_int_equal(out[BLOCK - 1], 'a');
	/* no byte, no 16 bits, no 32 bits, less than it could be, too far back */
	for (size_t size = 4; size < 11; size++)
		if (size != 7) /* whose 16 bits are 0 */
			assert_int_equal(xpress_huffman_decompress(in, LENGTHS + size, out, 100),
					 -1);
	two_codes(in, SYMBOL, "\x00\x40\x00\x00\xff\x0e\x00", 7);
	assert_int_equal(xpress_huffman_decompress(in, LENGTHS + 7, out, 100), -1);
	two_codes(in, SYMBOL, "\x00\x80\x00\x00\x07", 5);
	assert_int_equal(xpress_huffman_decompress(in, LENGTHS + 5, out, 100), -1);
	two_codes(in, 256 + 0x10, "\x00\x40\x00\x00", 4); /* distance 2 or 3 */
	assert_int_equal(xpress_huffman_decompress(in, LENGTHS + 4, out, 100), -1);
}

/* Fills `in` with runs, from all the same to noise: lengths and distances of every form. */
static void fill(struct util_random *random, uint8_t *in, size_t size, unsigned int round)
{
	uint64_t letters = round ? 1 + util_random_below(random, 1u << (round % 9)) : 1;
	size_t run = 1 + util_random_below(random, 600);
	for (size_t i = 0; i < size; i++) {
		if (i && i % run)
			in[i] = in[i - 1];
		else if (i > 5000 && !util_random_below(random, 9))
			in[i] = in[i - 1 - util_random_below(random, 5000)];
		else
			in[i] = (uint8_t)util_random_below(random, letters);
	}
}

static void what_was_compressed_comes_back(void **state)
{
	(void)state;
	struct util_random random = {5};
	_cleanup_free_ uint8_t *in = alloc_zero(BLOCK, 1);
	_cleanup_free_ uint8_t *packed = alloc_zero(ROOM, 1);
	_cleanup_free_ uint8_t *out = alloc_zero(ROOM, 1);
	for (unsigned int round = 0; round < 200; round++) {
		size_t size = round % 20 ? 1 + util_random_below(&random, 5000) : BLOCK;
		fill(&random, in, size, round);
		size_t packed_size = xpress_huffman_compress(in, size, packed, ROOM);
		assert_true(packed_size > 0);
		assert_true(xpress_huffman_probe(packed, packed_size));
		assert_int_equal(xpress_huffman_decompress(packed, packed_size, out, size), size);
		assert_memory_equal(out, in, size);
		/* cut by more than the end mark it can't be whole */
		assert_int_not_equal(xpress_huffman_decompress(packed, packed_size / 2, out, size),
				     size);
	}
}

/* Three bytes more of the same at the end are coded as the end mark is. */
static void a_match_may_look_like_the_end(void **state)
{
	(void)state;
	static const char text[] = "bcdefghijklaaaa";
	uint8_t packed[1024], out[16];
	for (size_t size = 2; size < sizeof(out); size++) {
		const char *end = &text[sizeof(text) - 1 - size];
		size_t packed_size =
			xpress_huffman_compress((const uint8_t *)end, size, packed, sizeof(packed));
		assert_int_equal(xpress_huffman_decompress(packed, packed_size, out, size), size);
		assert_memory_equal(out, end, size);
	}
}

/* Larger output has a table of codes for each 64 KB. */
static void blocks_follow_one_another(void **state)
{
	(void)state;
	struct util_random random = {6};
	_cleanup_free_ uint8_t *in = alloc_zero(ROOM, 1);
	_cleanup_free_ uint8_t *packed = alloc_zero(2 * ROOM, 1);
	_cleanup_free_ uint8_t *out = alloc_zero(ROOM, 1);
	fill(&random, in, ROOM, 5);
	size_t first = xpress_huffman_compress(in, BLOCK, packed, ROOM);
	size_t second = xpress_huffman_compress(in + BLOCK, 1000, packed + first, ROOM);
	/* the end mark of the first block is not written in the middle: the words behind it are */
	ptrdiff_t size = xpress_huffman_decompress(packed, first + second, out, BLOCK);
	assert_int_equal(size, BLOCK);
	assert_memory_equal(out, in, BLOCK);
	assert_int_equal(xpress_huffman_decompress(packed + first, second, out, 1000), 1000);
	assert_memory_equal(out, in + BLOCK, 1000);
}

static void agrees_with_libwim(void **state)
{
	(void)state;
#ifdef HAVE_LIBWIM
	struct util_random random = {7};
	struct wimlib_compressor *compressor;
	struct wimlib_decompressor *decompressor;
	assert_int_equal(
		wimlib_create_compressor(WIMLIB_COMPRESSION_TYPE_XPRESS, BLOCK, 0, &compressor), 0);
	assert_int_equal(
		wimlib_create_decompressor(WIMLIB_COMPRESSION_TYPE_XPRESS, BLOCK, &decompressor),
		0);
	_cleanup_free_ uint8_t *in = alloc_zero(BLOCK, 1);
	_cleanup_free_ uint8_t *packed = alloc_zero(ROOM, 1);
	_cleanup_free_ uint8_t *out = alloc_zero(BLOCK, 1);
	size_t packed_by_libwim = 0;
	for (unsigned int round = 0; round < 200; round++) {
		size_t size = round % 10 ? 1 + util_random_below(&random, 5000) : BLOCK;
		fill(&random, in, size, round);
		size_t packed_size = wimlib_compress(in, size, packed, BLOCK, compressor);
		if (packed_size) { /* else it would not be smaller */
			packed_by_libwim++;
			assert_true(xpress_huffman_probe(packed, packed_size));
			assert_int_equal(xpress_huffman_decompress(packed, packed_size, out, size),
					 size);
			assert_memory_equal(out, in, size);
		}
		/* and the tests' compressor is sound */
		packed_size = xpress_huffman_compress(in, size, packed, ROOM);
		memset(out, 0, BLOCK);
		assert_int_equal(wimlib_decompress(packed, packed_size, out, size, decompressor),
				 0);
		assert_memory_equal(out, in, size);
	}
	assert_true(packed_by_libwim > 50);
	wimlib_free_compressor(compressor);
	wimlib_free_decompressor(decompressor);
#else
	print_message("SKIP: libwim, to compare with, is not installed (libwim-dev)\n");
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(lengths_of_all_forms),
		cmocka_unit_test(what_was_compressed_comes_back),
		cmocka_unit_test(a_match_may_look_like_the_end),
		cmocka_unit_test(blocks_follow_one_another),
		cmocka_unit_test(agrees_with_libwim),
	};
	return cmocka_run_group_tests_name("xpress_huffman", tests, NULL, NULL);
}
