/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image: minidumps. */
#include "image_builder.h"

#include <impscan/minidump.h>

enum { X86 = 0, X64 = 9, ARM64 = 12 };
enum {
	DIRECTORY = 32,
	SYSTEM = 0x200,
	MODULES = 0x300,
	THREADS = 0x400,
	MEMORY = 0x500,
	INFO = 0x700,
	NAME = 0x901,
	OTHER = 0xa03,
	DATA = 0xe05
};

/* Entry number `i` of the directory. */
static void set_stream(struct blob *blob, size_t i, uint32_t type, uint32_t size, uint32_t rva)
{
	put32(blob, DIRECTORY + 12 * i, type);
	put32(blob, DIRECTORY + 12 * i + 4, size);
	put32(blob, DIRECTORY + 12 * i + 8, rva);
}

static void set_module(struct blob *blob, size_t i, uint64_t base, uint32_t size, uint32_t name)
{
	put32(blob, MODULES, (uint32_t)i + 1);
	put64(blob, MODULES + 4 + 108 * i, base);
	put32(blob, MODULES + 4 + 108 * i + 8, size);
	put32(blob, MODULES + 4 + 108 * i + 20, name);
	set_stream(blob, 1, 4, (uint32_t)(4 + 108 * (i + 1)), MODULES);
}

static void set_range(struct blob *blob, size_t i, uint64_t address, uint64_t size)
{
	put64(blob, MEMORY, i + 1);
	put64(blob, MEMORY + 8, DATA);
	put64(blob, MEMORY + 16 + 16 * i, address);
	put64(blob, MEMORY + 24 + 16 * i, size);
	set_stream(blob, 3, 9, (uint32_t)(16 + 16 * (i + 1)), MEMORY);
}

static void set_region(struct blob *blob, size_t i, uint64_t start, uint64_t size, uint32_t state)
{
	size_t at = INFO + 16 + 48 * i;
	put32(blob, INFO, 16);
	put32(blob, INFO + 4, 48);
	put64(blob, INFO + 8, i + 1);
	put64(blob, at, start);
	put64(blob, at + 8, start);
	put32(blob, at + 16, 0x40);
	put64(blob, at + 24, size);
	put32(blob, at + 32, state);
	put32(blob, at + 36, 0x20);
	put32(blob, at + 40, MINIDUMP_PRIVATE);
	set_stream(blob, 4, 16, (uint32_t)(16 + 48 * (i + 1)), INFO);
}

/* A process with one module of two pages, one thread and two ranges of memory. */
static void make_dump(struct blob *blob, unsigned int processor)
{
	put(blob, 0, "MDMP\x93\xa7\0\0", 8);
	put32(blob, 8, 6);
	put32(blob, 12, DIRECTORY);
	put32(blob, 20, 1700000000);
	put64(blob, 24, 2);
	put16(blob, SYSTEM, (uint16_t)processor);
	put(blob, SYSTEM + 6, "\x04", 1);
	put32(blob, SYSTEM + 8, 10);
	put32(blob, SYSTEM + 16, 19045);
	put32(blob, SYSTEM + 20, 2);
	set_stream(blob, 0, 7, 56, SYSTEM);
	put32(blob, NAME, 22);
	put(blob, NAME + 4, "C\0:\0\\\0a\0\\\0x\0.\0e\0x\0e\0\0\0", 22);
	set_module(blob, 0, 0x400000, 0x2000, NAME);
	put32(blob, THREADS, 1);
	put64(blob, THREADS + 4 + 16, 0x7000);
	set_stream(blob, 2, 3, 52, THREADS);
	set_range(blob, 0, 0x7000, 0x1000);
	set_range(blob, 1, 0x400000, 0x2000);
	set_stream(blob, 5, 15, 24, OTHER);
	put32(blob, OTHER + 4, 1);
	put32(blob, OTHER + 8, 4012);
	put_pages(blob, DATA, 7, 1);
	put_pages(blob, DATA + PAGE, 0x400, 2);
}

