/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan: which files stay when all together are too large, whatever the order they are made in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "scan/dump_space.h"
#include "scan/ordered.h"

static void limits_grow_with_images(void **state)
{
	(void)state;
	assert_int_equal(dump_space_limit(1), UINT64_C(512) << 20);
	assert_int_equal(dump_space_limit(UINT64_C(8) << 30), UINT64_C(32) << 30);
	assert_true(dump_space_limit(UINT64_MAX) > UINT64_C(1) << 60);
}

static void a_process_gets_half_of_what_is_left(void **state)
{
	(void)state;
	_cleanup_dump_space_ struct dump_space *space = dump_space_new(1000);
	struct dump_files files = {0};
	assert_true(dump_space_take(space, 0, &files, 400));
	assert_false(dump_space_take(space, 0, &files, 101));
	assert_true(dump_space_take(space, 0, &files, 100));
	assert_true(dump_space_settle(space, 400, true));
	assert_true(dump_space_settle(space, 100, true));
	dump_space_next(space, 0);
	files.count = 0;
	assert_false(dump_space_take(space, 1, &files, 251));
	assert_true(dump_space_take(space, 1, &files, 250));
	/* What could not be written had its room all the same. */
	assert_false(dump_space_settle(space, 250, false));
	dump_space_stop(space);
	assert_false(dump_space_take(space, 1, &files, 1));
	free(files.sizes);
}

enum { UNITS = 60, FILES = 9 };

struct run {
	struct dump_space *space;
	bool stays[UNITS][FILES];
};

struct made {
	uint64_t sizes[FILES];
	bool room[FILES];
};

static void *make(void *context, size_t unit, unsigned int worker)
{
	struct run *run = context;
	struct made *made = calloc(1, sizeof(*made));
	struct dump_files files = {0};
	(void)worker;
	for (size_t i = 0; i < FILES; i++) {
		made->sizes[i] = 1 + (unit * 7919 + i * 104729) % 97 * (unit % 9 ? 1 : 60);
		made->room[i] = dump_space_take(run->space, unit, &files, made->sizes[i]);
	}
	free(files.sizes);
	return made;
}

static bool take(void *context, size_t unit, void *result, unsigned int worker)
{
	(void)worker;
	struct run *run = context;
	struct made *made = result;
	for (size_t i = 0; i < FILES; i++)
		run->stays[unit][i] =
			made->room[i] && dump_space_settle(run->space, made->sizes[i], true);
	dump_space_next(run->space, unit);
	free(made);
	return true;
}

/* Returns how many files there are. */
static size_t run_all(struct run *run, unsigned int threads, uint64_t limit)
{
	_cleanup_dump_space_ struct dump_space *space = dump_space_new(limit);
	run->space = space;
	ordered_run(&(struct ordered_work){
		.count = UNITS,
		.threads = threads,
		.make = make,
		.take = take,
		.drop = free,
		.context = run,
	});
	size_t count = 0;
	for (size_t unit = 0; unit < UNITS; unit++)
		for (size_t i = 0; i < FILES; i++)
			count += run->stays[unit][i];
	return count;
}

static void files_do_not_depend_on_threads(void **state)
{
	(void)state;
	static struct run alone, many;
	size_t some = 0;
	for (uint64_t limit = 500; limit < 60000; limit += 1700) {
		size_t count = run_all(&alone, 1, limit);
		some += count > 5 && count < (size_t)UNITS * FILES;
		for (unsigned int threads = 2; threads < 9; threads += 3) {
			assert_int_equal(run_all(&many, threads, limit), count);
			assert_memory_equal(many.stays, alone.stays, sizeof(many.stays));
		}
	}
	assert_true(some > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_grow_with_images),
		cmocka_unit_test(a_process_gets_half_of_what_is_left),
		cmocka_unit_test(files_do_not_depend_on_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
