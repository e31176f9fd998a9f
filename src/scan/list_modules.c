/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listing modules and searching for known hashes: a unit is made of each process, and handed out as
 * rows. System's unit is the modules of the kernel.
 */
#include <impscan/scan.h>

#include "scan/dump_space.h"
#include "scan/module_file.h"
#include "scan/process_run.h"
#include "scan/row.h"
#include "scan/session.h"
#include "scan/unit.h"

struct module_listing {
	const struct session *session;
	const struct scan_options *options;
	const struct scan_events *events;
	struct scan_summary *summary;
	const char *image;	/* its name in rows */
	struct matches matches; /* of the module handed out last */
};

static void *make(void *context, size_t i, struct worker *worker, const struct budget *budget)
{
	struct module_listing *listing = context;
	return unit_make(&listing->session->context, worker, listing->session->selection.items[i],
			 i, budget);
}

static const struct budget *budget_of(const void *result)
{
	const struct unit *unit = result;
	return &unit->budget;
}

static size_t weight(const void *result)
{
	return unit_memory(result);
}

static void drop(void *result)
{
	unit_free(result);
}

static bool hand_out(struct module_listing *listing, struct row *row)
{
	if (!scan_only_matches(&listing->options->only, row))
		return true;
	listing->summary->rows++;
	return listing->events->row(listing->events->context, row);
}

/* Hands out one module: in a listing once, in a search once for every match. */
static bool emit(struct module_listing *listing, const struct process *process,
		 const struct module *module, const struct finding *finding)
{
	const struct scan_options *options = listing->options;
	struct row row = row_of(process, module);
	row.image = listing->image;
	if (finding->dump)
		dump_settle(&listing->session->context, finding->dump);
	row_add_finding(&row, finding);
	if (finding->dump && listing->events->dumped &&
	    !listing->events->dumped(listing->events->context, &row))
		return false;
	if (!finding->hits)
		return !options->all || hand_out(listing, &row);
	struct matches *matches = &listing->matches;
	known_matches(options->known, finding->hits, matches);
	for (size_t i = 0; i < matches->count; i++) {
		const struct match *match = &matches->items[i];
		if (options->best && match->score < matches->items[0].score)
			break;
		row_set_match(&row, match);
		if (!hand_out(listing, &row))
			return false;
	}
	return true;
}

/*
 * A process that is not what it seems, or cut off, and has no module to show: a row all the same.
 */
static bool emit_empty(struct module_listing *listing, const struct process *process, bool cut)
{
	struct row row = row_of(process, NULL);
	row.image = listing->image;
	row.status = IMPORTS_UNREADABLE;
	row.reason = cut		       ? NOT_EXAMINED
		     : process_exited(process) ? "process has exited, its modules are gone"
					       : "no module list could be read";
	if ((!row.flags && !cut) || !listing->options->all)
		return true;
	return hand_out(listing, &row);
}

static bool take(void *context, size_t i, void *result)
{
	struct module_listing *listing = context;
	struct unit *unit = result;
	const struct process *process = listing->session->selection.items[i];
	bool more = true;
	unit->handed_out = true;
	if (!process_exited(process))
		selection_warn(listing->events, process, unit->modules.damage);
	selection_warn(listing->events, process, unit->note);
	if (unit->cut)
		selection_warn_cut(listing->events, listing->options, process,
				   &listing->summary->cut);
	listing->summary->processes++;
	if (!unit->modules.count)
		more = emit_empty(listing, process, unit->cut);
	for (size_t m = 0; more && m < unit->modules.count; m++) {
		const struct finding *finding = &unit->findings[m];
		listing->summary->modules++;
		listing->summary->hashed += finding->status == IMPORTS_OK;
		listing->summary->damaged +=
			finding->status != IMPORTS_OK && finding->status != IMPORTS_NONE;
		more = emit(listing, process, &unit->modules.items[m], finding);
	}
	struct dump_space *space = listing->session->context.space;
	if (space && more)
		dump_space_next(space, i);
	else if (space)
		dump_space_stop(space);
	return more;
}

struct error *scan_image(const struct windows *windows, const struct scan_options *options,
			 const struct scan_events *events, struct scan_summary *summary)
{
	_cleanup_session_ struct session session = {0};
	*summary = (struct scan_summary){0};
	try_(session_open(&session, windows, options, events));
	_cleanup_dump_space_ struct dump_space *space = NULL;
	if (options->dump_directory)
		space = dump_space_new(dump_space_limit(image_file_size(windows->image)));
	session.context.space = space;
	struct module_listing listing = {
		.session = &session,
		.options = options,
		.events = events,
		.summary = summary,
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
	selection_warn_end(events, summary->cut);
	matches_free(&listing.matches);
	return NULL;
}
