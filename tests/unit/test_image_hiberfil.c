/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image: hibernation files, of every layout that the tests' writer knows; and damaged ones. */
#include "image_builder.h"

#include <stdio.h>
#include <unistd.h>

#include <writer/hiberfil.h>
#include <writer/util.h>

enum {
	RUN = 40, /* pages in a row */
	RUNS = 6,
	SINGLES = 530, /* each alone: more than a table of any layout lists */
	PAGES = RUN * RUNS + SINGLES,
	FIRST_TABLE = 6 * PAGE,
	FIRST_SET = 7 * PAGE,
};

static uint64_t numbers[PAGES];

static void fill_numbers(void)
{
	size_t count = 0;
	for (uint64_t run = 0; run < RUNS; run++)
		for (uint64_t i = 0; i < RUN; i++)
			numbers[count++] = 1 + run * 0x100 + i;
	for (uint64_t i = 0; i < SINGLES; i++)
		numbers[count++] = 0x10000 + i * 3;
}

/* What a page holds: the number of it at both ends, and something between. */
static const uint8_t *page_of(void *context, uint64_t number)
{
	static uint8_t page[PAGE];
	struct util_random random = {number};
	(void)context;
	for (size_t i = 0; i < PAGE; i += 8)
		util_put(page + i, number % 7 ? number : util_random(&random), 8);
	util_put(page, number, 8);
	util_put(page + PAGE - 8, number, 8);
	return page;
}

static void write_file(const struct hiberfil_options *options, unsigned int pointer_size,
		       struct blob *blob)
{
	char path[] = "/tmp/impscan-hiberfil-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	if (!numbers[0])
		fill_numbers();
	struct hiberfil_memory memory = {.pages = numbers,
					 .count = PAGES,
					 .page = page_of,
					 .pointer_size = pointer_size,
					 .cr3 = 0x3000};
	hiberfil_write(options, &memory, path);
	size_t size;
	uint8_t *data = util_read_file(path, &size);
	blob_free(blob);
	put(blob, 0, data, size);
	free(data);
	unlink(path);
}

static unsigned int pointer_of(const char *layout)
{
	return strstr(layout, "x64") ? 8 : 4;
}

/* What is there of the pages is right. Returns how many are. */
static size_t count_pages(const struct image *image)
{
	size_t count = 0;
	for (size_t i = 0; i < PAGES; i++) {
		const uint8_t *page = image_page(image, numbers[i] * PAGE);
		if (!page)
			continue;
		if (le64(page) != numbers[i])
			print_error("page 0x%llx is 0x%llx: %s, %s\n",
				    (unsigned long long)numbers[i], (unsigned long long)le64(page),
				    image_format(image), image_warning(image));
		assert_memory_equal(page, page_of(NULL, numbers[i]), PAGE);
		count++;
	}
	assert_null(image_page(image, 0));
	assert_null(image_page(image, (1 + RUN) * PAGE));
	assert_null(image_page(image, 0x10001 * PAGE));
	return count;
}

/* Writes a file, and holds what is read of it against what was put in. */
static void check_file(const struct hiberfil_options *options, const char *name)
{
	_cleanup_blob_ struct blob blob = {0};
	unsigned int pointer = pointer_of(options->layout);
	write_file(options, pointer, &blob);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	if (count_pages(opened.image) != PAGES || image_warning(opened.image))
		print_error("%s, %s\n", options->layout, image_warning(opened.image));
	assert_int_equal(count_pages(opened.image), PAGES);
	assert_null(image_warning(opened.image));
	assert_non_null(strstr(image_format(opened.image), pointer == 8 ? "64-bit" : "32-bit"));
	if (!strstr(image_format(opened.image), name))
		print_error("%s: %s\n", options->layout, image_format(opened.image));
	assert_non_null(strstr(image_format(opened.image), name));
	assert_int_equal(image_hints(opened.image)->machine,
			 pointer == 8 ? IMAGE_FILE_MACHINE_AMD64 : IMAGE_FILE_MACHINE_I386);
}

static bool is_new(const char *layout)
{
	return layout[0] == '8' || layout[0] == '1' || !strncmp(layout, "203", 3) ||
	       !strncmp(layout, "26", 2);
}

