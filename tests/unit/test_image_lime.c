/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image: LiME. */
#include "image_builder.h"

/* Appends a header and `count` pages numbered as their addresses. */
static void add_range(struct blob *blob, uint64_t first_page, size_t count)
{
	size_t at = blob->size;
	put32(blob, at, 0x4c694d45);
	put32(blob, at + 4, 1);
	put64(blob, at + 8, first_page * PAGE);
	put64(blob, at + 16, (first_page + count) * PAGE - 1);
	put64(blob, at + 24, 0);
	put_pages(blob, at + 32, first_page, count);
}

/* A header alone. */
static void add_header(struct blob *blob, uint64_t first, uint64_t last)
{
	size_t at = blob->size;
	put32(blob, at, 0x4c694d45);
	put32(blob, at + 4, 1);
	put64(blob, at + 8, first);
	put64(blob, at + 16, last);
	put64(blob, at + 24, 0);
}

static void ranges_in_any_order(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	add_range(&blob, 0x100, 3);
	add_range(&blob, 1, 2);
	add_range(&blob, 0x100000, 1);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_string_equal(image_format(opened.image), "LiME");
	assert_null(image_warning(opened.image));
	size_t count;
	image_ranges(opened.image, &count);
	assert_int_equal(count, 3);
	assert_page(opened.image, 0x1000, 1);
	assert_page(opened.image, 0x2000, 2);
	assert_page(opened.image, 0x102000, 0x102);
	assert_page(opened.image, 0x100000000, 0x100000);
	assert_null(image_page(opened.image, 0));
	assert_null(image_page(opened.image, 0x3000));
	assert_null(image_page(opened.image, 0x103000));
}

static void empty_and_senseless_ranges_are_passed_over(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	add_header(&blob, 0x5000, 0x4fff); /* empty */
	add_range(&blob, 1, 1);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_null(image_warning(opened.image));
	assert_page(opened.image, 0x1000, 1);

	_cleanup_blob_ struct blob bad = {0};
	add_header(&bad, 0x5000, 0x1000);
	add_range(&bad, 1, 1);
	_cleanup_opened_ struct opened other = open_blob(&bad);
	assert_warns(other.image, "1 LiME ranges end before they begin");
	assert_page(other.image, 0x1000, 1);
}

static void a_bad_header_ends_the_list(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	add_range(&blob, 1, 1);
	size_t bad = blob.size;
	add_range(&blob, 2, 1);
	add_range(&blob, 3, 1);
	put32(&blob, bad, 0xdeadbeef);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "no LiME header at offset 0x1020: the 8 KB from there");
	assert_page(opened.image, 0x1000, 1);
	assert_null(image_page(opened.image, 0x2000));
}

static void zeros_behind_the_last_range_are_no_damage(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	add_range(&blob, 1, 1);
	blob_resize(&blob, blob.size + 500);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_null(image_warning(opened.image));
	blob_resize(&blob, PAGE + 32 + 5);
	_cleanup_opened_ struct opened shorter = open_blob(&blob);
	assert_null(image_warning(shorter.image));
	put(&blob, PAGE + 32, "junk", 4);
	_cleanup_opened_ struct opened junk = open_blob(&blob);
	assert_warns(junk.image, "the 5 bytes from there");
}

static void a_truncated_file_keeps_what_it_has(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	add_range(&blob, 1, 1024);
	blob_resize(&blob, 32 + 256 * PAGE + 100);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "holds 1.0 MB of the 4.0 MB");
	assert_page(opened.image, 256 * PAGE, 256);
	assert_null(image_page(opened.image, 257 * PAGE));
	uint8_t bytes[100];
	assert_true(image_read(opened.image, 257 * PAGE, bytes, 100));
	assert_false(image_read(opened.image, 257 * PAGE, bytes, 101));
}

static void overlapping_ranges_warn(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	add_range(&blob, 4, 2);
	add_range(&blob, 5, 2);
	put_page(&blob, blob.size - 2 * PAGE, 77); /* the second page 5 */
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "overlap: 4 KB");
	assert_page(opened.image, 5 * PAGE, 5);
	assert_page(opened.image, 6 * PAGE, 6);
}

static void the_longest_range_there_can_be(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	add_header(&blob, 0, UINT64_MAX);
	put_page(&blob, 32, 9);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "truncated");
	assert_page(opened.image, 0, 9);
}

static void nothing_in_it_is_an_error(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	add_header(&blob, 0, 0xfff);
	refuse_blob(&blob, "none of the memory");
	put32(&blob, 4, 2);
	refuse_blob(&blob, "version 2");
	blob_resize(&blob, 20);
	put32(&blob, 4, 1);
	refuse_blob(&blob, "none of the memory");
}

static void damage_does_no_harm(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	add_range(&blob, 8, 1);
	add_range(&blob, 1, 2);
	add_range(&blob, 2, 1);
	torture(&blob, 32, 3000);
	/* Many headers close together. */
	_cleanup_blob_ struct blob small = {0};
	for (unsigned int i = 0; i < 50; i++) {
		add_header(&small, i * 3, i * 3 + i % 7);
		blob_resize(&small, small.size + i % 7 + 1);
	}
	torture(&small, small.size, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_in_any_order),
		cmocka_unit_test(empty_and_senseless_ranges_are_passed_over),
		cmocka_unit_test(a_bad_header_ends_the_list),
		cmocka_unit_test(zeros_behind_the_last_range_are_no_damage),
		cmocka_unit_test(a_truncated_file_keeps_what_it_has),
		cmocka_unit_test(overlapping_ranges_warn),
		cmocka_unit_test(the_longest_range_there_can_be),
		cmocka_unit_test(nothing_in_it_is_an_error),
		cmocka_unit_test(damage_does_no_harm),
	};
	return cmocka_run_group_tests_name("image_lime", tests, NULL, NULL);
}
