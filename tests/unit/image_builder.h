/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Image files made byte by byte, for the tests of the image room; and what must hold for whatever
 * image_open() accepts.
 */
#ifndef TEST_IMAGE_BUILDER_H
#define TEST_IMAGE_BUILDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <image/internal.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/error.h>
#include <impscan/image.h>

#define PAGE PAGE_SIZE

/* A file in memory that grows as it is written; what is skipped is zero. All zero is empty. */
struct blob {
	uint8_t *data;
	size_t size;
};

static inline void blob_free(struct blob *blob)
{
	free(blob->data);
	*blob = (struct blob){0};
}
#define _cleanup_blob_ __attribute__((cleanup(blob_free)))

/* Larger than any file of these tests: a size below zero, which wraps around, is not written. */
#define BLOB_MAX ((size_t)1 << 30)

static inline void blob_resize(struct blob *blob, size_t size)
{
	if (size > BLOB_MAX) {
		print_error("a file of %zu bytes is more than these tests make\n", size);
		abort();
	}
	blob->data = alloc_resize(blob->data, size, 1);
	if (size > blob->size)
		memset(blob->data + blob->size, 0, size - blob->size);
	blob->size = size;
}

static inline void put(struct blob *blob, size_t offset, const void *bytes, size_t size)
{
	if (offset + size > blob->size)
		blob_resize(blob, offset + size);
	memcpy(blob->data + offset, bytes, size);
}

static inline void put16(struct blob *blob, size_t offset, uint16_t value)
{
	value = htole16(value);
	put(blob, offset, &value, sizeof(value));
}

static inline void put32(struct blob *blob, size_t offset, uint32_t value)
{
	value = htole32(value);
	put(blob, offset, &value, sizeof(value));
}

static inline void put64(struct blob *blob, size_t offset, uint64_t value)
{
	value = htole64(value);
	put(blob, offset, &value, sizeof(value));
}

/* The page at `offset` holds the number in each of its qwords. */
static inline void put_page(struct blob *blob, size_t offset, uint64_t number)
{
	uint8_t page[PAGE];
	number = htole64(number);
	for (size_t i = 0; i < PAGE; i += 8)
		memcpy(page + i, &number, 8);
	put(blob, offset, page, PAGE);
}

static inline void put_pages(struct blob *blob, size_t offset, uint64_t first, size_t count)
{
	if (offset + count * PAGE > blob->size)
		blob_resize(blob, offset + count * PAGE);
	for (size_t i = 0; i < count; i++)
		put_page(blob, offset + i * PAGE, first + i);
}

static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Ranges are sorted, apart and inside the file; the three ways to read agree at their edges. */
static inline void check_image(const struct image *image)
{
	size_t count, size;
	const struct image_range *ranges = image_ranges(image, &count);
	assert_true(count > 0);
	assert_non_null(image_format(image));
	for (size_t i = 0; i < count; i++) {
		const struct image_range *range = &ranges[i];
		assert_true(range->size > 0);
		assert_true(range_within(range->start, range->size, IMAGE_PHYSICAL_END));
		assert_true(range_within(range->offset, range->size, image_file_size(image)));
		uint64_t last = range->start + range->size - 1;
		bool goes_on = i + 1 < count && ranges[i + 1].start == last + 1;
		if (i + 1 < count)
			assert_true(ranges[i + 1].start > last);
		if (goes_on) /* otherwise they were one */
			assert_true(ranges[i + 1].offset != range->offset + range->size);

		const uint8_t *first = image_at(image, range->start, &size);
		const uint8_t *end;
		if (image->source
			    ->lazy) { /* what is packed may be damaged, and is there in parts */
			end = image_at(image, last, &size);
			assert_true(!end || size == 1);
			continue;
		}
		assert_non_null(first);
		assert_int_equal(size, range->size);
		end = image_at(image, last, &size);
		assert_ptr_equal(end, first + range->size - 1);
		assert_int_equal(size, 1);
		if (!goes_on)
			assert_null(image_at(image, last + 1, &size));
		if (!i && range->start)
			assert_null(image_at(image, range->start - 1, &size));

		uint8_t bytes[2];
		assert_true(image_read(image, last, bytes, 1));
		assert_int_equal(bytes[0], *end);
		assert_int_equal(image_read(image, last, bytes, 2), goes_on);
		uint64_t page = (range->start + PAGE - 1) & ~(uint64_t)(PAGE - 1);
		if (page <= last)
			assert_ptr_equal(image_page(image, page),
					 last - page >= PAGE - 1 ? first + (page - range->start)
								 : NULL);
	}
}

