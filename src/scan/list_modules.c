/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scanning an image: a process is a work unit, System's being the kernel's own modules. A unit is
 * made by any thread and handed out, as rows, in the order of the process list.
 */
#include <impscan/scan.h>

#include <stdlib.h>

#include <impscan/alloc.h>

#include "scan/module_file.h"
#include "scan/dump_space.h"
#include "scan/ordered.h"
#include "scan/session.h"
#include "scan/share.h"
#include "scan/unit.h"

struct run {
	struct session *session;
	const struct scan_options *options;
	const struct scan_events *events;
	struct scan_summary *summary;
	struct worker *workers;
	struct matches matches; /* of the module handed out last */
	struct share share;
};

static struct unit *make_within(struct run *run, size_t i, unsigned int worker,
				const struct budget *budget)
{
	struct unit *unit = unit_make(&run->session->context, &run->workers[worker],
				      run->session->selection.items[i], i, budget);
	share_made(&run->share, &unit->budget);
	return unit;
}

static void *make(void *context, size_t i, unsigned int worker)
{
	struct run *run = context;
	const atomic_bool *stop = run->options->stop;
	struct budget budget;
	if (stop && atomic_load_explicit(stop, memory_order_relaxed))
		return NULL;
	return share_ahead(&run->share, &budget) ? make_within(run, i, worker, &budget) : NULL;
}

static size_t weight(const void *result)
{
	return unit_memory(result);
}

static void drop(void *result)
{
	if (result)
		unit_free(result);
}

static bool hand_out(struct run *run, struct row *row)
{
	if (!scan_only_matches(&run->options->only, row))
		return true;
	run->summary->rows++;
	return run->events->row(run->events->context, row);
}

/* Hands out one module: in a listing once, in a search once for every match. */
static bool emit(struct run *run, const struct process *process, const struct module *module,
		 const struct finding *finding)
{
	const struct scan_options *options = run->options;
	struct row row = {
		.process = process,
		.module = module,
		.status = finding->status,
		.reason = finding->reason ? finding->reason : "",
		.imports = finding->imports,
		.import_source = finding->import_source,
		.hashes = finding->hashes,
		.rebuilt_imports = finding->rebuilt_imports,
		.rebuilt = finding->rebuilt,
		/* Where there is no list, no page of it can be missing. */
		.readable = finding->status == IMPORTS_NONE && !finding->readable
				    ? 1
				    : finding->readable,
		.flags = module->flags | process_flags(process),
		.dump = finding->dump,
	};
	if (row.dump)
		dump_settle(&run->session->context, finding->dump);
	if (row.dump && run->events->dumped && !run->events->dumped(run->events->context, &row))
		return false;
	if (!finding->hits)
		return !options->all || hand_out(run, &row);
	struct matches *matches = &run->matches;
	known_matches(options->known, finding->hits, matches);
	for (size_t i = 0; i < matches->count; i++) {
		row.match = &matches->items[i];
		if (options->best && row.match->score < matches->items[0].score)
			break;
		if (!hand_out(run, &row))
			return false;
	}
	return true;
}

/* A process that is not what it seems, or cut off, and has no module to show: a row all the same. */
static bool emit_empty(struct run *run, const struct process *process, bool cut)
{
	static const struct module none = {.name = "", .path = ""};
	struct row row = {
		.process = process,
		.module = &none,
		.status = IMPORTS_UNREADABLE,
		.reason = cut			    ? NOT_EXAMINED
			  : process_exited(process) ? "process has exited, its modules are gone"
						    : "no module list could be read",
		.flags = process_flags(process),
	};
	if ((!row.flags && !cut) || !run->options->all)
		return true;
	return hand_out(run, &row);
}

/* The unit that is handed out next: as it was made ahead, or made again with what is left. */
static struct unit *settle(struct run *run, size_t i, struct unit *unit, unsigned int worker)
{
	struct budget budget = share_next(&run->share);
	if (!unit || !share_stands(&unit->budget, &budget)) {
		unit_free(unit);
		unit = make_within(run, i, worker, &budget);
	}
	share_taken(&run->share, &unit->budget);
	return unit;
}

static bool take(void *context, size_t i, void *result, unsigned int worker)
{
	struct run *run = context;
	const atomic_bool *stop = run->options->stop;
	if (!result && stop && atomic_load_explicit(stop, memory_order_relaxed))
		return true; /* not begun: the run is being ended */
	struct unit *unit = settle(run, i, result, worker);
	const struct process *process = run->session->selection.items[i];
	bool more = true;
	unit->handed_out = true;
	if (!process_exited(process))
		selection_warn(run->events, process, unit->modules.damage);
	selection_warn(run->events, process, unit->note);
	if (unit->cut)
		selection_warn_cut(run->events, run->options, process, &run->summary->cut);
	run->summary->processes++;
	if (!unit->modules.count)
		more = emit_empty(run, process, unit->cut);
	for (size_t m = 0; more && m < unit->modules.count; m++) {
		const struct finding *finding = &unit->findings[m];
		run->summary->modules++;
		run->summary->hashed += finding->status == IMPORTS_OK;
		run->summary->damaged +=
			finding->status != IMPORTS_OK && finding->status != IMPORTS_NONE;
		more = emit(run, process, &unit->modules.items[m], finding);
	}
	unit_free(unit);
	struct dump_space *space = run->session->context.space;
	if (space && more)
		dump_space_next(space, i);
	else if (space)
		dump_space_stop(space);
	if (run->events->progress)
		run->events->progress(run->events->context, i + 1, run->session->selection.count);
	return more;
}

struct error *scan_image(const struct windows *windows, const struct scan_options *options,
			 const struct scan_events *events, struct scan_summary *summary)
{
	_cleanup_session_ struct session session;
	*summary = (struct scan_summary){0};
	try_(session_open(&session, windows, options, events));
	_cleanup_dump_space_ struct dump_space *space = NULL;
	if (options->dump_directory)
		space = dump_space_new(dump_space_limit(image_file_size(windows->image)));
	session.context.space = space;
	struct run run = {
		.session = &session,
		.options = options,
		.events = events,
		.summary = summary,
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
	selection_warn_end(events, summary->cut);
	for (unsigned int i = 0; i < options->threads; i++)
		worker_free(&run.workers[i]);
	free(run.workers);
	matches_free(&run.matches);
	return NULL;
}
