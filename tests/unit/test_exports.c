/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Export tables: exports in any order are found by address and by ordinal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include <exports/export_table.h>
#include <impscan/export_map.h>

#define BASE UINT64_C(0x10000000)

/* A number that looks random. */
static uint32_t number(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Makes a table whose export i has ordinal first + step * i and one of `places` RVAs. */
static void check(size_t count, uint32_t places, uint32_t first, uint32_t step)
{
	struct pe_exports exports = {.items = calloc(count, sizeof(*exports.items)),
				     .count = count};
	struct pe_export *items = exports.items;
	uint32_t seed = places;
	for (uint32_t i = 0; i < count; i++) {
		items[i].ordinal = first + step * i;
		items[i].rva = 0x1000 + number(&seed) % places * 0x11;
	}
	_cleanup_export_table_ struct export_table *table = export_table_new(&exports, 0x2000000);
	_cleanup_export_map_ struct export_map *map = export_map_new(8, NULL);
	export_map_add(map, BASE, 0x2000000, "x.dll", table);
	export_map_finish(map);
	for (size_t i = 0; i < count; i++) {
		struct export_candidate found[64];
		size_t n = export_map_find(map, BASE + items[i].rva, found, 64), at = 0, here = 0;
		/* all with this RVA, in their order */
		for (size_t k = 0; k < count && n <= 64; k++)
			if (items[k].rva == items[i].rva) {
				assert_ptr_equal(found[at++].export, &items[k]);
				here |= k == i;
			}
		assert_int_equal(at, n);
		assert_true(here);
		assert_ptr_equal(export_table_ordinal(table, items[i].ordinal), &items[i]);
		assert_false(export_map_hit(map, BASE + items[i].rva + 1));
	}
	assert_null(export_table_ordinal(table, first + step * (uint32_t)count));
}

static void exports_of_any_order_are_found(void **state)
{
	(void)state;
	check(1, 1, 7, 1);
	check(300, 0x10000, 1, 1);
	check(300, 40, 1, 1);
	check(300, 0x100000, 40000, (uint32_t)-7);
	/* ordinals that begin anew, and that differ in each byte */
	check(300, 300, UINT32_MAX - 20, 1);
	check(300, 300, 5, 0x01020305);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exports_of_any_order_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