static void check_old(const char *layout)
{
	struct hiberfil_options options = {.layout = layout};
	check_file(&options, "Windows hibernation file (");
	options.signature = "wake";
	check_file(&options, "resumed)");
	options.overlap = options.stale = true;
	check_file(&options, "resumed)");
	options.zero_header = true;
	check_file(&options, "header cleared by resuming)");
}

static void check_new(const char *layout)
{
	struct hiberfil_options options = {.layout = layout, .mixed = true};
	check_file(&options, "Windows hibernation file (");
	options.method_1 = options.overlap = options.shuffle = true;
	check_file(&options, "bit, Windows");
	options = (struct hiberfil_options){
		.layout = layout, .method = 3, .wrong_counts = true, .hiberboot = true};
	check_file(&options, ", fast startup)");
	options = (struct hiberfil_options){.layout = layout, .length = 0x123, .overlap = true};
	check_file(&options, "Windows 8 or later)");
	options.signature = "RSTR";
	check_file(&options, "of a resume that failed)");
	options = (struct hiberfil_options){.layout = layout, .zero_header = true, .mixed = true};
	check_file(&options, "header cleared by resuming)");
}

static void check_layout(const char *name, unsigned int pointer_size)
{
	(void)pointer_size;
	(is_new(name) ? check_new : check_old)(name);
}

static void every_layout(void **state)
{
	(void)state;
	hiberfil_layouts(check_layout);
}

static void versions_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *layout, *name;
	} table[] = {
		{"xp-x86", "(32-bit, Windows XP to Vista SP1)"},
		{"vista-sp2-x86", "(32-bit, Windows Vista SP2)"},
		{"7-x86", "(32-bit, Windows 7)"},
		{"2003-x64", "(64-bit, Windows 2003 to Vista SP1)"},
		{"vista-sp2-x64", "(64-bit, Windows Vista SP2)"},
		{"7-x64", "(64-bit, Windows 7)"},
		{"8-x64", "(64-bit, Windows 8 and 8.1)"},
		{"14393-x86", "(32-bit, Windows 10 1607)"},
		{"26100-x64", "(64-bit, Windows 11 24H2)"},
	};
	for (size_t i = 0; i < array_size(table); i++)
		check_file(&(struct hiberfil_options){.layout = table[i].layout}, table[i].name);
}

static void facts_are_told(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	write_file(
		&(struct hiberfil_options){.layout = "17763-x64", .mixed = true, .hiberboot = true},
		8, &blob);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_string_equal(image_fact(opened.image, IMAGE_FACT_COMPRESSION),
			    "Xpress; Xpress-Huffman");
	assert_string_equal(image_fact(opened.image, IMAGE_FACT_MISSING),
			    "fast startup: users were logged off, kernel and session 0 only");
	assert_string_equal(image_fact(opened.image, IMAGE_FACT_TAKEN), "2019-04-17T18:40:00Z");
	static const char *const layouts[] = {"xp-x86", "vista-sp1-x86", "vista-sp0-x64"};
	for (size_t i = 0; i < array_size(layouts); i++) {
		write_file(&(struct hiberfil_options){.layout = layouts[i]}, pointer_of(layouts[i]),
			   &blob);
		_cleanup_opened_ struct opened old = open_blob(&blob);
		assert_string_equal(image_fact(old.image, IMAGE_FACT_COMPRESSION), "Xpress");
		assert_string_equal(image_fact(old.image, IMAGE_FACT_TAKEN),
				    "2009-10-14T13:20:00Z");
		assert_null(image_fact(old.image, IMAGE_FACT_MISSING));
	}
}

static void the_saved_state_leads_to_the_page_map(void **state)
{
	(void)state;
	static const char *const layouts[] = {"xp-x86", "vista-sp0-x64", "7-x64", "7-x86"};
	for (size_t i = 0; i < array_size(layouts); i++) {
		_cleanup_blob_ struct blob blob = {0};
		write_file(&(struct hiberfil_options){.layout = layouts[i]}, pointer_of(layouts[i]),
			   &blob);
		_cleanup_opened_ struct opened opened = open_blob(&blob);
		assert_int_equal(image_hints(opened.image)->dtb, 0x3000);
	}
}

