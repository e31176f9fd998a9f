/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * API sets: their schemas of all versions, and what holds without one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <impscan/api_set.h>
#include <impscan/export_map.h>

/* A schema in memory at 0x10000. */
struct schema {
	uint8_t bytes[1024];
	uint32_t used;
};

static bool read_schema(void *context, uint64_t address, void *buffer, size_t size)
{
	const struct schema *s = context;
	if (address < 0x10000 || address - 0x10000 + size > 0x1000000)
		return false;
	for (size_t i = 0; i < size; i++) {
		uint64_t at = address - 0x10000 + i;
		((uint8_t *)buffer)[i] = at < sizeof(s->bytes) ? s->bytes[at] : 0;
	}
	return address - 0x10000 < sizeof(s->bytes);
}

static void put32(struct schema *s, uint32_t at, uint32_t value)
{
	memcpy(s->bytes + at, &value, 4);
}

static uint32_t put_name(struct schema *s, const char *name, uint32_t at)
{
	uint32_t start = s->used;
	for (; *name; name++, s->used += 2)
		s->bytes[s->used] = (uint8_t)*name;
	put32(s, at, start);
	put32(s, at + 4, s->used - start);
	return start;
}

static void check_schema(struct schema *s)
{
	struct api_sets *sets = api_sets_read(read_schema, s, 0x10000);
	assert_non_null(sets);
	assert_int_equal(api_sets_count(sets), 1);
	assert_string_equal(api_set_host(sets, "api-ms-win-odd-thing-l1-1-0.dll", NULL), "odd.dll");
	assert_string_equal(api_set_host(sets, "API-MS-WIN-ODD-THING-L1-1-7", "x.dll"), "odd.dll");
	assert_string_equal(api_set_host(sets, "api-ms-win-odd-thing-l1-1-0.dll", "me.dll"),
			    "mine.dll");
	assert_string_equal(api_set_host(sets, "api-ms-win-core-file-l1-1-0.dll", NULL),
			    "kernelbase.dll");
	assert_null(api_set_host(sets, "kernel32.dll", NULL));
	api_sets_unref(sets);
}

static struct schema version_6(void)
{
	struct schema v6 = {.used = 0x100};
	put32(&v6, 0, 6);
	put32(&v6, 4, 0x400);
	put32(&v6, 12, 1);
	put32(&v6, 16, 0x40);
	put_name(&v6, "api-ms-win-odd-thing-l1-1-0", 0x44);
	put32(&v6, 0x50, 0x60);
	put32(&v6, 0x54, 2);
	put_name(&v6, "odd.dll", 0x6c);
	put_name(&v6, "me.dll", 0x78);
	put_name(&v6, "mine.dll", 0x80);
	return v6;
}

static void test_api_sets(void **state)
{
	(void)state;
	struct schema v6 = version_6();
	check_schema(&v6);

	struct schema v4 = {.used = 0x100};
	put32(&v4, 0, 4);
	put32(&v4, 4, 0x400);
	put32(&v4, 12, 1);
	put_name(&v4, "ms-win-odd-thing-l1-1-0", 0x14);
	put32(&v4, 0x24, 0x40);
	put32(&v4, 0x44, 2);
	put_name(&v4, "odd.dll", 0x54);
	put_name(&v4, "me.dll", 0x60);
	put_name(&v4, "mine.dll", 0x68);
	check_schema(&v4);

	struct schema v2 = {.used = 0x100};
	put32(&v2, 0, 2);
	put32(&v2, 4, 1);
	put_name(&v2, "ms-win-odd-thing-l1-1-0", 8);
	put32(&v2, 16, 0x40);
	put32(&v2, 0x40, 2);
	put_name(&v2, "odd.dll", 0x4c);
	put_name(&v2, "me.dll", 0x54);
	put_name(&v2, "mine.dll", 0x5c);
	check_schema(&v2);

	put32(&v2, 0, 5);
	assert_null(api_sets_read(read_schema, &v2, 0x10000));
	assert_null(api_sets_read(read_schema, &v2, 0));
	assert_string_equal(api_set_host(NULL, "api-ms-win-crt-heap-l1-1-0.dll", NULL),
			    "ucrtbase.dll");
}

/* The name of the module that an import of the API set leads to. */
static const char *host_of(const struct export_map *map, const char *importer)
{
	const struct export_module *module =
		export_map_dll_for(map, "API-ms-win-odd-thing-l1-1-0.dll", importer);
	return module ? module->name : "";
}

/* What a name stood for is remembered; it is another module for another importer. */
static void test_importers(void **state)
{
	(void)state;
	struct schema v6 = version_6();
	struct api_sets *sets = api_sets_read(read_schema, &v6, 0x10000);
	static const char *const names[] = {"odd.dll", "mine.dll", "me.dll"};
	_cleanup_export_map_ struct export_map *map = export_map_new(8, sets);
	for (uint64_t i = 0; i < 3; i++) {
		struct pe_exports exports = {.items = calloc(1, sizeof(*exports.items)),
					     .count = 1};
		_cleanup_export_table_ struct export_table *table =
			export_table_new(&exports, 0x1000);
		export_map_add(map, 0x400000 + i * 0x10000, 0x1000, names[i], table);
	}
	export_map_finish(map);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(host_of(map, NULL), "odd.dll");
		assert_string_equal(host_of(map, "me.dll"), "mine.dll");
		assert_string_equal(host_of(map, "mine.dll"), "odd.dll");
		assert_string_equal(export_map_dll(map, "ME")->name, "me.dll");
		assert_string_equal(export_map_dll_for(map, "me.dll", "me.dll")->name, "me.dll");
		assert_null(export_map_dll(map, "you.dll"));
	}
	api_sets_unref(sets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_api_sets),
		cmocka_unit_test(test_importers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
