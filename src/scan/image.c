/*
 * Scanning an image: a process is a work unit, System's being the kernel's own modules. A unit is
 * made by any thread and handed out, as rows, in the order of the process list.
 */
#include <impscan/scan.h>

#include <stdlib.h>

#include <impscan/alloc.h>

#include "scan/cache.h"
#include "scan/ordered.h"
#include "scan/selection.h"
#include "scan/unit.h"

struct run {
	struct unit_context context;
	const struct scan_options *options;
	const struct scan_events *events;
	struct scan_summary *summary;
	struct selection *selection;
	struct worker *workers;
};

static void *make(void *context, size_t i, unsigned int worker)
{
	struct run *run = context;
	return unit_make(&run->context, &run->workers[worker], run->selection->items[i]);
}

static void drop(void *result)
{
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
		.import_source = finding->imports ? "names" : NULL,
		.hashes = finding->hashes,
		.readable = finding->readable,
		.flags = module->flags | process_flags(process),
	};
	const struct matches *matches = &finding->matches;
	if (!matches->count)
		return !options->all || hand_out(run, &row);
	for (size_t i = 0; i < matches->count; i++) {
		row.match = &matches->items[i];
		if (options->best && row.match->score < matches->items[0].score)
			break;
		if (!hand_out(run, &row))
			return false;
	}
	return true;
}

/* A process that is not what it seems and has no module to show: a row all the same. */
static bool emit_empty(struct run *run, const struct process *process)
{
	static const struct module none = {.name = (char *)"", .path = (char *)""};
	struct row row = {
		.process = process,
		.module = &none,
		.status = IMPORTS_UNREADABLE,
		.reason = process_exited(process) ? "process has exited, its modules are gone"
						  : "no module list could be read",
		.flags = process_flags(process),
	};
	if (!row.flags || !run->options->all)
		return true;
	return hand_out(run, &row);
}

static bool take(void *context, size_t i, void *result)
{
	struct run *run = context;
	struct unit *unit = result;
	const struct process *process = run->selection->items[i];
	bool more = true;
	if (!process_exited(process))
		selection_warn(run->events, process, unit->modules.damage);
	run->summary->processes++;
	if (!unit->modules.count)
		more = emit_empty(run, process);
	for (size_t m = 0; more && m < unit->modules.count; m++) {
		const struct finding *finding = &unit->findings[m];
		run->summary->modules++;
		run->summary->hashed += finding->status == IMPORTS_OK;
		run->summary->damaged +=
			finding->status != IMPORTS_OK && finding->status != IMPORTS_NONE;
		more = emit(run, process, &unit->modules.items[m], finding);
	}
	unit_free(unit);
	if (run->events->progress)
		run->events->progress(run->events->context, i + 1, run->selection->count);
	return more;
}

struct error *scan_image(const struct windows *windows, const struct scan_options *options,
			 const struct scan_events *events, struct scan_summary *summary)
{
	_cleanup_selection_ struct selection selection = {0};
	_cleanup_export_cache_ struct export_cache *exports = export_cache_new();
	_cleanup_finding_cache_ struct finding_cache *findings = finding_cache_new();
	*summary = (struct scan_summary){0};
	try_(selection_make(&selection, windows, options, events));
	_cleanup_neighbours_ struct neighbours *neighbours =
		neighbours_new(windows, &selection.all);

	struct run run = {
		.context = {.windows = windows,
			    .options = options,
			    .exports = exports,
			    .findings = findings,
			    .neighbours = neighbours},
		.options = options,
		.events = events,
		.summary = summary,
		.selection = &selection,
		.workers = alloc_zero(options->threads, sizeof(*run.workers)),
	};
	ordered_run(&(struct ordered_work){
		.count = selection.count,
		.threads = options->threads,
		.make = make,
		.take = take,
		.drop = drop,
		.context = &run,
	});
	for (unsigned int i = 0; i < options->threads; i++)
		worker_free(&run.workers[i]);
	free(run.workers);
	return NULL;
}