static void a_dump(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	make_dump(&blob, X64);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	const struct minidump *dump = image_minidump(opened.image);
	assert_string_equal(image_format(opened.image), "minidump (x64 process)");
	assert_null(image_warning(opened.image));
	assert_page(opened.image, 0x7000, 7);
	assert_page(opened.image, 0x401000, 0x401);
	assert_null(image_page(opened.image, 0x402000));
	assert_int_equal(dump->pointer_size, 8);
	assert_int_equal(dump->build, 19045);
	assert_true(dump->has_pid);
	assert_int_equal(dump->pid, 4012);
	assert_int_equal(dump->module_count, 1);
	assert_int_equal(dump->modules_held, 1);
	assert_string_equal(dump->modules[0].path, "C:\\a\\x.exe");
	assert_int_equal(dump->teb_count, 1);
	assert_int_equal(dump->tebs[0], 0x7000);
	assert_int_equal(dump->memory_count, 2);
	assert_false(dump->has_regions);
	assert_string_equal(image_fact(opened.image, IMAGE_FACT_TAKEN), "2023-11-14T22:13:20Z");
}

/* 32-bit addresses above 2 GB, sign-extended or not. */
static void extended_addresses(void **state)
{
	(void)state;
	const uint64_t high = UINT64_C(0xffffffff90000000);
	_cleanup_blob_ struct blob blob = {0};
	make_dump(&blob, X86);
	set_module(&blob, 0, high, 0x2000, NAME);
	put64(&blob, THREADS + 4 + 16, high - 0x1000);
	set_range(&blob, 0, high - 0x1000, 0x1000);
	set_range(&blob, 1, high & UINT32_MAX, 0x2000);
	set_region(&blob, 0, high, 0x2000, MINIDUMP_COMMIT);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	const struct minidump *dump = image_minidump(opened.image);
	assert_null(image_warning(opened.image));
	assert_page(opened.image, 0x8ffff000, 7);
	assert_page(opened.image, 0x90001000, 0x401);
	assert_int_equal(dump->modules[0].base, 0x90000000);
	assert_int_equal(dump->modules_held, 1);
	assert_int_equal(dump->tebs[0], 0x8ffff000);
	assert_true(dump->has_regions);
	assert_int_equal(dump->regions[0].start, 0x90000000);
}

static void other_systems(void **state)
{
	(void)state;
	const struct {
		uint32_t platform;
		const char *name;
	} systems[] = {{0x8101, "of macOS"},
		       {0x8201, "of Linux"},
		       {0x8203, "of Android"},
		       {0x8999, "another system"},
		       {1, "platform 1"}};
	for (size_t i = 0; i < array_size(systems); i++) {
		_cleanup_blob_ struct blob blob = {0};
		make_dump(&blob, X64);
		put32(&blob, SYSTEM + 20, systems[i].platform);
		refuse_blob(&blob, systems[i].name);
	}
	_cleanup_blob_ struct blob arm = {0};
	make_dump(&arm, ARM64);
	refuse_blob(&arm, "on ARM64");
	put16(&arm, SYSTEM, 0xffff);
	refuse_blob(&arm, "of type 65535");
	set_stream(&arm, 0, 0, 56, SYSTEM);
	refuse_blob(&arm, "without a SystemInfoStream");
}

/* Stacks only, as most tools write dumps when they are not told otherwise. */
static void without_modules(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	make_dump(&blob, X64);
	set_range(&blob, 1, 0x500000, 0x2000);
	refuse_blob(&blob, "without the memory of modules: its 12 KB are stacks");
	set_stream(&blob, 5, 0x47670001, 24, OTHER);
	refuse_blob(&blob, "written by Breakpad, without the memory of modules");
	set_stream(&blob, 3, 0, 0, 0);
	refuse_blob(&blob, "without any memory; take it with full memory: procdump -ma");
	/* Without a list of modules nothing tells, and the memory is looked through. */
	set_range(&blob, 1, 0x500000, 0x2000);
	set_stream(&blob, 1, 0, 0, 0);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_page(opened.image, 0x500000, 0x400);
}

static void some_modules(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	make_dump(&blob, X86);
	set_module(&blob, 1, 0x800000, 0x2000, NAME);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "the memory of only 1 of 2 modules");
	assert_string_equal(image_format(opened.image), "minidump (x86 process)");
}

/* The list may be longer than the stream, or have padding behind its count. */
static void lists(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	make_dump(&blob, X64);
	put32(&blob, MODULES, 0xffffffff);
	put32(&blob, THREADS, 0x10000000);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "of 4294967295 modules that the dump counts only 1 are read");
	assert_int_equal(image_minidump(opened.image)->module_count, 1);

	_cleanup_blob_ struct blob padded = {0};
	make_dump(&padded, X64);
	memmove(padded.data + MODULES + 8, padded.data + MODULES + 4, 108);
	set_stream(&padded, 1, 4, 8 + 108, MODULES);
	_cleanup_opened_ struct opened other = open_blob(&padded);
	assert_null(image_warning(other.image));
	assert_int_equal(image_minidump(other.image)->modules[0].base, 0x400000);
	assert_string_equal(image_minidump(other.image)->modules[0].path, "C:\\a\\x.exe");
}

