/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: the API sets of each process.
 *
 * All processes of one boot map the same schema, so it is parsed once. But a process only gets the
 * one that is in its own memory: a program that changes its schema changes nothing for others.
 */
#ifndef SCAN_API_SETS_H
#define SCAN_API_SETS_H

#include <impscan/api_set.h>
#include <impscan/process.h>
#include <impscan/view.h>
#include <impscan/windows.h>

struct api_set_cache;

/* Both must outlive it. */
struct api_set_cache *api_set_cache_new(const struct windows *windows,
					const struct processes *processes);
void api_set_cache_free(struct api_set_cache *cache);

/*
 * Returns the API sets of a process, with a reference; NULL when none can be read. Where pages of
 * its schema are missing they are those that most processes of the machine have.
 *
 * budget: the work is counted against it.
 * refused: whether the process has a schema that makes no sense.
 *
 * For any number of threads.
 */
struct api_sets *api_set_cache_get(struct api_set_cache *cache, const struct view *view,
				   const struct process *process, struct budget *budget,
				   bool *refused);

#endif
