/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hashing sample files, by several threads.
 */
#include <impscan/scan.h>

#include <stdlib.h>

#include <impscan/alloc.h>

#include "scan/ordered.h"

struct samples_run {
	char *const *paths;
	size_t count;
	bool impset;
	const struct scan_events *events;
	struct imports *scratch; /* one a worker */
};

static void *make_sample(void *context, size_t i, unsigned int worker)
{
	struct samples_run *run = context;
	struct sample *sample = alloc_new(struct sample);
	sample_read(sample, run->paths[i], run->impset, &run->scratch[worker]);
	return sample;
}

static void drop_sample(void *result)
{
	sample_free(result);
	free(result);
}

static bool take_sample(void *context, size_t i, void *result, unsigned int worker)
{
	(void)worker;
	struct samples_run *run = context;
	const struct scan_events *events = run->events;
	bool more = events->sample(events->context, result);
	drop_sample(result);
	if (events->progress)
		events->progress(events->context, i + 1, run->count);
	return more;
}

void scan_samples(char *const *paths, size_t count, bool impset, bool imports, unsigned int threads,
		  const struct scan_events *events)
{
	struct samples_run run = {
		.paths = paths, .count = count, .impset = impset, .events = events};
	run.scratch = alloc_zero(threads, sizeof(*run.scratch));
	for (unsigned int i = 0; i < threads; i++)
		run.scratch[i].keep_entries = imports;
	ordered_run(&(struct ordered_work){
		.count = count,
		.threads = threads,
		.make = make_sample,
		.take = take_sample,
		.drop = drop_sample,
		.context = &run,
	});
	for (unsigned int i = 0; i < threads; i++)
		imports_free(&run.scratch[i]);
	free(run.scratch);
}
