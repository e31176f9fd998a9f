/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory: walking all tables of a page map, each of them once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine.h"

#define HALF UINT64_C(0xffff800000000000)

struct seen {
	uint64_t marked[8]; /* addresses of pages that begin with a mark */
	size_t count, looked;
	bool stop;
};

static enum table_answer on_page(void *context, uint64_t address, const uint8_t *data)
{
	struct seen *seen = context;
	seen->looked++;
	if (data[0] != 'M')
		return TABLE_DULL;
	if (seen->count < 8)
		seen->marked[seen->count++] = address;
	return seen->stop ? TABLE_STOP : TABLE_NOTABLE;
}

static uint64_t marked_page(struct machine *m)
{
	uint64_t frame = machine_frames(m, 1);
	machine_put(m, frame, 'M', 1);
	return frame;
}

static void test_finds(void **state)
{
	(void)state;
	struct machine m;
	machine_init(&m);
	uint64_t first = HALF + 0x5000, moved = HALF + (UINT64_C(1) << 40),
		 large = HALF + (1 << 30);
	machine_set(&m, MACHINE_PML4, first, marked_page(&m) | VALID);
	machine_set(&m, MACHINE_PML4, moved, marked_page(&m) | TRANSITION);
	machine_map(&m, MACHINE_PML4, HALF + 0x9000, 5 * PAGE_SIZE);
	/* The second page of a large one: at 2 MB. */
	machine_put(&m, machine_entry(&m, MACHINE_PML4, large, 21), 0x200000 | VALID | 0x80, 8);
	machine_frames(&m, 0x400000 / PAGE_SIZE - m.size / PAGE_SIZE);
	machine_put(&m, 0x201000, 'M', 1);
	machine_power_on(&m);

	struct seen seen = {0};
	struct table_walk walk = {.page = on_page, .context = &seen};
	assert_false(space_walk(m.space, HALF, UINT64_MAX, &walk));
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.marked[0], first);
	assert_int_equal(seen.marked[1], large + PAGE_SIZE);
	assert_int_equal(seen.marked[2], moved);
	assert_int_equal(seen.looked, 2 + 5 + 512);

	/* Once more: only what may have been notable for another space. */
	size_t before = seen.looked;
	table_walk_again(&walk);
	seen.count = 0;
	seen.stop = true;
	assert_true(space_walk(m.space, HALF, UINT64_MAX, &walk));
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.looked, before + 1);
	table_walk_free(&walk);
	machine_free(&m);
}

/* All levels share one table that leads to itself and to a page. */
static void test_shared(void **state)
{
	(void)state;
	struct machine m;
	machine_init(&m);
	uint64_t table = machine_frames(&m, 1), page = marked_page(&m);
	for (unsigned int i = 256; i < 512; i++)
		machine_put(&m, MACHINE_PML4 + 8 * i, table | VALID, 8);
	for (unsigned int i = 0; i < 512; i++)
		machine_put(&m, table + 8 * i, (i % 2 ? table : page) | VALID, 8);
	machine_power_on(&m);

	struct seen seen = {0};
	struct table_walk walk = {.page = on_page, .context = &seen};
	assert_false(space_walk(m.space, HALF, UINT64_MAX, &walk));
	/* As tables: itself and the page, at three levels; the last level's entries are pages. */
	assert_in_range(seen.looked, 512, 3000);

	/* Everywhere: as far as the budget goes. */
	struct budget budget = {.limit = 100000};
	walk.budget = &budget;
	walk.everywhere = true;
	seen.looked = 0;
	table_walk_again(&walk);
	assert_false(space_walk(m.space, HALF, UINT64_MAX, &walk));
	assert_true(budget_exceeded(&budget));
	assert_in_range(seen.looked, 10000, 100000);
	table_walk_free(&walk);
	machine_free(&m);
}

/* A walk that was cut off has not seen that a table is dull. */
static void test_cut(void **state)
{
	(void)state;
	struct machine m;
	machine_init(&m);
	machine_map(&m, MACHINE_PML4, HALF, 300 * PAGE_SIZE);
	machine_set(&m, MACHINE_PML4, HALF + 300 * PAGE_SIZE, marked_page(&m) | VALID);
	machine_power_on(&m);
	struct budget budget = {.limit = 100};
	struct seen seen = {0};
	struct table_walk walk = {.page = on_page, .context = &seen, .budget = &budget};
	assert_false(space_walk(m.space, HALF, UINT64_MAX, &walk));
	assert_true(budget_exceeded(&budget));
	assert_int_equal(seen.count, 0);
	walk.budget = NULL;
	assert_false(space_walk(m.space, HALF, UINT64_MAX, &walk));
	assert_int_equal(seen.count, 1);
	table_walk_free(&walk);
	machine_free(&m);
}

/* What is dull in one kind of page map may not be in another: the same large page in both. */
static void test_pagings(void **state)
{
	(void)state;
	struct machine m;
	machine_init(&m);
	uint64_t pointers = machine_frames(&m, 1), directory = machine_frames(&m, 1);
	machine_put(&m, pointers + 16, directory | VALID, 8);
	machine_put(&m, directory, 0x200000 | VALID | 0x80, 8);
	machine_put(&m, machine_entry(&m, MACHINE_PML4, HALF, 21), 0x200000 | VALID | 0x80, 8);
	machine_frames(&m, 0x400000 / PAGE_SIZE - m.size / PAGE_SIZE);
	machine_power_on(&m);
	struct seen seen = {0};
	struct table_walk walk = {.page = on_page, .context = &seen};
	assert_false(space_walk(m.space, HALF, UINT64_MAX, &walk));
	assert_int_equal(seen.looked, 512);
	struct memory *memory = memory_new(m.image, PAGING_PAE);
	struct space *space = space_new(memory, pointers);
	assert_false(space_walk(space, 0x80000000, UINT32_MAX, &walk));
	assert_int_equal(seen.looked, 1024);
	space_free(space);
	memory_free(memory);
	table_walk_free(&walk);
	machine_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_pagings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