static void hostile_ranges(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	make_dump(&blob, X64);
	/* So much that the sum of all is no number. */
	set_range(&blob, 2, 0x10000000, UINT64_C(1) << 62);
	set_range(&blob, 3, 0x20000000, UINT64_MAX);
	set_range(&blob, 4, UINT64_MAX - 5, 0x1000);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "3 ranges of memory lie beyond the addresses of a process");
	assert_warns(opened.image, "the file is truncated");
	assert_page(opened.image, 0x401000, 0x401);
	assert_null(image_page(opened.image, 0x20000000));
}

/* The same address twice: with the same bytes, and with others. */
static void overlaps(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	make_dump(&blob, X64);
	set_range(&blob, 2, 0x401000, 0x3000);
	put_pages(&blob, DATA + 3 * PAGE, 0x401, 3);
	_cleanup_opened_ struct opened same = open_blob(&blob);
	assert_null(image_warning(same.image));
	assert_page(same.image, 0x401000, 0x401);
	assert_page(same.image, 0x403000, 0x403);

	put_page(&blob, DATA + 3 * PAGE, 0x999);
	_cleanup_opened_ struct opened other = open_blob(&blob);
	assert_warns(other.image, "ranges overlap and differ: 4 KB of memory are not read");
	assert_page(other.image, 0x400000, 0x400);
	assert_null(image_page(other.image, 0x401000));
	assert_page(other.image, 0x402000, 0x402);
}

/* All that a dump has of modules is contradicted: that is what it is refused for. */
static void contradictions(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	make_dump(&blob, X64);
	set_range(&blob, 2, 0x400000, 0x2000);
	put_pages(&blob, DATA + 3 * PAGE, 0x999, 2);
	refuse_blob(&blob, "contradicts itself: it lists 8 KB of memory more than once");
}

static void parts_of_pages(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	make_dump(&blob, X64);
	set_range(&blob, 2, 0x900010, 0x1800);
	put_pages(&blob, DATA + 3 * PAGE, 9, 2);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "6 KB of memory lie in pages that are not whole");
}

static void regions(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	make_dump(&blob, X64);
	set_region(&blob, 0, 0x400000, 0x3000, MINIDUMP_COMMIT);
	set_region(&blob, 1, 0x7000, 0x1000, MINIDUMP_COMMIT);
	set_region(&blob, 2, 0x500000, 0x1000, MINIDUMP_FREE);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	const struct minidump *dump = image_minidump(opened.image);
	assert_null(image_warning(opened.image));
	assert_true(dump->has_regions);
	assert_int_equal(dump->region_count, 2);
	assert_int_equal(dump->regions[0].start, 0x7000);
	assert_non_null(
		strstr(image_fact(opened.image, IMAGE_FACT_MISSING), "4 KB that the process uses"));

	/* Where one makes no sense, which pages it was for can't be known. */
	put64(&blob, INFO + 16 + 24, 0x3001);
	_cleanup_opened_ struct opened odd = open_blob(&blob);
	assert_warns(odd.image, "1 of its 3 entries make no sense");
	assert_false(image_minidump(odd.image)->has_regions);
	put64(&blob, INFO + 16 + 24, 0x3000);
	put64(&blob, INFO + 16 + 48, 0x402000);
	_cleanup_opened_ struct opened overlapping = open_blob(&blob);
	assert_false(image_minidump(overlapping.image)->has_regions);
	put32(&blob, INFO + 4, 8);
	_cleanup_opened_ struct opened damaged = open_blob(&blob);
	assert_warns(damaged.image, "(MemoryInfoList) is damaged");
}

static void damage(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	make_dump(&blob, X64);
	set_region(&blob, 0, 0x400000, 0x3000, MINIDUMP_COMMIT);
	torture(&blob, DATA, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dump),	  cmocka_unit_test(extended_addresses),
		cmocka_unit_test(other_systems),  cmocka_unit_test(without_modules),
		cmocka_unit_test(some_modules),	  cmocka_unit_test(lists),
		cmocka_unit_test(hostile_ranges), cmocka_unit_test(overlaps),
		cmocka_unit_test(contradictions), cmocka_unit_test(parts_of_pages),
		cmocka_unit_test(regions),	  cmocka_unit_test(damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
