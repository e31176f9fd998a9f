/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs the work on all processes of a session: threads, the order of results, and the share of the
 * image's budget that each process has.
 */
#include "scan/process_run.h"

#include <stdlib.h>

#include <impscan/alloc.h>

#include "scan/ordered.h"
#include "scan/share.h"

struct process_run {
	const struct session *session;
	const struct scan_events *events;
	const struct process_work *work;
	struct worker *workers; /* one a thread */
	struct share share;
};

static bool is_stopped(const struct process_run *run)
{
	const atomic_bool *stop = run->session->context.options->stop;
	return stop && atomic_load_explicit(stop, memory_order_relaxed);
}

static void *make_within(struct process_run *run, size_t i, unsigned int worker,
			 const struct budget *budget)
{
	void *result = run->work->make(run->work->context, i, &run->workers[worker], budget);
	share_made(&run->share, run->work->budget(result));
	return result;
}

/* A result made ahead; NULL: it is left for settle(). */
static void *make(void *context, size_t i, unsigned int worker)
{
	struct process_run *run = context;
	struct budget budget;
	if (is_stopped(run) || !share_ahead(&run->share, &budget))
		return NULL;
	/* cppcheck-suppress returnDanglingLifetime; results copy their budget */
	return make_within(run, i, worker, &budget);
}

/* The result that is handed out next: as it was made ahead, or made again with what is left. */
static void *settle(struct process_run *run, size_t i, void *result, unsigned int worker)
{
	struct budget budget = share_next(&run->share);
	if (!result || !share_stands(run->work->budget(result), &budget)) {
		run->work->drop(result);
		result = make_within(run, i, worker, &budget);
	}
	share_taken(&run->share, run->work->budget(result));
	return result;
}

static bool take(void *context, size_t i, void *result, unsigned int worker)
{
	struct process_run *run = context;
	const struct scan_events *events = run->events;
	if (!result && is_stopped(run))
		return true; /* it was not begun */
	result = settle(run, i, result, worker);
	bool more = run->work->take(run->work->context, i, result);
	run->work->drop(result);
	if (events->progress)
		events->progress(events->context, i + 1, run->session->selection.count);
	return more;
}

void process_run(const struct session *session, const struct scan_events *events,
		 const struct process_work *work)
{
	const struct scan_options *options = session->context.options;
	struct process_run run = {
		.session = session,
		.events = events,
		.work = work,
		.workers = alloc_zero(options->threads, sizeof(*run.workers)),
	};
	share_init(&run.share, session->context.windows, session->selection.count,
		   options->pid_count > 0 || session->context.windows->dump);
	ordered_run(&(struct ordered_work){
		.count = session->selection.count,
		.threads = options->threads,
		.make = make,
		.take = take,
		.drop = work->drop,
		.weight = work->weight,
		.context = &run,
	});
	for (unsigned int i = 0; i < options->threads; i++)
		worker_free(&run.workers[i]);
	free(run.workers);
}
