/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotnet: assemblies that lie somewhere in memory, as in their files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/budget.h>
#include <writer/pe_builder.h>

#include "dotnet_memory.h"

enum { RANGE = 40 * PAGE_SIZE };

static void put_file(uint8_t *range, size_t at, const struct assembly_file *file)
{
	assert_true(at + file->size <= RANGE);
	memcpy(range + at, file->data, file->size);
}

static void assemblies_in_a_range(void **state)
{
	(void)state;
	struct assembly assembly = small_assembly();
	struct assembly_file file = assembly_write(&assembly);
	static const size_t places[] = {0, 2 * PAGE_SIZE + 16, 5 * PAGE_SIZE - 40,
					9 * PAGE_SIZE + 4};
	_cleanup_free_ uint8_t *range = alloc_zero(1, RANGE);
	for (size_t i = 0; i < RANGE; i += 4)
		memcpy(range + i, i % 12 ? "MZ" : "zz", 2); /* much that is none */
	for (size_t i = 0; i < array_size(places); i++)
		put_file(range, places[i], &file);
	size_t size, absent = 0;
	_cleanup_free_ uint8_t *mapped = pe_builder_map(file.data, file.size, 0x400000, &size);
	memcpy(range + 20 * PAGE_SIZE, mapped, size); /* it has its headers, but no file's layout */
	struct memory m;
	memory_open(&m, range, RANGE, PE_LAYOUT_FILE);
	uint64_t position = 0;
	struct dotnet_place place;
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	for (size_t i = 0; i < array_size(places); i++) {
		assert_true(dotnet_next(&m.reader, &position, RANGE, NULL, &place, &absent));
		assert_int_equal(place.position, places[i]);
		assert_int_equal(place.size, file.size);
		assert_true(place.confirmed);
		struct dotnet_part part;
		dotnet_part_init(&part, &m.reader, place.position, place.size);
		read_reader(&dotnet, &part.reader);
		assert_small(&dotnet);
	}
	assert_false(dotnet_next(&m.reader, &position, RANGE, NULL, &place, &absent));
	assert_int_equal(position, RANGE);
	assert_int_equal(absent, 0);
	free(file.data);
}

/* What a protector wiped is found as it lies in a file; mapped it is none of a file's layout. */
static void wiped_assemblies_in_a_range(void **state)
{
	(void)state;
	struct assembly assembly = small_assembly();
	struct assembly_file file = assembly_write(&assembly);
	_cleanup_free_ uint8_t *range = alloc_zero(1, RANGE);
	const size_t at = 2 * PAGE_SIZE + 16;
	size_t size, absent = 0;
	_cleanup_free_ uint8_t *mapped = pe_builder_map(file.data, file.size, 0x400000, &size);
	assembly_wipe(&file, ASSEMBLY_ANTI_DUMP, mapped, true);
	assembly_wipe(&file, ASSEMBLY_ANTI_DUMP, file.data, false);
	put_file(range, at, &file);
	memcpy(range + 20 * PAGE_SIZE, mapped, size);
	struct memory m;
	memory_open(&m, range, RANGE, PE_LAYOUT_FILE);
	uint64_t position = 0;
	struct dotnet_place place;
	assert_true(dotnet_next(&m.reader, &position, RANGE, NULL, &place, &absent));
	assert_int_equal(place.position, at);
	assert_true(place.wiped && !place.confirmed);
	struct dotnet_part part;
	dotnet_part_init(&part, &m.reader, place.position, place.size);
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	read_reader(&dotnet, &part.reader);
	assert_int_equal(dotnet.status, DOTNET_OK);
	assert_true(dotnet.wiped && dotnet.repair_count);
	assert_int_equal(dotnet.typerefs, assembly.type_count);
	assert_false(dotnet_next(&m.reader, &position, RANGE, NULL, &place, &absent));
	free(file.data);
}

/* MZ at any multiple of 4 is seen, whole, and nowhere else. */
static void where_assemblies_may_begin(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 2, 4, 6, 128, 130, 512, PAGE_SIZE - 24, PAGE_SIZE};
	uint8_t bytes[PAGE_SIZE + 4];
	for (size_t i = 0; i < array_size(sizes); i++)
		for (size_t at = 0; at <= sizes[i]; at++) {
			memset(bytes, 'M', sizeof(bytes)); /* behind the end it goes on */
			memcpy(bytes + at, "MZ", 2);
			assert_int_equal(dotnet_may_begin(bytes, sizes[i]),
					 at % 4 == 0 && at + 4 <= sizes[i]);
		}
}

/* The page of the metadata is absent: it is found, and the reason says what is missing. */
static void assemblies_without_a_page(void **state)
{
	(void)state;
	struct assembly assembly;
	assembly_random(&assembly, 6);
	struct assembly_file file = assembly_write(&assembly);
	_cleanup_free_ uint8_t *range = alloc_zero(1, RANGE);
	const size_t at = 3 * PAGE_SIZE - 0x220;
	put_file(range, at, &file);
	struct memory m;
	memory_open(&m, range, RANGE, PE_LAYOUT_FILE);
	m.absent = 3 + 1;
	uint64_t position = 0;
	size_t absent = 0;
	struct dotnet_place place;
	assert_true(dotnet_next(&m.reader, &position, RANGE, NULL, &place, &absent));
	assert_int_equal(place.position, at);
	assert_false(place.confirmed);
	struct dotnet_part part;
	dotnet_part_init(&part, &m.reader, place.position, place.size);
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	read_reader(&dotnet, &part.reader);
	assert_int_equal(dotnet.status, DOTNET_UNREADABLE);
	assert_non_null(strstr(dotnet.reason, "not present: paged out"));
	assert_false(dotnet_next(&m.reader, &position, RANGE, NULL, &place, &absent));
	assert_int_equal(absent, 1);
	/* What begins behind the end is none of it, what passes it is. */
	position = 0;
	assert_false(dotnet_next(&m.reader, &position, at, NULL, &place, &absent));
	assert_int_equal(position, at);
	position = RANGE;
	assert_false(dotnet_next(&m.reader, &position, at, NULL, &place, &absent));
	assert_int_equal(position, RANGE);
	m.reader.size = RANGE - 3;
	position = RANGE - PAGE_SIZE;
	assert_false(dotnet_next(&m.reader, &position, UINT64_MAX, NULL, &place, &absent));
	assert_int_equal(position, RANGE - 3);
	m.reader.size = RANGE;
	position = 0;
	assert_true(dotnet_next(&m.reader, &position, at + 4, NULL, &place, &absent));
	assert_int_equal(place.position, at);
	/* A budget ends the search where it is, and it goes on from there. */
	struct budget budget = {.limit = 4};
	position = absent = 0;
	m.absent = 0;
	assert_false(dotnet_next(&m.reader, &position, RANGE, &budget, &place, &absent));
	assert_true(budget_exceeded(&budget));
	assert_true(position < at);
	assert_true(dotnet_next(&m.reader, &position, RANGE, NULL, &place, &absent));
	assert_int_equal(place.position, at);
	free(file.data);
	assembly_free(&assembly);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(assemblies_in_a_range),
		cmocka_unit_test(wiped_assemblies_in_a_range),
		cmocka_unit_test(where_assemblies_may_begin),
		cmocka_unit_test(assemblies_without_a_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