static void sets_are_unpacked_where_they_are_needed(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	uint64_t all;
	write_file(&(struct hiberfil_options){.layout = "8-x64"}, 8, &blob);
	struct image *image = NULL;
	assert_null(image_open_bytes("hiberfil", blob.data, blob.size, &image));
	assert_int_equal(image_sets_unpacked(image, &all), 0);
	assert_true(all >= PAGES / 16);
	assert_non_null(image_page(image, numbers[0] * PAGE));
	assert_non_null(image_page(image, numbers[1] * PAGE));
	assert_int_equal(image_sets_unpacked(image, &all), 1);
	/* the one after the first: as if all were read in order, so the whole set is */
	assert_int_equal(source_unpacked(image_source(image), NULL), 16 * PAGE);
	assert_non_null(image_page(image, numbers[16 + 7] * PAGE));
	assert_int_equal(image_sets_unpacked(image, &all), 2);
	uint64_t unpacked = source_unpacked(image_source(image), NULL);
	assert_true(unpacked >= 24 * PAGE && unpacked < 25 * PAGE);
	image_close(image);
}

/* Of a block that is cut short there are the pages before, whichever is needed first. */
static void pages_before_the_damage_are_there(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	static const char *const layouts[] = {"7-x64", "xp-x86"};
	for (size_t i = 0; i < array_size(layouts); i++) {
		write_file(&(struct hiberfil_options){.layout = layouts[i]}, pointer_of(layouts[i]),
			   &blob);
		const uint8_t *block = blob.data + FIRST_TABLE;
		block = memmem(block, blob.size - FIRST_TABLE, "\x81\x81xpress", 8);
		assert_non_null(block);
		size_t at = (size_t)(block - blob.data) + 8;
		put32(&blob, at, (le32(blob.data + at) >> 11) << 10 | 15); /* half the size */
		size_t there[2] = {0};
		for (size_t order = 0; order < 2; order++) {
			_cleanup_opened_ struct opened opened = open_blob(&blob);
			for (size_t k = 0; k < 16; k++) {
				uint64_t number = numbers[order ? 15 - k : k];
				const uint8_t *page = image_page(opened.image, number * PAGE);
				there[order] += page != NULL;
				if (page)
					assert_memory_equal(page, page_of(NULL, number), PAGE);
			}
			_cleanup_free_ char *lost = source_failure(image_source(opened.image));
			assert_non_null(strstr(lost, "are damaged"));
			assert_non_null(strstr(lost, "others of a damaged file may be wrong"));
		}
		assert_int_equal(there[0], there[1]);
		assert_true(there[0] > 0 && there[0] < 16);
	}
}

/* Opens what was damaged: what is there is right, or a sentence says that nothing is. */
static void check_damaged(const struct blob *blob, bool warns)
{
	_cleanup_opened_ struct opened opened = open_bytes(blob->data, blob->size);
	if (opened.error) {
		assert_non_null(strstr(error_message(opened.error), "'test.img'"));
		return;
	}
	if (!strcmp(image_format(opened.image), "raw"))
		return; /* a cleared header, and no block behind it that would tell */
	if (image_page(opened.image, (1 + RUN) * PAGE))
		print_error("too much is there: %s, %s\n", image_format(opened.image),
			    image_warning(opened.image));
	size_t count = count_pages(opened.image);
	if (warns && count < PAGES) {
		_cleanup_free_ char *lost = source_failure(image_source(opened.image));
		assert_true(image_warning(opened.image) || lost);
	}
}

static void cut_anywhere(void **state)
{
	(void)state;
	static const struct hiberfil_options options[] = {
		{.layout = "xp-x86"},
		{.layout = "7-x64", .zero_header = true},
		{.layout = "8-x64", .mixed = true},
		{.layout = "14393-x86", .method = 2, .wrong_counts = true},
		{.layout = "26100-x64", .overlap = true, .length = 7},
	};
	for (size_t i = 0; i < array_size(options); i++) {
		_cleanup_blob_ struct blob blob = {0};
		write_file(&options[i], pointer_of(options[i].layout), &blob);
		const size_t size = blob.size;
		for (size_t cut = size - 1; cut > 4; cut -= min_of(cut - 4, size / 25 + i)) {
			/* overlap: of a page that is cut off the older content is there */
			blob.size = cut;
			if (!options[i].overlap)
				check_damaged(&blob, true);
		}
	}
}

