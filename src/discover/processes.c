/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists the processes of a machine: asks one source after the other.
 */
#include <impscan/alloc.h>
#include <impscan/discover.h>
#include <impscan/process_dump.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discover/process_search.h"

static int compare_pids(const void *a, const void *b)
{
	const struct process *x = a, *y = b;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->eprocess < y->eprocess ? -1 : x->eprocess > y->eprocess;
}

/* Adds to the note of damage which sources were cut off. */
static void tell_cut(const struct process_search *search)
{
	char *damage = search->processes->damage;
	size_t size = sizeof(search->processes->damage), length = strlen(damage);
	const char *before =
		length ? "; the search for processes was cut off, it costs too much work: "
		       : "the search for processes was cut off, it costs too much work: ";
	for (unsigned int i = 0; i < PROCESS_SOURCE_COUNT; i++) {
		if (!(search->cut >> i & 1) || length >= size)
			continue;
		length += (size_t)snprintf(damage + length, size - length, "%s%s", before,
					   process_source_names[i]);
		before = ", ";
	}
}

void process_ring(const struct windows *windows, struct space *kernel, struct processes *processes)
{
	_cleanup_process_search_ struct process_search search = {0};
	*processes = (struct processes){0};
	process_search_init(&search, windows, kernel, processes);
	process_walk_ring(&search);
	tell_cut(&search);
}

void windows_processes(const struct windows *windows, bool deep, unsigned int threads,
		       struct processes *processes)
{
	*processes = (struct processes){0};
	if (windows->dump) {
		*array_push(processes->items, processes->count, processes->capacity) =
			process_dump_process(windows->dump);
		return;
	}
	_cleanup_space_ struct space *kernel = windows_kernel_space(windows);
	_cleanup_process_search_ struct process_search search = {0};
	process_search_init(&search, windows, kernel, processes);
	process_walk_ring(&search);
	size_t active = processes->count;
	process_walk_lists(&search);
	process_walk_handles(&search);
	process_headers_learn(&search);
	process_sweep_near(&search);
	if (deep)
		process_sweep(&search, threads);
	process_settle_ring(&search);
	tell_cut(&search);
	if (processes->count > active)
		qsort(processes->items + active, processes->count - active,
		      sizeof(*processes->items), compare_pids);
}
