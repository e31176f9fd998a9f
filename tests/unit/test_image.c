/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image: opening, raw images, range tables and the lookups on them. */
#include "image_builder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void raw_is_one_range(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_pages(&blob, 0, 100, 3);
	put(&blob, 3 * PAGE, "tail", 4);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	const struct image *image = opened.image;
	assert_string_equal(image_format(image), "raw");
	assert_string_equal(image_path(image), "test.img");
	assert_int_equal(image_file_size(image), 3 * PAGE + 4);
	assert_null(image_warning(image));
	assert_int_equal(image_hints(image)->dtb, 0);
	size_t count;
	const struct image_range *ranges = image_ranges(image, &count);
	assert_int_equal(count, 1);
	assert_int_equal(ranges[0].start, 0);
	assert_int_equal(ranges[0].size, 3 * PAGE + 4);
	assert_page(image, 2 * PAGE, 102);
	assert_null(image_page(image, 3 * PAGE)); /* not whole */
	char tail[5] = "";
	assert_true(image_read(image, 3 * PAGE, tail, 4));
	assert_string_equal(tail, "tail");
	assert_false(image_read(image, 3 * PAGE, tail, 5));
}

static void raw_of_one_byte(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put(&blob, 0, "x", 1);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	size_t size;
	assert_non_null(image_at(opened.image, 0, &size));
	assert_int_equal(size, 1);
	assert_null(image_at(opened.image, 1, &size));
}

static void lookups_stay_inside(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_pages(&blob, 0, 0, 2);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	size_t size;
	uint8_t bytes[16];
	assert_null(image_at(opened.image, UINT64_MAX, &size));
	assert_null(image_at(opened.image, IMAGE_PHYSICAL_END, &size));
	assert_null(image_page(opened.image, 0xfffffffffffff000));
	assert_false(image_read(opened.image, UINT64_MAX - 7, bytes, sizeof(bytes)));
	assert_false(image_read(opened.image, UINT64_MAX, bytes, 1));
	assert_true(image_read(opened.image, 2 * PAGE, bytes, 0));
	assert_true(image_read(opened.image, 2 * PAGE - 16, bytes, 16));
	assert_false(image_read(opened.image, 2 * PAGE - 15, bytes, 16));
}

/* An image with the ranges that a test adds, of a file whose qword at 8 * n is n. */
static struct image *with_ranges(const struct blob *blob, const struct image_range *ranges,
				 size_t count)
{
	struct image *image = alloc_new(struct image);
	image->path = alloc_strdup("ranges");
	image_use_source(image, source_of_bytes("ranges", blob->data, blob->size));
	image_name_format(image, "test");
	for (size_t i = 0; i < count; i++)
		image_add_range(image, ranges[i].start, ranges[i].size, ranges[i].offset);
	if (image->count) {
		image_finish_ranges(image);
		image_find_stretches(image);
		check_image(image);
	}
	return image;
}

static void contiguous_ranges_are_joined(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	blob_resize(&blob, 0x10000);
	const struct image_range ranges[] = {
		{0x1000, 0x1000, 0x100},
		{0x2000, 0x1000, 0x1100}, /* goes on in both */
		{0x3000, 0x1000, 0x8000}, /* in memory only */
		{0x9000, 0x1000, 0x9000}, /* in the file only */
	};
	_cleanup_image_ struct image *image = with_ranges(&blob, ranges, array_size(ranges));
	assert_int_equal(image->count, 3);
	assert_int_equal(image->ranges[0].size, 0x2000);
	assert_null(image_warning(image));
	/* Across the seam of two ranges: readable, but not in one piece. */
	uint8_t bytes[32];
	size_t size;
	assert_true(image_read(image, 0x2ff0, bytes, sizeof(bytes)));
	assert_ptr_equal(image_at(image, 0x2ff0, &size), blob.data + 0x20f0);
	assert_int_equal(size, 0x10);
}

static void out_of_order_ranges_are_joined(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	blob_resize(&blob, 0x4000);
	const struct image_range ranges[] = {
		{0x2000, 0x1000, 0x2000}, {0x0000, 0x1000, 0x0000}, {0x1000, 0x1000, 0x1000}};
	_cleanup_image_ struct image *image = with_ranges(&blob, ranges, array_size(ranges));
	assert_int_equal(image->count, 1);
	assert_int_equal(image->ranges[0].size, 0x3000);
	assert_null(image_warning(image));
}

