/*
 * --regions: every range that can run code without an image section behind it.
 */
#include <impscan/scan.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "scan/ordered.h"
#include "scan/selection.h"

struct run {
	const struct windows *windows;
	const struct scan_events *events;
	struct selection *selection;
	size_t rows;
};

/* The regions of one process. */
struct unit {
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

static void *make(void *context, size_t i, unsigned int worker)
{
	struct run *run = context;
	const struct process *process = run->selection->items[i];
	struct unit *unit = alloc_new(struct unit);
	_cleanup_regions_ struct regions regions = {0};
	_cleanup_injections_ struct injections injections = {0};
	(void)worker;
	view_open(&unit->view, run->windows, process);
	view_regions(&unit->view, &regions);
	view_injections(&unit->view, &regions, &injections);
	memcpy(unit->damage, unit->view.vads.damage, sizeof(unit->damage));
	unit->rows = alloc_zero(regions.count, sizeof(*unit->rows));
	for (size_t r = 0; r < regions.count; r++) {
		struct region_row *row = &unit->rows[unit->count++];
		row->process = process;
		row->region = regions.items[r];
		row->pe = first_pe(&injections, row->region.vad);
		read_first_bytes(&unit->view, &row->region, row);
	}
	return unit;
}

static void drop(void *result)
{
	struct unit *unit = result;
	view_close(&unit->view);
	free(unit->rows);
	free(unit);
}

static bool take(void *context, size_t i, void *result)
{
	struct run *run = context;
	struct unit *unit = result;
	bool more = true;
	selection_warn(run->events, run->selection->items[i], unit->damage);
	for (size_t r = 0; more && r < unit->count; r++) {
		run->rows++;
		more = run->events->region(run->events->context, &unit->rows[r]);
	}
	drop(unit);
	if (run->events->progress)
		run->events->progress(run->events->context, i + 1, run->selection->count);
	return more;
}

struct error *scan_regions(const struct windows *windows, const struct scan_options *options,
			   const struct scan_events *events)
{
	_cleanup_selection_ struct selection selection = {0};
	try_(selection_make(&selection, windows, options, events));
	struct run run = {.windows = windows, .events = events, .selection = &selection};
	ordered_run(&(struct ordered_work){
		.count = selection.count,
		.threads = options->threads,
		.make = make,
		.take = take,
		.drop = drop,
		.context = &run,
	});
	return NULL;
}
