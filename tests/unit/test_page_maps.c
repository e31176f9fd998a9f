/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of the scan for page maps: among pages that look like one, the machine's comes first. */
#include "image_builder.h"

#include <unistd.h>

#include <discover/internal.h>

enum {
	DECOYS = 1000,
	FIRST = DECOYS + 1, /* page of the true map; its tables lie behind */
	PAGES = FIRST + 8,
	ENTRY = 0x63, /* valid, writable, accessed, dirty */
};

/* What memory holds: numbers, of which many could be entries; one leads to the page itself. */
static void put_decoys(struct blob *blob)
{
	uint64_t random = 1;
	for (size_t page = 1; page <= DECOYS; page++) {
		for (size_t i = 0; i < 512; i++) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			put64(blob, page * PAGE + 8 * i,
			      (random >> 33) % (PAGES * PAGE) & ~UINT64_C(0x80));
		}
		put64(blob, page * PAGE + 8 * (256 + page % 256), page * PAGE | ENTRY);
	}
}

static uint64_t entry(size_t page)
{
	return page * PAGE | ENTRY;
}

static void put_versions(struct blob *blob, size_t page)
{
	put32(blob, page * PAGE + KUSER_MAJOR_VERSION, 6);
	put32(blob, page * PAGE + KUSER_MINOR_VERSION, 1);
}

/* KUSER_SHARED_DATA at 0xffdf0000, through one table. */
static void put_x86(struct blob *blob)
{
	put32(blob, FIRST * PAGE + 4 * 0x300, FIRST * PAGE | 3);
	put32(blob, FIRST * PAGE + 4 * 0x3ff, (uint32_t)entry(FIRST + 1));
	put32(blob, (FIRST + 1) * PAGE + 4 * 0x1f0, (uint32_t)entry(FIRST + 2));
	put_versions(blob, FIRST + 2);
}

static void put_pae(struct blob *blob)
{
	for (size_t i = 0; i < 4; i++) {
		put64(blob, FIRST * PAGE + 8 * i, (FIRST + 1 + i) * PAGE | 1);
		put64(blob, (FIRST + 4) * PAGE + 8 * i, entry(FIRST + 1 + i));
	}
	put64(blob, (FIRST + 4) * PAGE + 8 * 0x1fe, entry(FIRST + 5));
	put64(blob, (FIRST + 5) * PAGE + 8 * 0x1f0, entry(FIRST + 6));
	put_versions(blob, FIRST + 6);
}

/* KUSER_SHARED_DATA at 0xfffff78000000000. */
static void put_x64(struct blob *blob)
{
	put64(blob, FIRST * PAGE + 8 * 0x1ed, entry(FIRST));
	put64(blob, FIRST * PAGE + 8 * 0x1ef, entry(FIRST + 1));
	for (size_t level = 1; level < 4; level++)
		put64(blob, (FIRST + level) * PAGE, entry(FIRST + level + 1));
	put_versions(blob, FIRST + 4);
}

/* Ends the scan at the machine's page map. */
static bool is_first(void *context, size_t number)
{
	const struct page_maps *maps = context;
	return maps->items[number].dtb == FIRST * PAGE;
}

static void check_first(void (*put_map)(struct blob *), enum paging paging)
{
	_cleanup_blob_ struct blob blob = {0};
	char path[] = "/tmp/test_page_maps_XXXXXX";
	struct image *image;
	blob_resize(&blob, PAGES * PAGE);
	put_decoys(&blob);
	put_map(&blob);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, blob.data, blob.size), blob.size);
	assert_null(image_open(path, &image));
	struct page_maps maps = {0};
	const struct windows_options options = {0};
	assert_false(page_maps_scan(image, &options, &maps, NULL, NULL));
	/* otherwise nothing is tested */
	assert_true(maps.count > 100);
	assert_int_equal(maps.items[0].dtb, FIRST * PAGE);
	assert_int_equal(maps.items[0].paging, paging);
	const size_t all = maps.count;
	maps.count = 0;
	assert_true(page_maps_scan(image, &options, &maps, is_first, &maps));
	assert_true(maps.count > 0);
	assert_true(maps.count <= all);
	free(maps.items);
	image_close(image);
	close(fd);
	unlink(path);
}

static void test_x86(void **state)
{
	(void)state;
	check_first(put_x86, PAGING_X86);
}

static void test_pae(void **state)
{
	(void)state;
	check_first(put_pae, PAGING_PAE);
}

static void test_x64(void **state)
{
	(void)state;
	check_first(put_x64, PAGING_X64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x86),
		cmocka_unit_test(test_pae),
		cmocka_unit_test(test_x64),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
