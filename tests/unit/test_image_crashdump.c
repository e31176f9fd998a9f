/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image: Windows crash dumps. */
#include "image_builder.h"

#define DTB  0x1ad000
#define HEAD 0xfffff80012345678

/* A header filled with the pattern "PAGE", as Windows leaves it, and our values. */
static void put_header(struct blob *blob, bool wide, uint32_t type)
{
	for (size_t i = 0; i < (wide ? 0x2000 : 0x1000); i += 4)
		put(blob, i, "PAGE", 4);
	put(blob, 0, wide ? "PAGEDU64" : "PAGEDUMP", 8);
	put32(blob, 0xc, 0xf0004a61);
	if (wide) {
		put64(blob, 0x10, DTB | 2); /* a PCID */
		put64(blob, 0x20, HEAD + 0x10);
		put64(blob, 0x28, HEAD);
		put32(blob, 0x30, 0x8664);
		put32(blob, 0xf98, type);
		put32(blob, 0x1050, 0);
	} else {
		put32(blob, 0x10, 0x39020);
		put32(blob, 0x18, 0x80123450);
		put32(blob, 0x1c, 0x80123440);
		put32(blob, 0x20, 0x14c);
		put32(blob, 0xf88, type);
	}
}

static void put_run(struct blob *blob, bool wide, uint32_t i, uint64_t page, uint64_t count)
{
	if (wide) {
		put32(blob, 0x88, i + 1);
		put64(blob, 0x98 + 16 * i, page);
		put64(blob, 0xa0 + 16 * i, count);
	} else {
		put32(blob, 0x64, i + 1);
		put32(blob, 0x6c + 8 * i, (uint32_t)page);
		put32(blob, 0x70 + 8 * i, (uint32_t)count);
	}
}

/* Runs of pages 1-2, 0x100-0x102, 0x100000. */
static void put_full(struct blob *blob, bool wide)
{
	size_t at = wide ? 0x2000 : 0x1000;
	put_header(blob, wide, 1);
	put_run(blob, wide, 0, 1, 2);
	put_run(blob, wide, 1, 0x100, 3);
	put_run(blob, wide, 2, 0xfffff, 1);
	put_pages(blob, at, 1, 2);
	put_pages(blob, at + 2 * PAGE, 0x100, 3);
	put_pages(blob, at + 5 * PAGE, 0xfffff, 1);
}

static void check_full(const struct image *image)
{
	size_t count;
	image_ranges(image, &count);
	assert_int_equal(count, 3);
	assert_null(image_warning(image));
	assert_page(image, 0x1000, 1);
	assert_page(image, 0x2000, 2);
	assert_page(image, 0x102000, 0x102);
	assert_page(image, 0xfffff000, 0xfffff);
	assert_null(image_page(image, 0));
	assert_null(image_page(image, 0x3000));
}

static void full_64(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_full(&blob, true);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_string_equal(image_format(opened.image), "Windows crash dump (64-bit, full)");
	check_full(opened.image);
	const struct image_hints *hints = image_hints(opened.image);
	assert_int_equal(hints->dtb, DTB);
	assert_int_equal(hints->build, 19041);
	assert_int_equal(hints->machine, IMAGE_FILE_MACHINE_AMD64);
	assert_int_equal(hints->ps_active_process_head, HEAD);
	assert_int_equal(hints->ps_loaded_module_list, HEAD + 0x10);
	assert_int_equal(hints->kd_debugger_data_block, 0); /* left at the pattern */
	assert_false(hints->pae);
}

static void full_32(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_full(&blob, false);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_string_equal(image_format(opened.image), "Windows crash dump (32-bit, full)");
	check_full(opened.image);
	/* PaeEnabled or not, what could be a PAE table's address stays whole */
	assert_int_equal(image_hints(opened.image)->dtb, 0x39020);
	assert_int_equal(image_hints(opened.image)->machine, IMAGE_FILE_MACHINE_I386);
	assert_int_equal(image_hints(opened.image)->ps_active_process_head, 0x80123440);
	assert_false(image_hints(opened.image)->pae);

	const uint8_t on = 1;
	put(&blob, 0x5c, &on, 1);
	put32(&blob, 0x60, 0x80111111);
	_cleanup_opened_ struct opened pae = open_blob(&blob);
	check_full(pae.image);
	assert_true(image_hints(pae.image)->pae);
	assert_int_equal(image_hints(pae.image)->dtb, 0x39020);
	assert_int_equal(image_hints(pae.image)->kd_debugger_data_block, 0x80111111);
}

