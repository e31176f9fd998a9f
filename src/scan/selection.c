/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The processes of a run, and warnings that name one of them.
 */
#include "scan/selection.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/discover.h>
#include <impscan/text.h>

/* Processes that were cut off and are named by a warning each. */
#define CUT_NAMED 16

bool selection_wants(const struct scan_options *options, uint32_t pid)
{
	for (size_t i = 0; i < options->pid_count; i++)
		if (options->pids[i] == pid)
			return true;
	return !options->pid_count;
}

static struct error *check_pids(const struct windows *windows, const struct scan_options *options,
				const struct processes *processes)
{
	/* Dumps of processes are looked through for the one that is asked for. */
	for (size_t i = 0; i < options->pid_count && !(windows->dump && options->several); i++) {
		bool found = false;
		for (size_t p = 0; p < processes->count && !found; p++)
			found = processes->items[p].pid == options->pids[i];
		if (!found)
			return error_new("%s: no process with PID %u", image_path(windows->image),
					 options->pids[i]);
	}
	return NULL;
}

struct error *selection_make(struct selection *selection, const struct windows *windows,
			     const struct scan_options *options, const struct scan_events *events)
{
	*selection = (struct selection){0};
	windows_processes(windows, options->deep, options->threads, &selection->all);
	struct processes *all = &selection->all;
	try_(check_pids(windows, options, all));
	if (all->damage[0] && events->warning)
		events->warning(events->context, all->damage);
	selection->items = alloc_zero(all->count, sizeof(*selection->items));
	for (size_t i = 0; i < all->count; i++)
		if (selection_wants(options, all->items[i].pid))
			selection->items[selection->count++] = &all->items[i];
	return NULL;
}

void selection_free(struct selection *selection)
{
	processes_free(&selection->all);
	free(selection->items);
}

void selection_warn(const struct scan_events *events, const struct process *process,
		    const char *sentence)
{
	if (!sentence[0] || !events->warning)
		return;
	_cleanup_text_ struct text text = {0};
	text_add_format(&text, process->name[0] ? "PID %u " : "PID %u", process->pid);
	text_add_string(&text, process->name);
	text_add_format(&text, ": %s", sentence);
	events->warning(events->context, text_string(&text));
}

void selection_warn_cut(const struct scan_events *events, const struct scan_options *options,
			const struct process *process, size_t *cut)
{
	if (++*cut > CUT_NAMED)
		return;
	_cleanup_text_ struct text text = {0};
	text_add_string(&text, "cut off, since it costs too much work");
	/* Of a dump it is the only one. */
	if (!options->pid_count && !(process->sources & SOURCE_DUMP))
		text_add_format(&text, "; scan it alone with -p %u", process->pid);
	selection_warn(events, process, text_string(&text));
}

void selection_warn_end(const struct scan_events *events, size_t cut)
{
	if (cut <= CUT_NAMED || !events->warning)
		return;
	_cleanup_text_ struct text text = {0};
	text_add_format(&text,
			"%zu more processes cut off, since they cost too much work; scan "
			"them alone with -p",
			cut - CUT_NAMED);
	events->warning(events->context, text_string(&text));
}
