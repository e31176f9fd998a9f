/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store: plain LZ77 of Xpress, by the examples of [MS-XCA] and by a compressor of the tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>
#include <impscan/xpress.h>
#include <writer/util.h>
#include <writer/xpress.h>

/* [MS-XCA] 3.1: the alphabet, all literals, and 300 times "abc". */
static void examples_of_the_specification(void **state)
{
	(void)state;
	static const uint8_t alphabet[] = {0x3f, 0x00, 0x00, 0x00, 'a', 'b', 'c', 'd', 'e', 'f',
					   'g',	 'h',  'i',  'j',  'k', 'l', 'm', 'n', 'o', 'p',
					   'q',	 'r',  's',  't',  'u', 'v', 'w', 'x', 'y', 'z'};
	static const uint8_t abc[] = {0xff, 0xff, 0xff, 0x1f, 'a',  'b', 'c',
				      0x17, 0x00, 0x0f, 0xff, 0x26, 0x01};
	uint8_t out[1024];
	assert_int_equal(xpress_decompress(alphabet, sizeof(alphabet), out, sizeof(out)), 26);
	assert_memory_equal(out, "abcdefghijklmnopqrstuvwxyz", 26);
	assert_int_equal(xpress_decompress(abc, sizeof(abc), out, sizeof(out)), 300);
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(out[i], "abc"[i % 3]);
	/* no more than there is room for */
	memset(out, 0, sizeof(out));
	assert_int_equal(xpress_decompress(abc, sizeof(abc), out, 100), 100);
	assert_int_equal(out[100], 0);
	assert_int_equal(xpress_decompress(abc, 0, out, 100), 0);
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[12];
		size_t size;
	} cases[] = {
		{{0, 0, 0}, 3},					  /* flags cut */
		{{0, 0, 0, 0, 'a'}, 5},				  /* a literal is missing */
		{{0, 0, 0, 0x80, 0}, 5},			  /* a match cut */
		{{0, 0, 0, 0x80, 0, 0}, 6},			  /* a match before the start */
		{{0, 0, 0, 0x40, 'a', 8, 0}, 7},		  /* one byte before the start */
		{{0, 0, 0, 0x40, 'a', 7, 0}, 7},		  /* no nibble */
		{{0, 0, 0, 0x40, 'a', 7, 0, 15}, 8},		  /* no byte */
		{{0, 0, 0, 0x40, 'a', 7, 0, 15, 255}, 9},	  /* no 16 bits */
		{{0, 0, 0, 0x40, 'a', 7, 0, 15, 255, 0, 0}, 11},  /* no 32 bits */
		{{0, 0, 0, 0x40, 'a', 7, 0, 15, 255, 21, 0}, 11}, /* shorter than it could be */
	};
	uint8_t out[64];
	for (size_t i = 0; i < array_size(cases); i++)
		assert_int_equal(xpress_decompress(cases[i].bytes, cases[i].size, out, sizeof(out)),
				 -1);
	/* 32 bits of length, cut at the end of the output */
	static const uint8_t huge[] = {0, 0, 0, 0x40, 'a', 7, 0, 15, 255, 0, 0, 255, 255, 255, 255};
	assert_int_equal(xpress_decompress(huge, sizeof(huge), out, sizeof(out)), 64);
	assert_int_equal(out[63], 'a');
}

static void what_was_compressed_comes_back(void **state)
{
	(void)state;
	struct util_random random = {5};
	enum { LARGE = 200000 };
	_cleanup_free_ uint8_t *in = alloc_zero(LARGE, 1);
	_cleanup_free_ uint8_t *packed = alloc_zero(LARGE, 2);
	_cleanup_free_ uint8_t *out = alloc_zero(LARGE, 1);
	for (size_t round = 0; round < 400; round++) {
		size_t size = round == 0 ? LARGE : 1 + util_random_below(&random, 5000);
		/* from all the same to noise: lengths of every form */
		uint64_t letters = round ? 1 + util_random_below(&random, 1u << (round % 9)) : 1;
		size_t run = 1 + util_random_below(&random, 600);
		for (size_t i = 0; i < size; i++)
			in[i] = i && i % run ? in[i - 1]
					     : (uint8_t)util_random_below(&random, letters);
		size_t packed_size = xpress_compress(in, size, packed, 2 * LARGE);
		assert_true(packed_size > 0);
		assert_int_equal(xpress_decompress(packed, packed_size, out, size), size);
		assert_memory_equal(out, in, size);
		/* with room to spare the end mark ends it */
		if (size < LARGE)
			assert_int_equal(xpress_decompress(packed, packed_size, out, LARGE), size);
	}
}

/* In steps of any size it comes to the same, and what was there stays. */
static void it_goes_on_where_it_stopped(void **state)
{
	(void)state;
	struct util_random random = {8};
	enum { MOST = XPRESS_HUFFMAN_BLOCK };
	_cleanup_free_ uint8_t *in = alloc_zero(MOST, 1);
	_cleanup_free_ uint8_t *packed = alloc_zero(MOST, 2);
	_cleanup_free_ uint8_t *out = alloc_zero(MOST, 1);
	for (size_t round = 0; round < 400; round++) {
		const bool huffman = round % 2;
		size_t size = round < 8 ? MOST : 1 + util_random_below(&random, 5000);
		uint64_t letters = 1 + util_random_below(&random, 1u << (round % 9));
		size_t run = 1 + util_random_below(&random, 300), step = 1 + size / (round % 7 + 1);
		for (size_t i = 0; i < size; i++)
			in[i] = i && i % run ? in[i - 1]
					     : (uint8_t)util_random_below(&random, letters);
		size_t packed_size =
			huffman ? xpress_huffman_compress(in, size, packed, 2 * (size_t)MOST)
				: xpress_compress(in, size, packed, 2 * (size_t)MOST);
		struct xpress_progress progress = {0};
		memset(out, 0xa5, MOST);
		for (size_t wanted = 0; progress.written < size;) {
			wanted = min_of(wanted + 1 + util_random_below(&random, step), size);
			ptrdiff_t written = (huffman ? xpress_huffman_go_on : xpress_go_on)(
				packed, packed_size, out, size, wanted, &progress);
			assert_true(written >= (ptrdiff_t)wanted);
			assert_int_equal(written, progress.written);
			assert_memory_equal(out, in, (size_t)written);
		}
		/* cut, it comes as far as the whole does, and no further */
		progress = (struct xpress_progress){0};
		assert_true((huffman ? xpress_huffman_go_on
				     : xpress_go_on)(packed, packed_size / 2, out, size, size,
						     &progress) < (ptrdiff_t)size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_specification),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(what_was_compressed_comes_back),
		cmocka_unit_test(it_goes_on_where_it_stopped),
	};
	return cmocka_run_group_tests_name("xpress", tests, NULL, NULL);
}