/* What the header tells of the dump itself, unless the writer left it out. */
static void when_and_comment(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		const size_t time = wide ? 0xfa8 : 0xfc0, comment = wide ? 0xfb0 : 0x820;
		_cleanup_blob_ struct blob blob = {0};
		put_full(&blob, wide);
		_cleanup_opened_ struct opened none = open_blob(&blob);
		assert_null(image_fact(none.image, IMAGE_FACT_TAKEN));
		assert_null(image_fact(none.image, IMAGE_FACT_NOTE));
		put64(&blob, time, UINT64_C(133594528890000001)); /* by date -d */
		put(&blob, comment, "taken by hand", 14);
		_cleanup_opened_ struct opened told = open_blob(&blob);
		assert_string_equal(image_fact(told.image, IMAGE_FACT_TAKEN),
				    "2024-05-06T07:08:09Z");
		assert_string_equal(image_fact(told.image, IMAGE_FACT_NOTE),
				    "comment: taken by hand");
		for (size_t i = 0; i < 128; i++)
			put(&blob, comment + i, "x", 1);
		const uint64_t others[] = {0, 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
		for (size_t i = 0; i < array_size(others); i++) {
			put64(&blob, time, others[i]);
			_cleanup_opened_ struct opened other = open_blob(&blob);
			assert_null(image_fact(other.image, IMAGE_FACT_TAKEN));
			assert_int_equal(strlen(image_fact(other.image, IMAGE_FACT_NOTE)), 9 + 128);
		}
	}
}

static void runs_beyond_the_file(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_full(&blob, true);
	blob_resize(&blob, 0x2000 + 3 * PAGE + 8);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "truncated: it holds 12 KB of the 24 KB");
	assert_page(opened.image, 0x100000, 0x100);
	assert_null(image_page(opened.image, 0x101000));

	put_run(&blob, true, 1, 0x100, UINT64_MAX);
	put_run(&blob, true, 2, UINT64_MAX, UINT64_MAX);
	_cleanup_opened_ struct opened huge = open_blob(&blob);
	assert_warns(huge.image, "truncated");
	assert_page(huge.image, 0x100000, 0x100);

	blob_resize(&blob, 0x2000);
	refuse_blob(&blob, "none of the memory");
	blob_resize(&blob, 0x1fff);
	refuse_blob(&blob, "within its header");
}

static void overlapping_runs(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_full(&blob, true);
	put_run(&blob, true, 1, 2, 3);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "overlap: 4 KB");
}

static void damaged_runs(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_full(&blob, true);
	put32(&blob, 0x88, 42); /* as many as fit; those past the third hold the pattern */
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_page(opened.image, 0x1000, 1);
	put32(&blob, 0x88, 43);
	refuse_blob(&blob, "list of memory runs is damaged");
	put32(&blob, 0x88, 0);
	refuse_blob(&blob, "list of memory runs is damaged");
}

/* A bitmap of `bits` pages, set where `set` says so, and the set pages numbered behind it. */
static void put_bitmap(struct blob *blob, bool wide, uint64_t bits, bool (*set)(uint64_t page))
{
	size_t header = wide ? 0x2000 : 0x1000;
	size_t first = (header + 0x38 + bits / 8 + 1 + PAGE - 1) / PAGE * PAGE, at = first;
	put(blob, header, "SDMPDUMP", 8);
	uint64_t pages = 0;
	for (uint64_t page = 0; page < bits; page++) {
		if (!set(page))
			continue;
		size_t byte = header + 0x38 + page / 8;
		uint8_t value = byte < blob->size ? blob->data[byte] : 0;
		value = (uint8_t)(value | 1u << page % 8);
		put(blob, byte, &value, 1);
		pages++;
	}
	put64(blob, header + 0x20, first);
	put64(blob, header + 0x28, pages);
	put64(blob, header + 0x30, bits);
	for (uint64_t page = 0; page < bits; page++) {
		if (set(page)) {
			put_page(blob, at, page);
			at += PAGE;
		}
	}
}

static bool mixed(uint64_t page)
{
	return page == 1 || (page >= 62 && page < 66) || (page >= 100 && page < 400) ||
	       (page >= 448 && page < 512) || page == 520 || page >= 599;
}

static bool all(uint64_t page)
{
	(void)page;
	return true;
}

static bool every_second(uint64_t page)
{
	return page % 2;
}

static void check_bitmap(const struct image *image, uint64_t bits, bool (*set)(uint64_t page),
			 size_t ranges)
{
	size_t count;
	image_ranges(image, &count);
	assert_int_equal(count, ranges);
	for (uint64_t page = 0; page < bits + 70; page++) {
		if (page < bits && set(page))
			assert_page(image, page * PAGE, page);
		else
			assert_null(image_page(image, page * PAGE));
	}
}

