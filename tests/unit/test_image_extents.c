/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image: holes of sparse files, and what sweeps go over. */
#include "image_builder.h"

#include <fcntl.h>
#include <unistd.h>

#define HOLE_SIZE (64 * PAGE)

struct file {
	char path[32];
	struct image *image;
};

/* A file with data at some pages and holes between; `headers` are written first. */
static void make_file(struct file *file, const struct blob *headers, const size_t *pages,
		      size_t count, size_t size)
{
	strcpy(file->path, "/tmp/extents.XXXXXX");
	int fd = mkstemp(file->path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (headers)
		assert_int_equal(pwrite(fd, headers->data, headers->size, 0), headers->size);
	for (size_t i = 0; i < count; i++) {
		uint8_t page[PAGE];
		memset(page, (int)(i + 1), PAGE);
		assert_int_equal(pwrite(fd, page, PAGE, (off_t)(pages[i] * PAGE)), PAGE);
	}
	close(fd);
	assert_null(image_open(file->path, &file->image));
}

static void drop_file(struct file *file)
{
	image_close(file->image);
	unlink(file->path);
}

static void test_holes(void **state)
{
	(void)state;
	static const size_t pages[] = {64, 65, 200};
	struct file file;
	make_file(&file, NULL, pages, 3, 1024 * PAGE);
	const struct image *image = file.image;
	if (!image->source->sparse) { /* this file system has no holes */
		drop_file(&file);
		skip();
	}
	assert_true(image_present_pages(image) >= 3);
	assert_true(image_present_pages(image) < 256);
	assert_int_equal(image_data_size(image), image_present_pages(image) * PAGE);

	/* Every page of data is in a stretch, and no stretch goes on for long. */
	uint64_t start, size, at = 0, total = 0;
	bool seen[3] = {false};
	for (; image_next_data(image, at, &start, &size); at = start + size) {
		assert_true(start >= at);
		total += size;
		for (size_t i = 0; i < 3; i++)
			seen[i] |= pages[i] * PAGE >= start && pages[i] * PAGE < start + size;
	}
	assert_true(seen[0] && seen[1] && seen[2]);
	assert_int_equal(total, image_data_size(image));

	/* From within one. */
	assert_true(image_next_data(image, 65 * PAGE + 5, &start, &size));
	assert_int_equal(start, 65 * PAGE + 5);
	assert_false(image_next_data(image, UINT64_C(1024) * PAGE, &start, &size));

	/* Holes read as zeros that are not the file's. */
	const uint8_t *hole = image_page(image, 700 * PAGE);
	assert_non_null(hole);
	assert_ptr_equal(hole, image_page(image, 900 * PAGE));
	assert_true(hole < image->data || hole >= image->data + image->size);
	for (size_t i = 0; i < PAGE; i++)
		assert_int_equal(hole[i], 0);
	size_t available;
	assert_ptr_equal(image_at(image, 700 * PAGE + 100, &available), hole + 100);
	assert_int_equal(available, PAGE - 100);

	/* Data is where it is. */
	assert_ptr_equal(image_page(image, 65 * PAGE), image->data + 65 * PAGE);
	uint8_t both[2];
	assert_true(image_read(image, 64 * PAGE - 1, both, 2));
	assert_int_equal(both[1], 1);
	drop_file(&file);
}

/* A LiME header moves pages by 32 bytes: one lies in a hole only in part. */
static void test_moved(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	static const size_t pages[] = {128};
	struct file file;
	put32(&blob, 0, 0x4c694d45);
	put32(&blob, 4, 1);
	put64(&blob, 8, 0x100000);
	put64(&blob, 16, 0x100000 + 512 * PAGE - 1);
	put64(&blob, 24, 0);
	make_file(&file, &blob, pages, 1, 32 + 512 * PAGE);
	const struct image *image = file.image;
	if (!image->source->sparse) {
		drop_file(&file);
		skip();
	}
	/* The page before has its last 32 bytes in the page of data. */
	uint64_t start, size, address = 0x100000 + 127 * PAGE;
	const uint8_t *page = image_page(image, address);
	assert_int_equal(page[PAGE - 1], 1);
	assert_int_equal(page[PAGE - 33], 0);
	page = image_page(image, address + PAGE);
	assert_int_equal(page[0], 1);
	assert_int_equal(page[PAGE - 32], 0);
	/* And sweeps see both, whole. */
	assert_true(image_next_data(image, address, &start, &size));
	assert_int_equal(start, address);
	assert_true(size >= 2 * PAGE);
	drop_file(&file);
}

static void test_all_hole(void **state)
{
	(void)state;
	struct file file;
	make_file(&file, NULL, NULL, 0, HOLE_SIZE);
	uint64_t start, size;
	if (file.image->source->sparse) {
		assert_false(image_next_data(file.image, 0, &start, &size));
		assert_int_equal(image_present_pages(file.image), 0);
		assert_non_null(image_page(file.image, HOLE_SIZE - PAGE));
	}
	drop_file(&file);
}

/* Of the same bytes at several addresses, sweeps see one. */
static void test_repeated(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_pages(&blob, 0, 1, 16);
	struct image image = {.path = strdup("repeated")};
	image_use_source(&image, source_of_bytes("repeated", blob.data, blob.size));
	image_name_format(&image, "test");
	image_add_range(&image, 0x100000, 8 * PAGE, 0);
	image_add_range(&image, 0x200000, 8 * PAGE, 0);
	image_add_range(&image, 0x300000, 8 * PAGE, 4 * PAGE + 16);
	image_add_range(&image, 0x400000, 4 * PAGE, 10 * PAGE);
	image_finish_ranges(&image);
	image_find_stretches(&image);
	uint64_t start, size, at = 0, total = 0;
	for (; image_next_data(&image, at, &start, &size); at = start + size)
		total += size;
	/* The third begins with what the first has; its next whole page is its fifth. */
	assert_int_equal(total, 8 * PAGE + 4 * PAGE + PAGE);
	assert_true(image_next_data(&image, 0, &start, &size));
	assert_int_equal(start, 0x100000);
	assert_int_equal(size, 8 * PAGE);
	assert_true(image_next_data(&image, 0x200000, &start, &size));
	assert_int_equal(start, 0x304000);
	assert_int_equal(image_present_pages(&image), 16);
	source_close(image.source);
	free(image.path);
	free(image.format);
	free(image.ranges);
	free(image.index.last);
	free(image.stretches);
	text_free(&image.warnings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_all_hole),
		cmocka_unit_test(test_repeated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
