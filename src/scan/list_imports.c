/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --imports: the rebuilt import lists of modules, slot by slot.
 */
#include <impscan/scan.h>

#include <stdlib.h>

#include <impscan/alloc.h>

#include "scan/module_rebuild.h"
#include "scan/process_run.h"
#include "scan/row.h"
#include "scan/session.h"
#include "scan/unit.h"

/* What rebuilding the list of a module counts, beside what it does. */
#define MODULE_STEPS 50

struct import_listing {
	const struct session *session;
	const struct scan_events *events;
	const char *image; /* its name in rows */
	size_t cut;	   /* processes */
};

/* The lists of one process. */
struct lists {
	struct modules modules;
	struct rebuilt *rebuilt; /* one a module; empty for one that is not wanted */
	struct budget budget;	 /* what they were made with */
	bool cut;
};

static bool is_wanted(const struct scan_options *options, const struct process *process,
		      const struct module *module)
{
	struct row row = row_of(process, module);
	return scan_only_matches(&options->only, &row);
}

/* The flags that only a look at each module tells: the same as in a listing. */
static void add_flags(const struct unit_context *shared, struct worker *worker,
		      const struct process *process, struct modules *modules, struct budget *budget)
{
	struct unit *unit = unit_make(shared, worker, process, 0, budget);
	(void)budget_spend(budget, unit->budget.spent - budget->spent);
	for (size_t i = 0; i < unit->modules.count && i < modules->count; i++)
		modules->items[i].flags |= unit->modules.items[i].flags;
	unit_free(unit);
}

static void rebuild_one(struct unit_maps *maps, struct worker *worker, const struct module *module,
			struct rebuilt *rebuilt)
{
	if (module->file_layout)
		return; /* nothing is resolved in it */
	_cleanup_opened_module_ struct opened_module opened = {0};
	module_open(&opened, maps->context, maps->view, module, 0);
	worker->imports.keep_entries = true;
	worker->imports.budget = &maps->names;
	if (opened.pe.reader)
		opened_declare(&opened, &worker->imports, true);
	module_rebuild(maps, &opened, rebuilt);
}

static void *make(void *context, size_t i, struct worker *worker, const struct budget *budget)
{
	struct import_listing *listing = context;
	const struct unit_context *shared = &listing->session->context;
	const struct process *process = listing->session->selection.items[i];
	struct lists *lists = alloc_new(struct lists);
	_cleanup_view_ struct view view;
	_cleanup_unit_maps_ struct unit_maps maps;
	lists->budget = *budget;
	view_open(&view, shared->windows, process, &lists->budget);
	unit_maps_init(&maps, shared, &view, process, &lists->modules);
	unit_find_modules(&maps, worker, NULL, process, &lists->modules);
	if (shared->options->only.flags)
		add_flags(shared, worker, process, &lists->modules, &lists->budget);
	lists->rebuilt = alloc_zero(lists->modules.count, sizeof(*lists->rebuilt));
	for (size_t m = 0; m < lists->modules.count; m++)
		if (is_wanted(shared->options, process, &lists->modules.items[m]) &&
		    budget_spend(&lists->budget, MODULE_STEPS))
			rebuild_one(&maps, worker, &lists->modules.items[m], &lists->rebuilt[m]);
	lists->cut = !unit_maps_close(&maps) || view.cut;
	return lists;
}

static const struct budget *budget_of(const void *result)
{
	const struct lists *lists = result;
	return &lists->budget;
}

static void drop(void *result)
{
	struct lists *lists = result;
	if (!lists)
		return;
	for (size_t i = 0; i < lists->modules.count; i++)
		rebuilt_free(&lists->rebuilt[i]);
	free(lists->rebuilt);
	modules_free(&lists->modules);
	free(lists);
}

/* That a module's list is not whole. */
static void warn_cut(struct import_listing *listing, size_t process, const struct module *module,
		     const struct rebuilt *rebuilt)
{
	if (!rebuilt->cut)
		return;
	_cleanup_free_ char *sentence = alloc_printf(
		"%s at 0x%llx: %s", module->name, (unsigned long long)module->base, rebuilt->cut);
	selection_warn(listing->events, listing->session->selection.items[process], sentence);
}

static size_t weight(const void *result)
{
	const struct lists *lists = result;
	size_t size = 0;
	for (size_t i = 0; lists && i < lists->modules.count; i++)
		size += sizeof(struct module) + sizeof(struct rebuilt) +
			lists->rebuilt[i].count * sizeof(struct rebuilt_entry) +
			lists->rebuilt[i].names.capacity;
	return size;
}

static bool take(void *context, size_t i, void *result)
{
	struct import_listing *listing = context;
	const struct scan_events *events = listing->events;
	struct lists *lists = result;
	const struct process *process = listing->session->selection.items[i];
	bool more = true;
	if (lists->cut)
		selection_warn_cut(events, listing->session->context.options, process,
				   &listing->cut);
	for (size_t m = 0; more && m < lists->modules.count; m++) {
		const struct module *module = &lists->modules.items[m];
		const struct rebuilt *rebuilt = &lists->rebuilt[m];
		warn_cut(listing, i, module, rebuilt);
		for (size_t e = 0; more && e < rebuilt->count; e++) {
			struct import_row row =
				import_row_of(process, module, rebuilt, &rebuilt->entries[e]);
			row.image = listing->image;
			more = events->import(events->context, &row);
		}
	}
	return more;
}

struct error *scan_imports(const struct windows *windows, const struct scan_options *options,
			   const struct scan_events *events)
{
	_cleanup_session_ struct session session = {0};
	try_(session_open(&session, windows, options, events));
	struct import_listing listing = {
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