static void bitmap_64(void **state)
{
	(void)state;
	const uint64_t bits[] = {600, 603, 607, 608, 640, 641};
	for (size_t i = 0; i < array_size(bits); i++) {
		_cleanup_blob_ struct blob blob = {0};
		put_header(&blob, true, 5);
		put_bitmap(&blob, true, bits[i], mixed);
		_cleanup_opened_ struct opened opened = open_blob(&blob);
		assert_string_equal(image_format(opened.image),
				    "Windows crash dump (64-bit, bitmap)");
		assert_null(image_warning(opened.image));
		check_bitmap(opened.image, bits[i], mixed, 6);
		assert_int_equal(image_hints(opened.image)->dtb, DTB);
	}
}

static void bitmap_shapes(void **state)
{
	(void)state;
	for (uint64_t bits = 1; bits < 200; bits += 7) {
		_cleanup_blob_ struct blob blob = {0};
		put_header(&blob, true, 5);
		put_bitmap(&blob, true, bits, all);
		put(&blob, 0x2000, "FDMP", 4);
		_cleanup_opened_ struct opened opened = open_blob(&blob);
		check_bitmap(opened.image, bits, all, 1);
		if (bits < 2)
			continue;
		_cleanup_blob_ struct blob half = {0};
		put_header(&half, true, 5);
		put_bitmap(&half, true, bits, every_second);
		_cleanup_opened_ struct opened other = open_blob(&half);
		check_bitmap(other.image, bits, every_second, bits / 2);
	}
}

static void bitmap_32(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_header(&blob, false, 5);
	put_bitmap(&blob, false, 610, mixed);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_string_equal(image_format(opened.image), "Windows crash dump (32-bit, bitmap)");
	check_bitmap(opened.image, 610, mixed, 6);
}

/* Bits behind the last are no pages; the byte they stand in is shared. */
static void bits_behind_the_last(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_header(&blob, true, 5);
	put_bitmap(&blob, true, 5, all);
	const uint8_t ones = 0xff;
	put(&blob, 0x2038, &ones, 1);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_null(image_warning(opened.image));
	check_bitmap(opened.image, 5, all, 1);
}

static void bitmap_cut_or_damaged(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_header(&blob, true, 5);
	put_bitmap(&blob, true, 600, mixed);
	size_t whole = blob.size;
	blob_resize(&blob, whole - 10 * PAGE);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "40 KB are missing");
	assert_page(opened.image, 0x1000, 1);

	put64(&blob, 0x2028, 5);
	_cleanup_opened_ struct opened counted = open_blob(&blob);
	assert_warns(counted.image, "the bitmap marks 371 pages, the header says 5");

	const uint64_t bad_bits[] = {UINT64_MAX, UINT64_MAX - 7, 1 << 20, UINT64_C(1) << 63};
	for (size_t i = 0; i < array_size(bad_bits); i++) {
		put64(&blob, 0x2030, bad_bits[i]);
		refuse_blob(&blob, "bitmap header is damaged");
	}
	put64(&blob, 0x2030, 600);
	const uint64_t bad_first[] = {0, 0x2038, 0x2040, UINT64_MAX, blob.size + 1};
	for (size_t i = 0; i < array_size(bad_first); i++) {
		put64(&blob, 0x2020, bad_first[i]);
		refuse_blob(&blob, "bitmap header is damaged");
	}
	put(&blob, 0x2000, "XXXX", 4);
	refuse_blob(&blob, "bitmap header is damaged");
}

/* Type 1, but the runs hold the pattern and a bitmap follows. */
static void bitmap_that_says_full(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_header(&blob, true, 1);
	put_bitmap(&blob, true, 600, mixed);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	check_bitmap(opened.image, 600, mixed, 6);
}

static void kernel_bitmap_opens_with_a_warning(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_header(&blob, true, 6);
	put_bitmap(&blob, true, 600, mixed);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	check_bitmap(opened.image, 600, mixed, 6);
	assert_warns(opened.image, "hold the kernel's memory");
}

static void put_rdmp(struct blob *blob, uint32_t type)
{
	put_header(blob, true, type);
	put32(blob, 0x2000, 0x40);
	put(blob, 0x2004, "RDMPDUMP", 8);
	put32(blob, 0x200c, 0);
	put64(blob, 0x2010, 0x1000 - 0x20);
	put64(blob, 0x2018, 0x3000);
	put64(blob, 0x2020, 3);
	put64(blob, 0x2028, 6);
	const uint64_t ranges[][2] = {{0x20, 2}, {1, 1}, {0x100000, 3}};
	size_t at = 0x3000;
	for (size_t i = 0; i < array_size(ranges); i++) {
		put64(blob, 0x2030 + 16 * i, ranges[i][0]);
		put64(blob, 0x2038 + 16 * i, ranges[i][1]);
		put_pages(blob, at, ranges[i][0], ranges[i][1]);
		at += ranges[i][1] * PAGE;
	}
}

