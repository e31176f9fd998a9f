/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --regions: every range that can run code without an image section behind it.
 */
#include <impscan/scan.h>

#include <stdio.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/search.h>
#include <impscan/text.h>

#include "scan/process_run.h"
#include "scan/row.h"
#include "scan/session.h"

struct region_listing {
	const struct session *session;
	const struct scan_options *options;
	const struct scan_events *events;
	bool by_modules;   /* modules are needed to tell which regions are wanted */
	const char *image; /* its name in rows */
	size_t cut;	   /* processes */
};

/* The regions of one process. */
struct region_unit {
	struct region_row *rows;
	size_t count;
	struct strings strings; /* names of files, which the rows point to */
	struct budget budget;	/* what they were made with */
	bool cut;
	char damage[sizeof(((struct vads *)0)->damage)];
};

static void read_first_bytes(struct view *view, const struct region *region, struct region_row *row)
{
	const uint64_t places[] = {region->vad->start, region->first_executable};
	for (size_t i = 0; i < array_size(places) && !row->bytes_present; i++) {
		row->bytes_at = places[i];
		row->bytes_present =
			space_read(view->space, places[i], row->bytes, sizeof(row->bytes));
	}
}

static struct region_row region_row_of(const struct process *process, const struct region *region,
				       uint64_t pe, struct view *view)
{
	const struct vad *vad = region->vad;
	struct region_row row = {
		.pid = process->pid,
		.process = process->name,
		.start = vad->start,
		.end = vad->end,
		.kind = vad->assumed		   ? "unknown"
			: vad->kind == VAD_PRIVATE ? "private"
						   : "mapped",
		.protection = vad->assumed ? NULL : vad_protection_name(vad->protection),
		.rights_known = !vad->assumed,
		.committed = region->committed,
		.executable = region->executable,
		.writable = region->writable,
		.first_executable = region->first_executable,
		.pe = pe,
		.file = vad->file,
	};
	read_first_bytes(view, region, &row);
	return row;
}

/*
 * The first PE within the region, 0: none. The entries come in the order of the regions; `*next` is
 * the first of them that may be this one's, and moves on.
 */
static uint64_t first_pe(const struct injections *injections, const struct vad *vad, size_t *next)
{
	uint64_t pe = 0;
	for (; *next < injections->count && injections->items[*next].vad == vad; ++*next)
		if (!pe && !injections->items[*next].no_header)
			pe = injections->items[*next].base;
	return pe;
}

/* Where the modules begin that are wanted, in order. */
struct wanted {
	uint64_t *bases;
	size_t count;
};

static int compare_bases(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* `unit` may be NULL: then it is none. */
static struct wanted find_wanted(const struct scan_options *options, const struct process *process,
				 const struct unit *unit)
{
	struct wanted wanted = {0};
	size_t capacity = 0;
	for (size_t i = 0; unit && i < unit->modules.count; i++) {
		const struct module *module = &unit->modules.items[i];
		struct row row = row_of(process, module);
		if (scan_only_matches(&options->only, &row))
			*array_push(wanted.bases, wanted.count, capacity) = module->base;
	}
	if (wanted.count)
		qsort(wanted.bases, wanted.count, sizeof(*wanted.bases), compare_bases);
	return wanted;
}

/* Does a wanted module begin in the range? */
static bool has_wanted(const struct wanted *wanted, const struct vad *vad)
{
	size_t at = search_first(i, 0, wanted->count, wanted->bases[i] >= vad->start);
	return at < wanted->count && wanted->bases[at] <= vad->end;
}

/* Is it wanted as it is, or for a module that begins in it? */
static bool is_wanted(const struct scan_options *options, const struct process *process,
		      const struct vad *vad, const struct wanted *wanted)
{
	struct module self = {
		.base = vad->start,
		.size = vad->end - vad->start + 1,
		.name = (char *)(uintptr_t)text_base_name(vad->file ? vad->file : ""),
	};
	struct row row = row_of(process, &self);
	return scan_only_matches(&options->only, &row) || has_wanted(wanted, vad);
}

static void add_rows(struct region_listing *listing, struct region_unit *unit,
		     const struct process *process, const struct unit *modules, struct view *view,
		     const struct regions *regions, const struct injections *injections)
{
	size_t next = 0;
	struct wanted wanted = find_wanted(listing->options, process, modules);
	unit->rows = alloc_zero(regions->count, sizeof(*unit->rows));
	for (size_t r = 0; r < regions->count; r++) {
		const struct vad *vad = regions->items[r].vad;
		uint64_t pe = first_pe(injections, vad, &next);
		if (!is_wanted(listing->options, process, vad, &wanted))
			continue;
		unit->rows[unit->count++] = region_row_of(process, &regions->items[r], pe, view);
	}
	free(wanted.bases);
}

static void *make(void *context, size_t i, struct worker *worker, const struct budget *budget)
{
	struct region_listing *listing = context;
	const struct process *process = listing->session->selection.items[i];
	struct region_unit *unit = alloc_new(struct region_unit);
	struct unit *modules = NULL;
	_cleanup_view_ struct view view;
	_cleanup_regions_ struct regions regions = {0};
	_cleanup_injections_ struct injections injections = {0};
	unit->budget = *budget;
	if (listing->by_modules) {
		modules = unit_make(&listing->session->context, worker, process, i, budget);
		unit->budget = modules->budget;
	}
	view_open(&view, listing->session->context.windows, process, &unit->budget);
	view_regions(&view, &regions);
	view_injections(&view, &regions, &injections);
	snprintf(unit->damage, sizeof(unit->damage), "%s",
		 view.vads.damage[0] ? view.vads.damage
		 : regions.damage[0] ? regions.damage
				     : injections.damage);
	add_rows(listing, unit, process, modules, &view, &regions, &injections);
	/* The view is not needed any more, but for the names. */
	unit->strings = view.vads.names.strings;
	view.vads.names.strings = (struct strings){0};
	unit->cut = view.cut || budget_exceeded(&unit->budget);
	unit_free(modules);
	return unit;
}

static const struct budget *budget_of(const void *result)
{
	const struct region_unit *unit = result;
	return &unit->budget;
}

static size_t weight(const void *result)
{
	const struct region_unit *unit = result;
	return unit ? unit->count * sizeof(struct region_row) + unit->strings.bytes : 0;
}

static void drop(void *result)
{
	struct region_unit *unit = result;
	if (!unit)
		return;
	free(unit->rows);
	strings_free(&unit->strings);
	free(unit);
}

static bool take(void *context, size_t i, void *result)
{
	struct region_listing *listing = context;
	struct region_unit *unit = result;
	const struct process *process = listing->session->selection.items[i];
	bool more = true;
	selection_warn(listing->events, process, unit->damage);
	if (unit->cut)
		selection_warn_cut(listing->events, listing->options, process, &listing->cut);
	for (size_t r = 0; more && r < unit->count; r++) {
		unit->rows[r].image = listing->image;
		more = listing->events->region(listing->events->context, &unit->rows[r]);
	}
	return more;
}

struct error *scan_regions(const struct windows *windows, const struct scan_options *options,
			   const struct scan_events *events)
{
	uint64_t address;
	_cleanup_session_ struct session session = {0};
	try_(session_open(&session, windows, options, events));
	struct region_listing listing = {
		.session = &session,
		.options = options,
		.events = events,
		.image = image_name_of(windows, options),
		.by_modules =
			scan_only_kinds(&options->only) ||
			(options->only.module && !scan_only_address(&options->only, &address)),
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
