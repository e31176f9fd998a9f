/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --imports: the rebuilt import lists of modules, slot by slot.
 */
#include <impscan/scan.h>

#include <stdlib.h>

#include <impscan/alloc.h>

#include "scan/module_rebuild.h"
#include "scan/ordered.h"
#include "scan/session.h"
#include "scan/share.h"
#include "scan/unit.h"

/* What rebuilding the list of a module counts, beside what it does. */
#define MODULE_STEPS 50

struct run {
	struct session *session;
	const struct scan_events *events;
	struct worker *workers;
	struct share share;
	size_t cut; /* processes */
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
	return scan_only_matches(&options->only,
				 &(struct row){
					 .process = process,
					 .module = module,
					 .flags = module->flags | process_flags(process),
				 });
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

static struct lists *make_within(struct run *run, size_t i, unsigned int number,
				 const struct budget *budget)
{
	const struct unit_context *shared = &run->session->context;
	struct worker *worker = &run->workers[number];
	const struct process *process = run->session->selection.items[i];
	struct lists *lists = alloc_new(struct lists);
	_cleanup_view_ struct view view;
	_cleanup_unit_maps_ struct unit_maps maps;
	lists->budget = *budget;
	view_open(&view, shared->windows, process, &lists->budget);
	unit_maps_init(&maps, shared, &view, process, &lists->modules);
	unit_find_modules(&maps, worker, process, &lists->modules);
	if (shared->options->only.flags)
		add_flags(shared, worker, process, &lists->modules, &lists->budget);
	lists->rebuilt = alloc_zero(lists->modules.count, sizeof(*lists->rebuilt));
	for (size_t m = 0; m < lists->modules.count; m++)
		if (is_wanted(shared->options, process, &lists->modules.items[m]) &&
		    budget_spend(&lists->budget, MODULE_STEPS))
			rebuild_one(&maps, worker, &lists->modules.items[m], &lists->rebuilt[m]);
	lists->cut = !unit_maps_close(&maps) || view.cut;
	share_made(&run->share, &lists->budget);
	return lists;
}

static void *make(void *context, size_t i, unsigned int worker)
{
	struct run *run = context;
	struct budget budget;
	return share_ahead(&run->share, &budget) ? make_within(run, i, worker, &budget) : NULL;
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
static void warn_cut(struct run *run, size_t process, const struct module *module,
		     const struct rebuilt *rebuilt)
{
	if (!rebuilt->cut)
		return;
	_cleanup_free_ char *sentence = alloc_printf(
		"%s at 0x%llx: %s", module->name, (unsigned long long)module->base, rebuilt->cut);
	selection_warn(run->events, run->session->selection.items[process], sentence);
}

/* Those that are handed out next: as they were made ahead, or made again with what is left. */
static struct lists *settle(struct run *run, size_t i, struct lists *lists, unsigned int worker)
{
	struct budget budget = share_next(&run->share);
	if (!lists || !share_stands(&lists->budget, &budget)) {
		drop(lists);
		lists = make_within(run, i, worker, &budget);
	}
	share_taken(&run->share, &lists->budget);
	return lists;
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

static bool take(void *context, size_t i, void *result, unsigned int worker)
{
	struct run *run = context;
	const struct scan_events *events = run->events;
	struct lists *lists = settle(run, i, result, worker);
	bool more = true;
	if (lists->cut)
		selection_warn_cut(events, run->session->context.options,
				   run->session->selection.items[i], &run->cut);
	for (size_t m = 0; more && m < lists->modules.count; m++) {
		const struct rebuilt *rebuilt = &lists->rebuilt[m];
		warn_cut(run, i, &lists->modules.items[m], rebuilt);
		for (size_t e = 0; more && e < rebuilt->count; e++)
			more = events->import(events->context,
					      &(struct import_row){
						      .process = run->session->selection.items[i],
						      .module = &lists->modules.items[m],
						      .rebuilt = rebuilt,
						      .entry = &rebuilt->entries[e],
					      });
	}
	drop(lists);
	if (events->progress)
		events->progress(events->context, i + 1, run->session->selection.count);
	return more;
}

struct error *scan_imports(const struct windows *windows, const struct scan_options *options,
			   const struct scan_events *events)
{
	_cleanup_session_ struct session session;
	try_(session_open(&session, windows, options, events));
	struct run run = {
		.session = &session,
		.events = events,
		.workers = alloc_zero(options->threads, sizeof(*run.workers)),
	};
	share_init(&run.share, windows, session.selection.count, options->pid_count > 0);
	ordered_run(&(struct ordered_work){
		.count = session.selection.count,
		.threads = options->threads,
		.make = make,
		.take = take,
		.drop = drop,
		.weight = weight,
		.context = &run,
	});
	selection_warn_end(events, run.cut);
	for (unsigned int i = 0; i < options->threads; i++)
		worker_free(&run.workers[i]);
	free(run.workers);
	return NULL;
}
