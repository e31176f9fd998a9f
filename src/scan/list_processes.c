/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --processes: the processes of a machine. Of their modules only the number is looked at; with
 * --tree what is suspicious about them is counted, too.
 */
#include <impscan/scan.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/module.h>
#include <impscan/view.h>

#include "scan/process_run.h"
#include "scan/process_tree.h"
#include "scan/row.h"
#include "scan/session.h"

/* What one of the findings takes, in bytes: two words and a number. */
#define FINDING_MEMORY 40

struct process_listing {
	const struct session *session;
	const struct scan_events *events;
	const char *image;	  /* its name in rows */
	struct process_tree tree; /* all zero: it is none */
	size_t cut;		  /* processes */
};

/* What a row has beside the process itself. */
struct process_unit {
	char *command_line;
	size_t modules;
	size_t flagged;
	struct text_list findings;
	struct budget budget;
	bool cut;
	char damage[sizeof(((struct modules *)0)->damage)];
	char note[sizeof(((struct unit *)0)->note)];
};

/* The flags of the module itself that are suspicious: that code has 32 bits is not. */
static unsigned int own_flags(const struct module *module)
{
	return module->flags & ~(unsigned int)(MODULE_HIDDEN | MODULE_EXITED | MODULE_WOW64);
}

static void add_finding(struct text_list *findings, const char *name, size_t count)
{
	if (count)
		text_list_add(findings, alloc_printf("%s %zu", name, count));
}

/* Counts what is suspicious about the modules of a unit, by kind. */
static void count_findings(struct process_unit *result, const struct unit *unit)
{
	size_t injected = 0, flags[MODULE_FLAG_COUNT] = {0};
	for (size_t i = 0; i < unit->modules.count; i++) {
		const struct module *module = &unit->modules.items[i];
		bool private = module->found_in == FOUND_PRIVATE;
		if (unit->findings[i].data)
			continue;
		injected += private;
		result->flagged += private || own_flags(module);
		for (size_t flag = 0; flag < MODULE_FLAG_COUNT; flag++)
			flags[flag] += own_flags(module) >> flag & 1;
	}
	add_finding(&result->findings, "injected", injected);
	for (size_t flag = 0; flag < MODULE_FLAG_COUNT; flag++)
		add_finding(&result->findings, module_flag_names[flag], flags[flag]);
	if (unit->cut)
		text_list_add(&result->findings, alloc_strdup("cut off"));
}

/* With what a listing of modules finds. */
static void *make_examined(const struct process_listing *listing, size_t i, struct worker *worker,
			   const struct budget *budget)
{
	const struct session *session = listing->session;
	struct process_unit *result = alloc_new(struct process_unit);
	struct unit *unit =
		unit_make(&session->context, worker, session->selection.items[i], i, budget);
	result->budget = unit->budget;
	result->command_line = take_ptr(unit->command_line);
	result->modules = unit->modules.listed;
	result->cut = unit->cut;
	memcpy(result->damage, unit->modules.damage, sizeof(result->damage));
	memcpy(result->note, unit->note, sizeof(result->note));
	count_findings(result, unit);
	unit_free(unit);
	return result;
}

static void *make(void *context, size_t i, struct worker *worker, const struct budget *budget)
{
	const struct process_listing *listing = context;
	const struct windows *windows = listing->session->context.windows;
	const struct process *process = listing->session->selection.items[i];
	if (listing->session->context.options->tree)
		return make_examined(listing, i, worker, budget);
	struct process_unit *unit = alloc_new(struct process_unit);
	_cleanup_view_ struct view view;
	_cleanup_modules_ struct modules modules = {0};
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
	if (!unit)
		return 0;
	return sizeof(*unit) + (unit->command_line ? strlen(unit->command_line) : 0) +
	       unit->findings.count * FINDING_MEMORY;
}

static void drop(void *result)
{
	struct process_unit *unit = result;
	if (!unit)
		return;
	free(unit->command_line);
	text_list_free(&unit->findings);
	free(unit);
}

/* Adds the place of a process in the tree. */
static void add_place(const struct process_listing *listing, const struct process *process,
		      struct process_row *row)
{
	const struct process *all = listing->session->selection.all.items;
	if (!listing->tree.count)
		return;
	const struct process_place *place = &listing->tree.places[process - all];
	row->tree = true;
	row->depth = place->depth;
	row->orphan = place->orphan;
	row->parent = place->parent == PROCESS_NO_PARENT ? 0 : all[place->parent].eprocess;
}

static bool take(void *context, size_t i, void *result)
{
	struct process_listing *listing = context;
	const struct process_unit *unit = result;
	const struct process *process = listing->session->selection.items[i];
	struct process_row row = {
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
		.flagged = unit->flagged,
		.findings = unit->findings,
	};
	add_place(listing, process, &row);
	if (!process_exited(process))
		selection_warn(listing->events, process, unit->damage);
	selection_warn(listing->events, process, unit->note);
	if (unit->cut)
		selection_warn_cut(listing->events, listing->session->context.options, process,
				   &listing->cut);
	return listing->events->process(listing->events->context, &row);
}

/* Brings the processes that are asked for into the order of the tree. */
static void sort_selection(struct selection *selection, const struct scan_options *options,
			   const struct process_tree *tree)
{
	selection->count = 0;
	for (size_t i = 0; i < tree->count; i++) {
		struct process *process = &selection->all.items[tree->order[i]];
		if (selection_wants(options, process->pid))
			selection->items[selection->count++] = process;
	}
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
	if (options->tree) {
		process_tree_make(&listing.tree, &session.selection.all);
		sort_selection(&session.selection, options, &listing.tree);
	}
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
	process_tree_free(&listing.tree);
	return NULL;
}