/* The set or block that begins at or behind `offset`; its number of pages of such. */
static size_t next_magic(const struct blob *blob, size_t offset)
{
	const uint8_t *found =
		memmem(blob->data + offset, blob->size - offset, "\x81\x81xpress", 8);
	assert_non_null(found);
	return (size_t)(found - blob->data);
}

static void damaged_blocks(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob good = {0}, bad = {0};
	static const char *const layouts[] = {"xp-x86", "vista-sp2-x64", "7-x86"};
	for (size_t i = 0; i < array_size(layouts); i++) {
		struct hiberfil_options options = {.layout = layouts[i], .stale = i == 1};
		write_file(&options, pointer_of(layouts[i]), &good);
		blob_free(&bad);
		size_t at = next_magic(&good, next_magic(&good, FIRST_TABLE) + 1);
		/* a magic alone: the sizes behind it still lead on, and nothing is lost */
		put(&bad, 0, good.data, good.size);
		put(&bad, at, "XXXXXXXX", 8);
		_cleanup_opened_ struct opened opened = open_blob(&bad);
		assert_int_equal(count_pages(opened.image), PAGES);
		/* all of a header; then its sizes: what follows can't be told apart */
		put(&bad, at, "XXXXXXXXXXXXXXXX", 16);
		check_damaged(&bad, true);
		put(&bad, 0, good.data, good.size);
		static const uint32_t sizes[] = {0,
						 0xffffffff,
						 15,
						 100 << 10 | 15,
						 500 << 10 | 3,
						 0x10000 << 10 | 15,
						 99 << 10 | 15};
		for (size_t k = 0; k < array_size(sizes); k++) {
			put32(&bad, at + 8, sizes[k]);
			check_damaged(&bad, true);
		}
		/* data: the set can't be unpacked, or it was a literal that changed */
		put(&bad, 0, good.data, good.size);
		memset(bad.data + at + 32, 0xff, 40);
		_cleanup_opened_ struct opened other = open_blob(&bad);
		size_t missing = 0;
		for (size_t p = 0; p < PAGES; p++)
			missing += !image_page(other.image, numbers[p] * PAGE);
		assert_int_equal(missing, 16);
		_cleanup_free_ char *lost = source_failure(image_source(other.image));
		assert_non_null(strstr(lost, "are damaged"));
	}
}

static void damaged_tables(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob good = {0}, bad = {0};
	write_file(&(struct hiberfil_options){.layout = "7-x64"}, 8, &good);
	/* links: to itself, back, beyond the file, to no table, and on by a page */
	const uint64_t links[] = {6, 1, 0, UINT64_MAX, good.size / PAGE, 8, 7, UINT64_C(1) << 60};
	for (size_t i = 0; i < array_size(links); i++) {
		put(&bad, 0, good.data, good.size);
		put64(&bad, FIRST_TABLE, links[i]);
		check_damaged(&bad, links[i]);
	}
	/* counts: none, more than fit, fewer than there are */
	static const uint32_t counts[] = {0, 256, UINT32_MAX, 1, 254};
	for (size_t i = 0; i < array_size(counts); i++) {
		put(&bad, 0, good.data, good.size);
		put32(&bad, FIRST_TABLE + 8, counts[i]);
		check_damaged(&bad, counts[i] != 1 && counts[i] != 254);
	}
	put(&bad, 0, good.data, good.size);
	put32(&bad, FIRST_TABLE + 8, 0);
	refuse_blob(&bad, "whose first table of pages is damaged");
	/* ranges: backwards, empty, huge */
	put(&bad, 0, good.data, good.size);
	put64(&bad, FIRST_TABLE + 0x18, 0);
	refuse_blob(&bad, "whose first table of pages is damaged");
	put64(&bad, FIRST_TABLE + 0x18, UINT64_C(1) << 60);
	refuse_blob(&bad, "whose first table of pages is damaged");
	put(&bad, 0, good.data, good.size);
	put64(&bad, FIRST_TABLE + 0x10 + 16 * 254 + 8, UINT64_C(1) << 39);
	check_damaged(&bad, true);
	good.size = min_of(good.size, (size_t)(20 * PAGE));
	torture(&good, FIRST_TABLE + 2 * PAGE, 100);
}

