/*
 * Scanning an image: a process is a work unit, System's being the kernel's own modules. A unit is
 * made by any thread and handed out, as rows, in the order of the process list.
 */
#include <impscan/scan.h>

#include <stdlib.h>

#include <impscan/alloc.h>

#include "scan/cache.h"
#include "scan/ordered.h"
#include "scan/rebuilt.h"
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
		.import_source = finding->import_source,
		.hashes = finding->hashes,
		.rebuilt_imports = finding->rebuilt_imports,
		.rebuilt = finding->rebuilt,
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

static bool read_space(void *context, uint64_t address, void *buffer, size_t size)
{
	return space_read(context, address, buffer, size);
}

/* The API sets of the machine, as the first process has them whose PEB leads to them. */
static struct api_sets *find_api_sets(const struct windows *windows,
				      const struct processes *processes)
{
	struct api_sets *sets = NULL;
	for (size_t i = 0; !sets && i < processes->count; i++) {
		const struct process *process = &processes->items[i];
		uint64_t address;
		if (!process->peb || !profile_has(windows->profile, PEB_ApiSetMap))
			continue;
		_cleanup_view_ struct view view;
		view_open(&view, windows, process);
		if (space_pointer(view.space,
				  process->peb + profile_offset(windows->profile, PEB_ApiSetMap),
				  windows->pointer_size, &address) &&
		    address)
			sets = api_sets_read(read_space, view.space, address);
	}
	return sets;
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

	_cleanup_clean_pages_ struct clean_pages *clean = clean_pages_new(windows->image);
	struct api_sets *api_sets = find_api_sets(windows, &selection.all);
	struct run run = {
		.context = {.windows = windows,
			    .options = options,
			    .exports = exports,
			    .findings = findings,
			    .neighbours = neighbours,
			    .api_sets = api_sets,
			    .clean = clean},
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
	api_sets_free(api_sets);
	return NULL;
}