static void the_first_of_overlapping_ranges_wins(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	blob_resize(&blob, 0x10000);
	const struct image_range ranges[] = {
		{0x4000, 0x1000, 0x0000},
		{0x1000, 0x8000, 0x1000}, /* around the first */
		{0x0000, 0x3000, 0x9000}, /* into the second */
		{0x4800, 0x0400, 0xf000}, /* inside the first */
	};
	_cleanup_image_ struct image *image = with_ranges(&blob, ranges, array_size(ranges));
	const struct image_range expected[] = {
		{0x0000, 0x1000, 0x9000},
		{0x1000, 0x3000, 0x1000},
		{0x4000, 0x1000, 0x0000},
		{0x5000, 0x4000, 0x5000},
	};
	assert_int_equal(image->count, array_size(expected));
	assert_memory_equal(image->ranges, expected, sizeof(expected));
	assert_warns(image, "overlap: 13 KB"); /* 0x1000 + 0x2000 + 0x400 */
}

static void overlapping_ranges_that_agree_are_no_warning(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	blob_resize(&blob, 0x10000);
	const struct image_range ranges[] = {
		{0x3000, 0x2000, 0x3000}, {0x0000, 0x4000, 0x0000}, {0x3000, 0x2000, 0x3000}};
	_cleanup_image_ struct image *image = with_ranges(&blob, ranges, array_size(ranges));
	assert_int_equal(image->count, 1);
	assert_int_equal(image->ranges[0].size, 0x5000);
	assert_null(image_warning(image));
}

static void ranges_beyond_file_or_memory_are_cut(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	blob_resize(&blob, 0x300000);
	const struct image_range ranges[] = {
		{0, 0x400000, 0x100000},
		{0x10000000, UINT64_MAX, 0x2ff000},
		{IMAGE_PHYSICAL_END - 0x1000, 0x2000, 0},
		{IMAGE_PHYSICAL_END, 0x1000, 0},
		{UINT64_MAX, UINT64_MAX, UINT64_MAX},
		{0x20000000, 0, 0},
		{0x30000000, 0x1000, 0x300000},
		{0x30000000, 0x1000, UINT64_MAX},
	};
	_cleanup_image_ struct image *image = with_ranges(&blob, ranges, array_size(ranges));
	const struct image_range expected[] = {
		{0, 0x200000, 0x100000},
		{0x10000000, 0x1000, 0x2ff000},
		{IMAGE_PHYSICAL_END - 0x1000, 0x1000, 0},
	};
	assert_int_equal(image->count, array_size(expected));
	assert_memory_equal(image->ranges, expected, sizeof(expected));
	assert_warns(image, "truncated: it holds 2.0 MB of the ");
	assert_warns(image, "4 ranges go beyond");
}

/* A plain walk over the claims, to compare the sorted table with. */
static bool slow_find(const struct image_range *ranges, size_t count, uint64_t address,
		      uint64_t *offset)
{
	for (size_t i = 0; i < count; i++) {
		if (address - ranges[i].start < ranges[i].size) {
			*offset = ranges[i].offset + (address - ranges[i].start);
			return true;
		}
	}
	return false;
}

static void random_ranges_agree_with_a_plain_walk(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	blob_resize(&blob, 1 << 16);
	uint64_t random = 88172645463325252;
	for (unsigned int round = 0; round < 400; round++) {
		struct image_range ranges[40];
		size_t count = next_random(&random) % array_size(ranges) + 1;
		/* Every other round on a coarse grid, where edges meet. */
		uint64_t grid = round % 2 ? 1 : 256, spread = round % 3 ? 1 << 14 : 1 << 20;
		for (size_t i = 0; i < count; i++) {
			uint64_t size = (next_random(&random) % (1 << 12) / grid + 1) * grid;
			ranges[i] = (struct image_range){
				next_random(&random) % spread / grid * grid, size,
				next_random(&random) % (blob.size - size + 1) / grid * grid};
		}
		_cleanup_image_ struct image *image = with_ranges(&blob, ranges, count);
		for (unsigned int i = 0; i < 2000; i++) {
			uint64_t address = next_random(&random) % (spread + (1 << 13)), offset;
			if (i < 4 * count) /* the edges */
				address = ranges[i / 4].start + (i % 2 ? ranges[i / 4].size : 0) -
					  (i % 4 >= 2);
			size_t size;
			const uint8_t *p = image_at(image, address, &size);
			bool there = slow_find(ranges, count, address, &offset);
			assert_int_equal(p != NULL, there);
			if (there)
				assert_ptr_equal(p, blob.data + offset);
		}
	}
}

