/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listing modules and searching for known hashes: a unit is made of each process, and handed out as
 * rows. System's unit is the modules of the kernel.
 */
#include <impscan/scan.h>

#include <stdio.h>

#include "scan/dump_space.h"
#include "scan/module_file.h"
#include "scan/process_run.h"
#include "scan/row.h"
#include "scan/same_hash.h"
#include "scan/session.h"
#include "scan/unit.h"

/* Bytes of modules that a search keeps. */
#define KEPT_MAX (96u << 20)

struct module_listing {
	const struct session *session;
	const struct scan_options *options;
	const struct scan_events *events;
	struct scan_summary *summary;
	const char *image;	/* its name in rows */
	struct matches matches; /* of the module handed out last */
	struct hash_counts counts;
	struct kept_modules kept; /* in a search, until all hashes are counted */
	bool early;		  /* there were too many to keep, and some were handed out before */
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

/* Is the list that matched, be it of types or functions, too short to tell anything? */
static bool is_short(const struct scan_options *options, const struct row *row,
		     const struct match *match)
{
	size_t count = match->rebuilt ? row->rebuilt_imports : row->imports;
	if (match->type == HASH_TYPEREFHASH || match->type == HASH_TYPEREFUZZY)
		count = row->typerefs;
	if (match->type == HASH_GIMPHASH || match->type == HASH_GIMPFUZZY)
		count = row->go_functions;
	return count < options->min_imports;
}

/* Hands out one module: in a listing once, in a search once for every match. */
static bool hand_out_module(struct module_listing *listing, struct row *row,
			    const struct hits *hits, bool counted)
{
	const struct scan_options *options = listing->options;
	struct matches *matches = &listing->matches;
	size_t shown = 0;
	int best = 0;
	matches->count = 0;
	if (hits)
		known_matches(options->known, hits, matches);
	for (size_t i = 0; i < matches->count; i++) {
		const struct match *match = &matches->items[i];
		if (is_short(options, row, match)) {
			listing->summary->few++;
			continue;
		}
		best = shown++ ? best : match->score;
		if (options->best && match->score < best)
			break;
		row_set_match(row, match);
		row->match.counted = counted && !match->resolved;
		if (row->match.counted)
			row->match.same_hash = hash_counts_others(&listing->counts, row);
		if (!hand_out(listing, row))
			return false;
	}
	return shown || !options->all || hand_out(listing, row);
}

static bool hand_out_kept(struct module_listing *listing, bool counted)
{
	bool more = true;
	for (size_t i = 0; more && i < listing->kept.count; i++)
		more = hand_out_module(listing, listing->kept.items[i].row,
				       listing->kept.items[i].hits, counted);
	kept_modules_clear(&listing->kept);
	return more;
}

/* Keeps a module of a search until all are counted. */
static bool keep(struct module_listing *listing, const struct row *row, struct hits *hits)
{
	if (!hits && !listing->options->all)
		return true;
	kept_modules_add(&listing->kept, row, hits);
	if (listing->kept.memory < KEPT_MAX)
		return true;
	listing->early = true;
	return hand_out_kept(listing, false);
}

/* Hands out module number `m`: in a listing at once, in a search when all are counted. */
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
	if (row_is_good(options, &row, finding)) {
		listing->summary->good++;
		hash_counts_add(&listing->counts, finding);
		return true;
	}
	if (finding->dump && listing->events->dumped &&
	    !listing->events->dumped(listing->events->context, &row))
		return false;
	if (!options->known)
		return !options->all || hand_out(listing, &row);
	hash_counts_add(&listing->counts, finding);
	return keep(listing, &row, finding->hits);
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
	if ((!row.flags && !cut) || !listing->options->all)
		return true;
	return listing->options->known ? keep(listing, &row, NULL) : hand_out(listing, &row);
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
	hand_out_kept(&listing, !listing.early);
	if (listing.early && events->warning)
		events->warning(
			events->context,
			"there are too many matches to keep until all modules are looked at: "
			"same_hash is not known");
	selection_warn_end(events, summary->cut);
	hash_counts_free(&listing.counts);
	matches_free(&listing.matches);
	return NULL;
}
