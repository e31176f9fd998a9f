/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan: work by several threads, handed out in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <time.h>

#include <scan/ordered.h>

#define UNITS 500u

struct log {
	atomic_uint made, dropped, inside;
	size_t taken;
	size_t stop; /* after so many */
	atomic_uint workers;
	char results[UNITS];
};

static struct log *the_log;

static void *make(void *context, size_t i, unsigned int worker)
{
	struct log *log = context;
	atomic_fetch_or(&log->workers, 1u << worker);
	/* some take long, so that the others come in another order */
	if (i % 7 == 0)
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	atomic_fetch_add(&log->made, 1);
	return &log->results[i];
}

static bool take(void *context, size_t i, void *result, unsigned int worker)
{
	struct log *log = context;
	(void)worker;
	assert_int_equal(atomic_fetch_add(&log->inside, 1), 0);
	assert_int_equal(i, log->taken++);
	assert_ptr_equal(result, &log->results[i]);
	if (i % 50 == 3)
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	atomic_fetch_sub(&log->inside, 1);
	return log->taken < log->stop;
}

static void drop(void *result)
{
	size_t i = (size_t)((char *)result - the_log->results);
	assert_true(i >= the_log->stop && i < UNITS);
	atomic_fetch_add(&the_log->dropped, 1);
}

static void run(size_t count, unsigned int threads, size_t stop, struct log *log)
{
	*log = (struct log){.stop = stop};
	the_log = log;
	ordered_run(&(struct ordered_work){
		.count = count,
		.threads = threads,
		.make = make,
		.take = take,
		.drop = drop,
		.context = log,
	});
	assert_int_equal(atomic_load(&log->inside), 0);
	assert_int_equal(log->taken + atomic_load(&log->dropped), atomic_load(&log->made));
}

static void all_are_handed_out_in_order(void **state)
{
	(void)state;
	static const unsigned int threads[] = {1, 2, 3, 8, 30};
	struct log log;
	for (size_t t = 0; t < sizeof(threads) / sizeof(*threads); t++) {
		run(UNITS, threads[t], SIZE_MAX, &log);
		assert_int_equal(log.taken, UNITS);
		assert_int_equal(atomic_load(&log.workers) >> threads[t], 0);
	}
	run(0, 4, SIZE_MAX, &log);
	assert_int_equal(log.taken, 0);
	run(1, 4, SIZE_MAX, &log);
	assert_int_equal(log.taken, 1);
	run(3, 30, SIZE_MAX, &log);
	assert_int_equal(log.taken, 3);
}

static void it_ends_when_nobody_wants_more(void **state)
{
	(void)state;
	struct log log;
	for (unsigned int threads = 1; threads < 6; threads++) {
		run(UNITS, threads, 40, &log);
		assert_int_equal(log.taken, 40);
		/* what was ahead of it is freed, and no more was begun than may be */
		size_t made = atomic_load(&log.made);
		assert_true(made >= 40 && made <= 40 + threads * 17);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_handed_out_in_order),
		cmocka_unit_test(it_ends_when_nobody_wants_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