static void many_ranges_clustered_at_both_ends(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	blob_resize(&blob, 1 << 20);
	const size_t count = 20000;
	_cleanup_free_ struct image_range *ranges = alloc_zero(count, sizeof(*ranges));
	for (size_t i = 0; i < count; i++)
		ranges[i] = (struct image_range){(i % 2 ? 0 : UINT64_C(1) << 51) + i / 2 * 32, 16,
						 i * 16};
	_cleanup_image_ struct image *image = with_ranges(&blob, ranges, count);
	assert_int_equal(image->count, count);
	for (size_t i = 0; i < count; i++) {
		size_t size;
		assert_ptr_equal(image_at(image, ranges[i].start + 3, &size),
				 blob.data + ranges[i].offset + 3);
		assert_int_equal(size, 13);
		assert_null(image_at(image, ranges[i].start + 16, &size));
	}
}

static void open_fails_with_a_sentence(const char *path, const char *word)
{
	struct image *image = NULL;
	_cleanup_error_ struct error *error = image_open(path, &image);
	assert_null(image);
	assert_non_null(error);
	if (!strstr(error_message(error), word))
		print_error("%s\n", error_message(error));
	assert_non_null(strstr(error_message(error), word));
	assert_non_null(strstr(error_message(error), path));
}

static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	char folder[] = "/tmp/impscan-test-XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	open_fails_with_a_sentence(folder, "is a folder");
	snprintf(path, sizeof(path), "%s/none", folder);
	open_fails_with_a_sentence(path, "No such file");
	open_fails_with_a_sentence("/dev/zero", "is a device");
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	open_fails_with_a_sentence(path, "is empty");
	close(fd);
	unlink(path);
	rmdir(folder);
}

static void a_file_is_mapped(void **state)
{
	(void)state;
	char path[] = "/tmp/impscan-test-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	_cleanup_blob_ struct blob blob = {0};
	put_pages(&blob, 0, 7, 4);
	assert_int_equal(write(fd, blob.data, blob.size), blob.size);
	close(fd);
	_cleanup_image_ struct image *image = NULL;
	assert_null(image_open(path, &image));
	unlink(path);
	check_image(image);
	assert_string_equal(image_path(image), path);
	assert_page(image, 3 * PAGE, 10);
}

/* What is refused, or can't be unpacked, and opened as raw memory where that is asked for. */
static void lenient_opens_what_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
		const char *word;
	} starts[] = {
		{"QFI\xfb", 4, "virtual disk"},
		{"\x7f"
		 "ELF",
		 4, "ELF file"},
		{"\x1f\x8b\x08", 3, "gzip"},
	};
	const struct source_options lenient = {.lenient = true}, as_it_is = {.as_it_is = true};
	for (size_t i = 0; i < array_size(starts); i++) {
		char path[] = "/tmp/impscan-test-XXXXXX";
		int fd = mkstemp(path);
		assert_true(fd >= 0);
		_cleanup_blob_ struct blob blob = {0};
		put_pages(&blob, 0, 7, 4);
		put(&blob, 0, starts[i].bytes, starts[i].size);
		put(&blob, starts[i].size, "\xff\xff\xff\xff", 4);
		assert_int_equal(write(fd, blob.data, blob.size), blob.size);
		close(fd);
		open_fails_with_a_sentence(path, starts[i].word);
		_cleanup_image_ struct image *image = NULL, *named = NULL;
		assert_null(image_open_with(path, &lenient, &image));
		assert_string_equal(image_format(image), "raw");
		assert_non_null(image_refusal(image));
		assert_non_null(strstr(error_message(image_refusal(image)), starts[i].word));
		assert_page(image, 3 * PAGE, 10);
		assert_null(image_open_as(path, "raw", &as_it_is, &named));
		assert_null(image_refusal(named));
		assert_true(image_is_plain(named));
		assert_page(named, 3 * PAGE, 10);
		unlink(path);
	}
}

static void formats_have_names(void **state)
{
	(void)state;
	size_t count = 0;
	while (image_format_name(count)) {
		for (size_t i = 0; i < count; i++)
			assert_string_not_equal(image_format_name(i), image_format_name(count));
		count++;
	}
	assert_int_equal(count, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_is_one_range),
		cmocka_unit_test(raw_of_one_byte),
		cmocka_unit_test(lookups_stay_inside),
		cmocka_unit_test(contiguous_ranges_are_joined),
		cmocka_unit_test(out_of_order_ranges_are_joined),
		cmocka_unit_test(the_first_of_overlapping_ranges_wins),
		cmocka_unit_test(overlapping_ranges_that_agree_are_no_warning),
		cmocka_unit_test(ranges_beyond_file_or_memory_are_cut),
		cmocka_unit_test(random_ranges_agree_with_a_plain_walk),
		cmocka_unit_test(many_ranges_clustered_at_both_ends),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(a_file_is_mapped),
		cmocka_unit_test(lenient_opens_what_is_refused),
		cmocka_unit_test(formats_have_names),
	};
	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
