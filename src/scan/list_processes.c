/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --processes: the processes of a machine. Of their modules only the number is looked at.
 */
#include <impscan/scan.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/view.h>

#include "scan/process_run.h"
#include "scan/row.h"
#include "scan/session.h"

struct process_listing {
	const struct session *session;
	const struct scan_events *events;
	const char *image; /* its name in rows */
	size_t cut;	   /* processes */
};

/* What a row has beside the process itself. */
struct process_unit {
	char *command_line;
	size_t modules;
	struct budget budget;
	bool cut;
	char damage[sizeof(((struct modules *)0)->damage)];
};

static void *make(void *context, size_t i, struct worker *worker, const struct budget *budget)
{
	const struct process_listing *listing = context;
	const struct windows *windows = listing->session->context.windows;
	const struct process *process = listing->session->selection.items[i];
	struct process_unit *unit = alloc_new(struct process_unit);
	_cleanup_view_ struct view view;
	_cleanup_modules_ struct modules modules = {0};
	(void)worker;
	unit->budget = *budget;
	view_open(&view, windows, process, &unit->budget);
	unit->command_line = process_command_line(windows, process, view.space);
	if (process_is_system(windows, process))
		windows_drivers(windows, &view, &modules);
	else
		process_modules(windows, process, &view, &modules);
	unit->modules = modules.count;
	memcpy(unit->damage, modules.damage, sizeof(unit->damage));
	unit->cut = view.cut || budget_exceeded(&unit->budget);
	return unit;
}

static const struct budget *budget_of(const void *result)
{
	const struct process_unit *unit = result;
	return &unit->budget;
}

static size_t weight(const void *result)
{
	const struct process_unit *unit = result;
	return unit ? sizeof(*unit) + (unit->command_line ? strlen(unit->command_line) : 0) : 0;
}

static void drop(void *result)
{
	struct process_unit *unit = result;
	if (!unit)
		return;
	free(unit->command_line);
	free(unit);
}

static bool take(void *context, size_t i, void *result)
{
	struct process_listing *listing = context;
	const struct process_unit *unit = result;
	const struct process *process = listing->session->selection.items[i];
	const struct process_row row = {
		.pid = process->pid,
		.ppid = process->ppid,
		.process = process->name,
		.eprocess = process->eprocess,
		.started = process->create_time,
		.exited = process->exit_time,
		.sources = process->sources,
		.flags = process_flags(process),
		.modules = unit->modules,
		.command_line = unit->command_line,
		.image = listing->image,
	};
	if (!process_exited(process))
		selection_warn(listing->events, process, unit->damage);
	if (unit->cut)
		selection_warn_cut(listing->events, listing->session->context.options, process,
				   &listing->cut);
	return listing->events->process(listing->events->context, &row);
}

struct error *scan_processes(const struct windows *windows, const struct scan_options *options,
			     const struct scan_events *events)
{
	_cleanup_session_ struct session session = {0};
	try_(session_open(&session, windows, options, events));
	struct process_listing listing = {
		.session = &session,
		.events = events,
		.image = image_name_of(windows, options),
	};
	process_run(&session, events,
		    &(struct process_work){
			    .make = make,
			    .budget = budget_of,
			    .take = take,
			    .drop = drop,
			    .weight = weight,
			    .context = &listing,
		    });
	selection_warn_end(events, listing.cut);
	return NULL;
}
