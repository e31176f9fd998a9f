/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Several threads working on numbered units, with the results handed out in order.
 */
#include "scan/ordered.h"

#include <pthread.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/*
 * How many units may be begun ahead of the one that is handed out next, per thread: results that
 * wait take memory, so a slow unit holds the others back at last.
 */
#define AHEAD 16

/* Bytes of results that may wait before no more units are begun. */
#define WAITING_MAX ((size_t)64 << 20)

struct ordered_state {
	const struct ordered_work *work;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t next;  /* to be begun */
	size_t taken; /* handed out so far */
	bool taking;  /* some thread is handing out */
	bool stopped;
	unsigned int sleeping; /* threads that wait until they may begin */
	unsigned int workers;
	void **results; /* by unit modulo window */
	bool *done;
	size_t window;
	size_t waiting; /* bytes of results that are done and not taken */
};

static size_t weigh(const struct ordered_state *run, const void *result)
{
	return run->work->weight ? run->work->weight(result) : 0;
}

/* May another unit be begun? The one that is taken next always may. */
static bool may_begin(const struct ordered_state *run)
{
	return run->next < run->taken + run->window &&
	       (run->waiting <= WAITING_MAX || run->next == run->taken);
}

/*
 * Hands out what is ready, in order. Whoever comes first does it, alone; the lock is released while
 * a result is taken.
 */
static void take_ready(struct ordered_state *run, unsigned int self)
{
	const struct ordered_work *work = run->work;
	run->taking = true;
	while (!run->stopped && run->done[run->taken % run->window]) {
		size_t slot = run->taken % run->window;
		void *result = run->results[slot];
		run->done[slot] = false;
		run->waiting -= weigh(run, result);
		pthread_mutex_unlock(&run->lock);
		bool more = work->take(work->context, run->taken, result, self);
		pthread_mutex_lock(&run->lock);
		run->taken++;
		run->stopped = !more;
		/* Waking others for each one would cost more than small units do. */
		if (run->sleeping && run->next - run->taken <= run->window / 2)
			pthread_cond_broadcast(&run->changed);
	}
	run->taking = false;
	if (run->sleeping)
		pthread_cond_broadcast(&run->changed);
}

static void *worker(void *argument)
{
	struct ordered_state *run = argument;
	const struct ordered_work *work = run->work;
	pthread_mutex_lock(&run->lock);
	unsigned int self = run->workers++;
	for (;;) {
		/* Whoever is taking sees what the others have made meanwhile. */
		if (!run->taking && !run->stopped)
			take_ready(run, self);
		if (run->stopped || run->next >= work->count)
			break;
		if (!may_begin(run)) {
			run->sleeping++;
			pthread_cond_wait(&run->changed, &run->lock);
			run->sleeping--;
			continue;
		}
		size_t i = run->next++;
		pthread_mutex_unlock(&run->lock);
		void *result = work->make(work->context, i, self);
		pthread_mutex_lock(&run->lock);
		run->results[i % run->window] = result;
		run->done[i % run->window] = true;
		run->waiting += weigh(run, result);
	}
	pthread_mutex_unlock(&run->lock);
	return NULL;
}

void ordered_run(const struct ordered_work *work)
{
	struct ordered_state run = {.work = work, .window = (size_t)work->threads * AHEAD};
	pthread_mutex_init(&run.lock, NULL);
	pthread_cond_init(&run.changed, NULL);
	run.results = alloc_zero(run.window, sizeof(*run.results));
	run.done = alloc_zero(run.window, sizeof(*run.done));
	/* This thread is one of them; if no other can be had, it does it all. */
	size_t wanted = min_of((size_t)work->threads, work->count), started = 0;
	pthread_t *threads = alloc_zero(wanted, sizeof(*threads));
	while (started + 1 < wanted && !pthread_create(&threads[started], NULL, worker, &run))
		started++;
	worker(&run);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < run.window; i++)
		if (run.done[i])
			work->drop(run.results[i]);
	free(threads);
	free(run.results);
	free(run.done);
	pthread_cond_destroy(&run.changed);
	pthread_mutex_destroy(&run.lock);
}