/* An opened image together with a copy of its bytes of exactly their size, for ASan. */
struct opened {
	struct image *image;
	struct error *error;
	uint8_t *bytes;
};

static inline struct opened open_bytes(const uint8_t *data, size_t size)
{
	struct opened opened = {.bytes = malloc(size ? size : 1)};
	assert_non_null(opened.bytes);
	if (size)
		memcpy(opened.bytes, data, size);
	opened.error = image_open_bytes("test.img", opened.bytes, size, &opened.image);
	if (opened.image)
		check_image(opened.image);
	return opened;
}

static inline void opened_free(struct opened *opened)
{
	image_close(opened->image);
	error_free(opened->error);
	free(opened->bytes);
}
#define _cleanup_opened_ __attribute__((cleanup(opened_free)))

/* Opens what must be an image. */
static inline struct opened open_blob(const struct blob *blob)
{
	struct opened opened = open_bytes(blob->data, blob->size);
	if (opened.error)
		print_error("%s\n", error_message(opened.error));
	assert_null(opened.error);
	return opened;
}

/* What must be refused, with a sentence that has `word` in it. */
static inline void refuse_blob(const struct blob *blob, const char *word)
{
	_cleanup_opened_ struct opened opened = open_bytes(blob->data, blob->size);
	assert_non_null(opened.error);
	if (!strstr(error_message(opened.error), word))
		print_error("%s\n", error_message(opened.error));
	assert_non_null(strstr(error_message(opened.error), word));
	assert_non_null(strstr(error_message(opened.error), "'test.img'"));
}

static inline void assert_warns(const struct image *image, const char *word)
{
	assert_non_null(image_warning(image));
	if (!strstr(image_warning(image), word))
		print_error("%s\n", image_warning(image));
	assert_non_null(strstr(image_warning(image), word));
}

/* The page at this address is the one that put_page() numbered so. */
static inline void assert_page(const struct image *image, uint64_t address, uint64_t number)
{
	const uint8_t *page = image_page(image, address);
	assert_non_null(page);
	assert_int_equal(le64(page), number);
	assert_int_equal(le64(page + PAGE - 8), number);
}

/*
 * Opens every prefix of the file in steps, then the whole file with random bytes changed, most of
 * them within the first `headers` bytes. Nothing is expected but that what opens is sound.
 */
static inline void torture(const struct blob *blob, size_t headers, unsigned int rounds)
{
	static const uint64_t nasty[] = {0,
					 1,
					 0x7f,
					 0xff,
					 0xffff,
					 0x7fffffff,
					 0x80000000,
					 0xffffffff,
					 0xfffffffffffff,
					 0x7fffffffffffffff,
					 0xfffffffffffff000,
					 UINT64_MAX};
	for (size_t size = 0; size < blob->size; size += size < 256 ? 1 : 251) {
		struct opened opened = open_bytes(blob->data, size);
		opened_free(&opened);
	}
	uint64_t state = 0x9e3779b97f4a7c15;
	_cleanup_blob_ struct blob changed = {0};
	for (unsigned int i = 0; i < rounds; i++) {
		put(&changed, 0, blob->data, blob->size);
		for (uint64_t n = next_random(&state) % 4 + 1; n; n--) {
			size_t within = next_random(&state) % 8 ? headers : blob->size;
			size_t at = (size_t)(next_random(&state) % within);
			uint64_t value = next_random(&state) % 3
						 ? nasty[next_random(&state) % array_size(nasty)]
						 : next_random(&state);
			size_t width = (size_t)1 << next_random(&state) % 4;
			at &= ~(width - 1);
			value = htole64(value);
			if (at + width <= blob->size)
				memcpy(changed.data + at, &value, width);
		}
		struct opened opened = open_bytes(changed.data, changed.size);
		opened_free(&opened);
	}
}

#endif
