/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See module_rows.h. */
#include "scan/module_rows.h"

#include "scan/row.h"

/* Bytes of modules that a search keeps. */
#define KEPT_MAX (96u << 20)

static bool hand_out(struct module_rows *rows, const struct row *row)
{
	if (!scan_only_matches(&rows->options->only, row))
		return true;
	rows->summary->rows++;
	return rows->events->row(rows->events->context, row);
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
static bool hand_out_module(struct module_rows *rows, struct row *row, const struct hits *hits,
			    bool counted)
{
	const struct scan_options *options = rows->options;
	struct matches *matches = &rows->matches;
	size_t shown = 0;
	int best = 0;
	matches->count = 0;
	if (hits)
		known_matches(options->known, hits, matches);
	for (size_t i = 0; i < matches->count; i++) {
		const struct match *match = &matches->items[i];
		if (is_short(options, row, match)) {
			rows->summary->few++;
			continue;
		}
		best = shown++ ? best : match->score;
		if (options->best && match->score < best)
			break;
		row_set_match(row, match);
		row->match.counted = counted && !match->resolved;
		if (row->match.counted)
			row->match.same_hash = hash_counts_others(&rows->counts, row);
		if (!hand_out(rows, row))
			return false;
	}
	return shown || !options->all || hand_out(rows, row);
}

static bool hand_out_kept(struct module_rows *rows, bool counted)
{
	bool more = true;
	for (size_t i = 0; more && i < rows->kept.count; i++)
		more = hand_out_module(rows, rows->kept.items[i].row, rows->kept.items[i].hits,
				       counted);
	kept_modules_clear(&rows->kept);
	return more;
}

/* Keeps a module of a search until all are counted. */
static bool keep(struct module_rows *rows, const struct row *row, struct hits *hits)
{
	if (!hits && !rows->options->all)
		return true;
	kept_modules_add(&rows->kept, row, hits);
	if (rows->kept.memory < KEPT_MAX)
		return true;
	rows->early = true;
	return hand_out_kept(rows, false);
}

bool module_rows_add(struct module_rows *rows, const struct row *row, struct hits *hits)
{
	if (!rows->options->known)
		return !rows->options->all || hand_out(rows, row);
	hash_counts_add(&rows->counts, row);
	return keep(rows, row, hits);
}

void module_rows_add_good(struct module_rows *rows, const struct row *row)
{
	rows->summary->good++;
	hash_counts_add(&rows->counts, row);
}

bool module_rows_add_empty(struct module_rows *rows, const struct row *row)
{
	if (!rows->options->all)
		return true;
	return rows->options->known ? keep(rows, row, NULL) : hand_out(rows, row);
}

bool module_rows_end(struct module_rows *rows)
{
	bool more = hand_out_kept(rows, !rows->early);
	if (rows->early && rows->events->warning)
		rows->events->warning(
			rows->events->context,
			"there are too many matches to keep until all modules are looked at: "
			"same_hash is not known");
	rows->early = false;
	hash_counts_clear(&rows->counts);
	return more;
}

void module_rows_free(struct module_rows *rows)
{
	kept_modules_clear(&rows->kept);
	hash_counts_free(&rows->counts);
	matches_free(&rows->matches);
}