static void dumps_of_debuggers(void **state)
{
	(void)state;
	for (uint32_t type = 8; type <= 10; type++) {
		_cleanup_blob_ struct blob blob = {0};
		put_rdmp(&blob, type);
		if (type == 10) { /* what follows its list is no range */
			put64(&blob, 0x2060, 0x77);
			put64(&blob, 0x2068, 0x77);
		}
		_cleanup_opened_ struct opened opened = open_blob(&blob);
		assert_page(opened.image, 0x20000, 0x20);
		assert_page(opened.image, 0x21000, 0x21);
		assert_page(opened.image, 0x1000, 1);
		assert_page(opened.image, 0x100002000, 0x100002);
		size_t count;
		image_ranges(opened.image, &count);
		assert_int_equal(count, 3);
		if (type == 8)
			assert_warns(opened.image, "kernel's memory");
		else
			assert_null(image_warning(opened.image));
		put64(&blob, 0x2018, blob.size + 1);
		refuse_blob(&blob, "list of page ranges is damaged");
	}
}

static void kinds_without_the_memory_of_processes(void **state)
{
	(void)state;
	const struct {
		uint32_t type;
		const char *word;
	} kinds[] = {
		{2, "is a kernel memory dump, without the memory of processes: set Windows to"},
		{3, "only: set Windows to write a complete memory dump"},
		{4, "is a small memory dump of"},
		{7, "is an automatic memory dump"},
		{0, "unknown type 0"},
		{11, "unknown type 11"},
		{0x45474150, "unknown type 1162297680"},
	};
	for (size_t i = 0; i < array_size(kinds); i++) {
		for (int wide = 0; wide < 2; wide++) {
			_cleanup_blob_ struct blob blob = {0};
			put_full(&blob, wide);
			put32(&blob, wide ? 0xf98 : 0xf88, kinds[i].type);
			refuse_blob(&blob, kinds[i].word);
		}
	}
}

static void other_machines_and_encryption(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_full(&blob, true);
	put32(&blob, 0x30, 0xaa64);
	refuse_blob(&blob, "ARM64");
	put32(&blob, 0x30, 0x8664);
	put32(&blob, 0x1050, 0x100);
	refuse_blob(&blob, "encrypted");
	put(&blob, 0x1050, "PAGE", 4);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	check_full(opened.image);
}

static void damage_does_no_harm(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		size_t header = wide ? 0x2000 : 0x1000;
		_cleanup_blob_ struct blob full = {0};
		put_full(&full, wide);
		torture(&full, 0x200, 1500);
		_cleanup_blob_ struct blob bitmap = {0};
		put_header(&bitmap, wide, 5);
		put_bitmap(&bitmap, wide, 70, mixed);
		torture(&bitmap, header + 0x48, 1500);
		/* The second header alone: the first is large and mostly unused. */
		uint64_t random = 42;
		for (unsigned int i = 0; i < 1500; i++) {
			_cleanup_blob_ struct blob changed = {0};
			put(&changed, 0, bitmap.data, bitmap.size);
			size_t at = header + next_random(&random) % 0x48;
			changed.data[at] = (uint8_t)next_random(&random);
			struct opened opened = open_bytes(changed.data, changed.size);
			opened_free(&opened);
		}
	}
	_cleanup_blob_ struct blob rdmp = {0};
	put_rdmp(&rdmp, 9);
	torture(&rdmp, 0x2070, 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_64),
		cmocka_unit_test(full_32),
		cmocka_unit_test(when_and_comment),
		cmocka_unit_test(runs_beyond_the_file),
		cmocka_unit_test(overlapping_runs),
		cmocka_unit_test(damaged_runs),
		cmocka_unit_test(bitmap_64),
		cmocka_unit_test(bitmap_shapes),
		cmocka_unit_test(bitmap_32),
		cmocka_unit_test(bits_behind_the_last),
		cmocka_unit_test(bitmap_cut_or_damaged),
		cmocka_unit_test(bitmap_that_says_full),
		cmocka_unit_test(kernel_bitmap_opens_with_a_warning),
		cmocka_unit_test(dumps_of_debuggers),
		cmocka_unit_test(kinds_without_the_memory_of_processes),
		cmocka_unit_test(other_machines_and_encryption),
		cmocka_unit_test(damage_does_no_harm),
	};
	return cmocka_run_group_tests_name("image_crashdump", tests, NULL, NULL);
}
