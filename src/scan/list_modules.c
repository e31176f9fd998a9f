/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listing modules and searching for known hashes: a unit is made of each process, and handed out as
 * rows. System's unit is the modules of the kernel.
 */
#include <impscan/scan.h>

#include <stdio.h>

#include "scan/dump_space.h"
#include "scan/module_file.h"
#include "scan/module_rows.h"
#include "scan/process_run.h"
#include "scan/row.h"
#include "scan/session.h"
#include "scan/unit.h"

struct module_listing {
	const struct session *session;
	const struct scan_options *options;
	const struct scan_events *events;
	struct scan_summary *summary;
	const char *image; /* its name in rows */
	struct module_rows rows;
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

/* Hands out module number `m`. */
static bool emit(struct module_listing *listing, const struct process *process,
		 const struct unit *unit, size_t m)
{
	const struct finding *finding = &unit->findings[m];
	const struct scan_options *options = listing->options;
	struct row row = row_of(process, &unit->modules.items[m]);
	row.image = listing->image;
	row.command_line = unit->command_line;
	if (finding->dump)
		dump_settle(&listing->session->context, finding->dump);
	row_add_finding(&row, finding);
	if (row_is_good(options, &row)) {
		module_rows_add_good(&listing->rows, &row);
		return true;
	}
	if (finding->dump && listing->events->dumped &&
	    !listing->events->dumped(listing->events->context, &row))
		return false;
	return module_rows_add(&listing->rows, &row, finding->hits);
}

/*
 * A process that is not what it seems, or cut off, and has no module to show: a row all the same.
 */
static bool emit_empty(struct module_listing *listing, const struct process *process,
		       const struct unit *unit)
{
	const bool cut = unit->cut;
	struct row row = row_of(process, NULL);
	row.image = listing->image;
	row.command_line = unit->command_line;
	row.status = IMPORTS_UNREADABLE;
	row.reason = cut		       ? NOT_EXAMINED
		     : process_exited(process) ? "process has exited, its modules are gone"
					       : "no module list could be read";
	return (!row.flags && !cut) || module_rows_add_empty(&listing->rows, &row);
}

/* Files that are no rows, since they are mapped to be read. */
static void warn_of_data(const struct module_listing *listing, const struct process *process,
			 size_t count)
{
	char sentence[160];
	if (!count)
		return;
	snprintf(sentence, sizeof(sentence),
		 "%zu PE files lie in memory as data, and have no rows: files of its own modules, "
		 "without code, or copies",
		 count);
	selection_warn(listing->events, process, sentence);
}

/* That images of a dump are in no list, since it has none that is whole. */
static void warn_of_unknown(struct module_listing *listing, const struct process *process,
			    const struct modules *modules)
{
	char sentence[160];
	snprintf(sentence, sizeof(sentence),
		 "the dump has no list of modules that is whole: whether %zu images in no list "
		 "were loaded or injected is not known",
		 modules->unknown_found);
	if (modules->unknown_found)
		selection_warn(listing->events, process, sentence);
}

static void count_finding(struct scan_summary *summary, const struct finding *finding)
{
	bool unread = finding->names && finding->names->unread;
	summary->hashed += finding->status == IMPORTS_OK || hashes_any(&finding->hashes);
	summary->damaged +=
		(finding->status != IMPORTS_OK && finding->status != IMPORTS_NONE) || unread;
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
	warn_of_unknown(listing, process, &unit->modules);
	warn_of_data(listing, process, unit->data);
	if (unit->cut)
		selection_warn_cut(listing->events, listing->options, process,
				   &listing->summary->cut);
	listing->summary->processes++;
	if (!unit->modules.count)
		more = emit_empty(listing, process, unit);
	for (size_t m = 0; more && m < unit->modules.count; m++) {
		const struct finding *finding = &unit->findings[m];
		if (finding->data)
			continue;
		listing->summary->modules++;
		count_finding(listing->summary, finding);
		more = emit(listing, process, unit, m);
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
		.rows = {.options = options, .events = events, .summary = summary},
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
	(void)module_rows_end(&listing.rows);
	selection_warn_end(events, summary->cut);
	module_rows_free(&listing.rows);
	return NULL;
}
