/*
 * --regions: every range that can run code without an image section behind it.
 */
#include <impscan/scan.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/text.h>

#include "scan/ordered.h"
#include "scan/session.h"

struct run {
	const struct scan_options *options;
	const struct scan_events *events;
	struct session session;
	struct worker *workers;
	bool by_modules; /* modules are needed to tell which regions are wanted */
};

/* The regions of one process. */
struct region_unit {
	struct region_row *rows;
	size_t count;
	struct view view; /* what the rows point into */
	char damage[sizeof(((struct vads *)0)->damage)];
};

static void read_first_bytes(struct view *view, const struct region *region, struct region_row *row)
{
	row->bytes_at = region->vad->start;
	if (space_read(view->space, row->bytes_at, row->bytes, sizeof(row->bytes))) {
		row->byte_count = sizeof(row->bytes);
		return;
	}
	row->bytes_at = region->first_executable;
	if (space_read(view->space, row->bytes_at, row->bytes, sizeof(row->bytes)))
		row->byte_count = sizeof(row->bytes);
}

/* The first PE within the region; the entries come in the order of the regions. */
static uint64_t first_pe(const struct injections *injections, const struct vad *vad)
{
	for (size_t i = 0; i < injections->count; i++)
		if (injections->items[i].vad == vad && !injections->items[i].no_header)
			return injections->items[i].base;
	return 0;
}

/* Is it wanted as it is, or for a module that begins in it? `unit` may be NULL. */
static bool is_wanted(const struct scan_options *options, const struct process *process,
		      const struct vad *vad, const struct unit *unit)
{
	struct module self = {
		.base = vad->start,
		.size = vad->end - vad->start + 1,
		.name = (char *)(uintptr_t)text_base_name(vad->file ? vad->file : ""),
	};
	struct row row = {.process = process, .module = &self, .flags = process_flags(process)};
	if (scan_only_matches(&options->only, &row))
		return true;
	for (size_t i = 0; unit && i < unit->modules.count; i++) {
		row.module = &unit->modules.items[i];
		row.flags = row.module->flags | process_flags(process);
		if (row.module->base - self.base < self.size &&
		    scan_only_matches(&options->only, &row))
			return true;
	}
	return false;
}

static void *make(void *context, size_t i, unsigned int worker)
{
	struct run *run = context;
	const struct process *process = run->session.selection.items[i];
	struct region_unit *unit = alloc_new(struct region_unit);
	struct unit *modules = NULL;
	_cleanup_regions_ struct regions regions = {0};
	_cleanup_injections_ struct injections injections = {0};
	if (run->by_modules)
		modules = unit_make(&run->session.context, &run->workers[worker], process, i);
	view_open(&unit->view, run->session.context.windows, process);
	view_regions(&unit->view, &regions);
	view_injections(&unit->view, &regions, &injections);
	memcpy(unit->damage, unit->view.vads.damage, sizeof(unit->damage));
	unit->rows = alloc_zero(regions.count, sizeof(*unit->rows));
	for (size_t r = 0; r < regions.count; r++) {
		if (!is_wanted(run->options, process, regions.items[r].vad, modules))
			continue;
		struct region_row *row = &unit->rows[unit->count++];
		row->process = process;
		row->region = regions.items[r];
		row->pe = first_pe(&injections, row->region.vad);
		read_first_bytes(&unit->view, &row->region, row);
	}
	if (modules)
		unit_free(modules);
	return unit;
}

static void drop(void *result)
{
	struct region_unit *unit = result;
	view_close(&unit->view);
	free(unit->rows);
	free(unit);
}

static bool take(void *context, size_t i, void *result)
{
	struct run *run = context;
	struct region_unit *unit = result;
	bool more = true;
	selection_warn(run->events, run->session.selection.items[i], unit->damage);
	for (size_t r = 0; more && r < unit->count; r++)
		more = run->events->region(run->events->context, &unit->rows[r]);
	drop(unit);
	if (run->events->progress)
		run->events->progress(run->events->context, i + 1, run->session.selection.count);
	return more;
}

struct error *scan_regions(const struct windows *windows, const struct scan_options *options,
			   const struct scan_events *events)
{
	uint64_t address;
	struct run run = {.options = options, .events = events};
	struct error *error = session_open(&run.session, windows, options, events);
	if (error) {
		session_close(&run.session);
		return error;
	}
	run.by_modules = scan_only_kinds(&options->only) ||
			 (options->only.module && !scan_only_address(&options->only, &address));
	run.workers = alloc_zero(options->threads, sizeof(*run.workers));
	ordered_run(&(struct ordered_work){
		.count = run.session.selection.count,
		.threads = options->threads,
		.make = make,
		.take = take,
		.drop = drop,
		.context = &run,
	});
	for (unsigned int i = 0; i < options->threads; i++)
		worker_free(&run.workers[i]);
	free(run.workers);
	session_close(&run.session);
	return NULL;
}