static void damaged_sets(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob good = {0}, bad = {0};
	struct hiberfil_options options = {.layout = "8-x64", .mixed = true};
	write_file(&options, 8, &good);
	size_t at = FIRST_SET;
	for (unsigned int set = 0; set < 4; set++) {
		uint32_t header = le32(good.data + at);
		const uint32_t headers[] = {0,
					    header & ~0xffu,
					    header | 0xff,
					    header - 0x100,
					    header + 0x100,
					    header + 0x4000,
					    header | 0xfff00,
					    (header & 0xff) | 1 << 8,
					    header ^ 0xc0000000};
		for (size_t i = 0; i < array_size(headers); i++) {
			put(&bad, 0, good.data, good.size);
			put32(&bad, at, headers[i]);
			check_damaged(&bad, true);
		}
		/* a page that no machine has */
		put(&bad, 0, good.data, good.size);
		put64(&bad, at + 4, UINT64_MAX);
		check_damaged(&bad, true);
		at += 4 + (header & 0xff) * 8 + (header >> 8 & 0xfffff);
	}
	/* sections that are nowhere, at one place, in the header, behind the file */
	static const uint64_t pages[] = {0, 1, 7, UINT64_MAX, 1 << 20};
	for (size_t i = 0; i < array_size(pages); i++) {
		put(&bad, 0, good.data, good.size);
		put64(&bad, 0x68, pages[i]);
		check_damaged(&bad, true);
		put64(&bad, 0x60, pages[i]);
		check_damaged(&bad, false);
	}
	good.size = min_of(good.size, (size_t)(20 * PAGE));
	torture(&good, FIRST_SET + 200, 100);
}

static void nothing_there_is_said(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	blob_resize(&blob, 64 * PAGE);
	put(&blob, 0, "WAKE", 4);
	refuse_blob(&blob, "holds no memory: it was cleared when the machine resumed");
	put(&blob, 0, "HIBR", 4);
	refuse_blob(&blob, "holds no memory: its pages were cleared or never written");
	put32(&blob, 0xc, 0x3e0);
	put64(&blob, 0x68, 7);
	put64(&blob, 0x70, 9);
	refuse_blob(&blob, "holds no memory");
	memset(blob.data + 9 * PAGE, 0x77, PAGE);
	refuse_blob(&blob, "are not where its header says");
	blob_resize(&blob, 7 * PAGE);
	refuse_blob(&blob, "it is cut off");
	blob_resize(&blob, 100);
	refuse_blob(&blob, "it is cut off");
	blob_resize(&blob, 4);
	refuse_blob(&blob, "it is cut off");
	/* all zeros: only the name tells */
	memset(blob.data, 0, blob.size);
	blob_resize(&blob, 64 * PAGE);
	struct image *image = NULL;
	struct error *error =
		image_open_bytes("/evidence/Hiberfil.sys", blob.data, blob.size, &image);
	assert_non_null(error);
	assert_non_null(strstr(error_message(error), "or nothing was saved to it yet"));
	error_free(error);
	_cleanup_opened_ struct opened raw = open_blob(&blob);
	assert_string_equal(image_format(raw.image), "raw");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layout),
		cmocka_unit_test(versions_are_named),
		cmocka_unit_test(facts_are_told),
		cmocka_unit_test(the_saved_state_leads_to_the_page_map),
		cmocka_unit_test(sets_are_unpacked_where_they_are_needed),
		cmocka_unit_test(pages_before_the_damage_are_there),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(damaged_blocks),
		cmocka_unit_test(damaged_tables),
		cmocka_unit_test(damaged_sets),
		cmocka_unit_test(nothing_there_is_said),
	};
	return cmocka_run_group_tests_name("image: hibernation files", tests, NULL, NULL);
}
