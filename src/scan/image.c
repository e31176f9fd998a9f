/*
 * Scanning an image: a process is a work unit, System's being the kernel's own modules. A unit is
 * made by any thread and handed out, as rows, in the order of the process list.
 */
#include <impscan/scan.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/pe.h>

#include "scan/ordered.h"

#define PID_SYSTEM 4

/* What one module came to. */
struct finding {
	enum imports_status status;
	char *reason; /* NULL: nothing to say */
	size_t imports;
	double readable;
	struct hashes hashes;
	struct matches matches;
};

struct unit {
	struct modules modules;
	struct finding *findings; /* one a module */
};

/* What a thread keeps from one module to the next. */
struct worker {
	struct imports imports;
};

struct run {
	const struct windows *windows;
	const struct scan_options *options;
	const struct scan_events *events;
	struct scan_summary *summary;
	struct process **processes; /* those to be scanned */
	size_t count;
	struct worker *workers;
};

static void examine(const struct run *run, struct worker *worker, struct space *space,
		    const struct module *module, struct finding *finding)
{
	struct module_reader reader;
	module_reader_init(&reader, space, module->base, module->size);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader.reader);
	struct imports *imports = &worker->imports;
	imports_declared(imports, &pe);

	finding->status = imports->status;
	finding->imports = imports->count;
	finding->readable =
		imports->pages ? (double)imports->pages_found / (double)imports->pages : 0;
	if (imports->reason[0])
		finding->reason = alloc_strdup(imports->reason);
	if (imports->status != IMPORTS_OK)
		return;
	hash_imports(&finding->hashes, &imports->string, imports_fuzzy_string(imports));
	if (!run->options->known)
		return;
	known_find(run->options->known, &finding->hashes, run->options->threshold,
		   &finding->matches);
}

static void *make_unit(void *context, size_t i, unsigned int worker)
{
	struct run *run = context;
	const struct process *process = run->processes[i];
	struct unit *unit = alloc_new(struct unit);
	_cleanup_view_ struct view view;
	view_open(&view, run->windows, process);
	if (process->pid == PID_SYSTEM)
		windows_drivers(run->windows, view.kernel, &unit->modules);
	else
		process_modules(run->windows, process, &view, &unit->modules);
	unit->findings = alloc_zero(unit->modules.count, sizeof(*unit->findings));
	for (size_t m = 0; m < unit->modules.count; m++)
		examine(run, &run->workers[worker], view.space, &unit->modules.items[m],
			&unit->findings[m]);
	return unit;
}

static void drop_unit(void *result)
{
	struct unit *unit = result;
	for (size_t i = 0; i < unit->modules.count; i++) {
		free(unit->findings[i].reason);
		matches_free(&unit->findings[i].matches);
	}
	free(unit->findings);
	modules_free(&unit->modules);
	free(unit);
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
		.flags = module->flags | (process_hidden(process) ? MODULE_HIDDEN : 0) |
			 (process_exited(process) ? MODULE_EXITED : 0),
	};
	const struct matches *matches = &finding->matches;
	if (!matches->count && !options->all)
		return true;
	size_t i = 0;
	do {
		if (matches->count)
			row.match = &matches->items[i];
		if (options->best && i && row.match->score < matches->items[0].score)
			break;
		run->summary->rows++;
		if (!run->events->row(run->events->context, &row))
			return false;
	} while (++i < matches->count);
	return true;
}

static void warn(const struct run *run, const struct process *process, const char *damage)
{
	if (!damage[0] || !run->events->warning)
		return;
	_cleanup_text_ struct text text = {0};
	text_add_format(&text, "PID %u ", process->pid);
	text_add_printable(&text, process->name);
	text_add_format(&text, ": %s", damage);
	run->events->warning(run->events->context, text_string(&text));
}

static bool take_unit(void *context, size_t i, void *result)
{
	struct run *run = context;
	struct unit *unit = result;
	const struct process *process = run->processes[i];
	bool more = true;
	warn(run, process, unit->modules.damage);
	run->summary->processes++;
	for (size_t m = 0; more && m < unit->modules.count; m++) {
		const struct finding *finding = &unit->findings[m];
		run->summary->modules++;
		run->summary->hashed += finding->status == IMPORTS_OK;
		run->summary->damaged +=
			finding->status != IMPORTS_OK && finding->status != IMPORTS_NONE;
		more = emit(run, process, &unit->modules.items[m], finding);
	}
	drop_unit(unit);
	if (run->events->progress)
		run->events->progress(run->events->context, i + 1, run->count);
	return more;
}

static bool wanted(const struct scan_options *options, uint32_t pid)
{
	for (size_t i = 0; i < options->pid_count; i++)
		if (options->pids[i] == pid)
			return true;
	return !options->pid_count;
}

static struct error *check_pids(const struct windows *windows, const struct scan_options *options,
				const struct processes *processes)
{
	for (size_t i = 0; i < options->pid_count; i++) {
		bool found = false;
		for (size_t p = 0; p < processes->count && !found; p++)
			found = processes->items[p].pid == options->pids[i];
		if (!found)
			return error_new("%s: no process with PID %u", image_path(windows->image),
					 options->pids[i]);
	}
	return NULL;
}

struct error *scan_image(const struct windows *windows, const struct scan_options *options,
			 const struct scan_events *events, struct scan_summary *summary)
{
	_cleanup_processes_ struct processes processes = {0};
	*summary = (struct scan_summary){0};
	windows_processes(windows, options->deep, options->threads, &processes);
	try_(check_pids(windows, options, &processes));
	if (processes.damage[0] && events->warning)
		events->warning(events->context, processes.damage);

	struct run run = {
		.windows = windows,
		.options = options,
		.events = events,
		.summary = summary,
		.processes = alloc_zero(processes.count, sizeof(*run.processes)),
		.workers = alloc_zero(options->threads, sizeof(*run.workers)),
	};
	for (size_t i = 0; i < processes.count; i++)
		if (wanted(options, processes.items[i].pid))
			run.processes[run.count++] = &processes.items[i];
	ordered_run(&(struct ordered_work){
		.count = run.count,
		.threads = options->threads,
		.make = make_unit,
		.take = take_unit,
		.drop = drop_unit,
		.context = &run,
	});
	for (unsigned int i = 0; i < options->threads; i++)
		imports_free(&run.workers[i].imports);
	free(run.workers);
	free(run.processes);
	return NULL;
}
