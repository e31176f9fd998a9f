/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A search for processes: what was found, and how much each source may still do.
 */
#include "discover/process_search.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/space.h>

#include "discover/internal.h"

/* PIDs are handles, four apart, and no table has more than 2^24 of them. */
#define PID_END (UINT32_C(4) << 24)

/* Does its page map have the kernel's image, as that of each process does? */
static bool maps_kernel(struct process_search *search, const struct process *process)
{
	const struct windows *windows = search->windows;
	struct page ours, theirs;
	_cleanup_space_ struct space *space = space_new(windows->memory, process->dtb);
	space_page(search->kernel, windows->kernel_base, &ours);
	space_page(space, windows->kernel_base, &theirs);
	return !ours.data || theirs.data == ours.data;
}

static bool is_time(uint64_t time)
{
	return time >= FILETIME_FIRST && time < FILETIME_LAST;
}

/*
 * Is it a process beyond doubt? What ActiveProcessLinks has is believed. What other sources have
 * must have a name and a page map in the image; one that has ended may have lost the latter. What a
 * sweep finds may be anything: there the page map must have the kernel, and times must be some.
 */
static bool is_plausible(struct process_search *search, const struct process *process)
{
	const struct windows *windows = search->windows;
	bool swept = search->source & (SOURCE_NEAR | SOURCE_DEEP);
	if (!process->pid || process->pid >= PID_END || !process->name[0])
		return false;
	for (const char *s = process->name; *s; s++)
		if ((unsigned char)*s < 0x20)
			return false;
	if (process->exit_time)
		return process->create_time && process->exit_time >= process->create_time &&
		       (!swept || (is_time(process->create_time) && is_time(process->exit_time)));
	return process->dtb && image_page(windows->image, process->dtb & ~(PAGE_SIZE - 1)) &&
	       (!swept || maps_kernel(search, process));
}

/* Processes that one source may add: each that runs needs a page for its page map. */
static size_t most_processes(const struct windows *windows)
{
	uint64_t pages = image_present_pages(windows->image);
	return pages < LEAST_PROCESSES	 ? LEAST_PROCESSES
	       : pages > LIMIT_PROCESSES ? LIMIT_PROCESSES
					 : (size_t)pages;
}

void process_search_init(struct process_search *search, const struct windows *windows,
			 struct space *kernel, struct processes *processes)
{
	*search = (struct process_search){
		.windows = windows,
		.kernel = kernel,
		.processes = processes,
		.share = windows_work(windows) / SEARCH_SHARES,
		.most = most_processes(windows),
	};
}

void process_search_free(struct process_search *search)
{
	address_map_free(&search->by_address);
}

void process_search_begin(struct process_search *search, enum process_source source)
{
	search->source = source;
	search->budget = (struct budget){.limit = search->share};
	search->room = search->most;
	search->stopped = false;
}

void process_search_stop(struct process_search *search)
{
	search->stopped = true;
	search->cut |= search->source;
}

bool process_search_spend(struct process_search *search, uint64_t steps)
{
	if (!budget_spend(&search->budget, steps))
		process_search_stop(search);
	return !search->stopped;
}

bool processes_add(struct process_search *search, uint64_t eprocess)
{
	struct processes *processes = search->processes;
	struct process process;
	uint64_t known;
	if (address_map_get(&search->by_address, eprocess, &known)) {
		processes->items[known].sources |= search->source;
		return true;
	}
	if (!process_search_spend(search, PROCESS_READ_STEPS) ||
	    !process_read(search->windows, search->kernel, eprocess, &process))
		return false;
	bool wanted = search->source == SOURCE_ACTIVE || is_plausible(search, &process);
	if (wanted && !search->room)
		process_search_stop(search);
	if (!wanted || search->stopped) {
		free(process.name);
		return false;
	}
	search->room--;
	process.sources = search->source;
	address_map_add(&search->by_address, eprocess, processes->count);
	*array_push(processes->items, processes->count, processes->capacity) = process;
	return true;
}

void processes_try(struct process_search *search, uint64_t eprocess)
{
	/* It lies in pool, at a multiple of 16 bytes (8 on x86). */
	if (eprocess % search->windows->pointer_size == 0 &&
	    space_canonical(search->kernel, eprocess))
		(void)processes_add(search, eprocess);
}
