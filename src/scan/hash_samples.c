/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hashing sample files, by several threads.
 */
#include <impscan/sample.h>
#include <impscan/scan.h>

#include <stdlib.h>

#include <impscan/alloc.h>

#include "scan/ordered.h"

struct samples_run {
	char *const *paths;
	size_t count;
	const char *password;
	bool impset;
	const struct scan_events *events;
	struct imports *scratch; /* one a worker */
};

/* What one path has. */
struct samples {
	struct sample *items;
	size_t count;
};

static void *make_sample(void *context, size_t i, unsigned int worker)
{
	struct samples_run *run = context;
	struct samples *samples = alloc_new(struct samples);
	samples_read(run->paths[i], run->password, run->impset, &run->scratch[worker],
		     &samples->items, &samples->count);
	return samples;
}

static void drop_sample(void *result)
{
	struct samples *samples = result;
	if (samples)
		samples_free(samples->items, samples->count);
	free(samples);
}

static bool take_sample(void *context, size_t i, void *result, unsigned int worker)
{
	(void)worker;
	struct samples_run *run = context;
	const struct scan_events *events = run->events;
	const struct samples *samples = result;
	bool more = true;
	for (size_t s = 0; more && s < samples->count; s++)
		more = events->sample(events->context, &samples->items[s]);
	drop_sample(result);
	if (events->progress)
		events->progress(events->context, i + 1, run->count);
	return more;
}

void scan_samples(char *const *paths, size_t count, const char *password, bool impset, bool imports,
		  unsigned int threads, const struct scan_events *events)
{
	struct samples_run run = {.paths = paths,
				  .count = count,
				  .password = password,
				  .impset = impset,
				  .events = events};
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
