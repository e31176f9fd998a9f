/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Choosing the DLL of a piece where several have names for all its slots: most often a DLL and
 * those that forward to it. The rules are a table below.
 */
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>

#include "rebuild/naming.h"

/* What the pieces of a run that leave no choice show about the others. */
struct dll_context {
	uint8_t *used;			   /* by number of the module: it has another piece */
	const struct export_module *first; /* module number 0 */
	bool zeros;			   /* zeros part the pieces of this run */
	bool sorted;			   /* the DLLs are in alphabetical order */
	const char *before, *after;	   /* the DLLs nearest to the piece in question; or NULL */
};

struct dll_question {
	const struct dll_context *context;
	uint64_t target; /* the first export that the piece has */
	struct candidates candidates;
};

/* Each rule returns the points of one DLL. */
typedef int dll_rule(const struct dll_question *question, const struct export_module *dll);

/*
 * How likely programs are linked against a DLL for what others export as well: against kernel32
 * rather than the ntdll or kernelbase that its forwarders lead to.
 */
static int rule_usual(const struct dll_question *question, const struct export_module *dll)
{
	static const struct {
		const char *name;
		int points;
	} known[] = {
		{"kernel32.dll", 20},  {"user32.dll", 20},   {"gdi32.dll", 20},
		{"advapi32.dll", 20},  {"ws2_32.dll", 20},   {"ole32.dll", 19},
		{"oleaut32.dll", 19},  {"shell32.dll", 18},  {"shlwapi.dll", 18},
		{"msvcrt.dll", 18},    {"ucrtbase.dll", 10}, {"ntdll.dll", 8},
		{"kernelbase.dll", 6}, {"sechost.dll", 4},   {"combase.dll", 4},
		{"gdi32full.dll", 4},  {"win32u.dll", 4},    {"wsock32.dll", 3},
		{"crtdll.dll", 2},
	};
	for (size_t i = 0; i < array_size(known); i++)
		if (!strcmp(dll->name, known[i].name))
			return known[i].points;
	if (api_set_is(dll->name))
		return 0;
	bool forwards = question->target - dll->base >= dll->size;
	return forwards ? 7 : 12;
}

/* A linker that parts DLLs by zeros gives each just one piece. */
static int rule_one_piece(const struct dll_question *question, const struct export_module *dll)
{
	const struct dll_context *context = question->context;
	return context->zeros && context->used[dll - context->first] ? -100 : 0;
}

/* Where the pieces that leave no choice are in alphabetical order, so are the others. */
static int rule_order(const struct dll_question *question, const struct export_module *dll)
{
	const struct dll_context *context = question->context;
	bool breaks = (context->before && strcmp(dll->name, context->before) < 0) ||
		      (context->after && strcmp(dll->name, context->after) > 0);
	return context->sorted && breaks ? -50 : 0;
}

/* Nobody imports by a forwarder's ordinal what has a name elsewhere. */
static int rule_named(const struct dll_question *question, const struct export_module *dll)
{
	const struct pe_export *export = name_choose_plain(&question->candidates, dll);
	return export && export->name ? 0 : -120;
}

static dll_rule *const rules[] = {rule_usual, rule_one_piece, rule_order, rule_named};

/* Of equals the first one in alphabetical order is chosen. */
static const struct export_module *choose(const struct rebuilding *r, const struct dll_piece *piece,
					  const struct dll_context *context)
{
	struct dll_question question = {.context = context};
	for (size_t i = piece->first; !question.target && i < piece->first + piece->count; i++)
		question.target = r->scratch->slots[i].target;
	candidates_find(r->map, question.target, &question.candidates);
	const struct export_module *best = NULL;
	int most = 0;
	for (size_t i = 0; i < piece->dll_count; i++) {
		const struct export_module *dll = piece->dlls[i];
		int points = 0;
		for (size_t k = 0; k < array_size(rules); k++)
			points += rules[k](&question, dll);
		if (!best || points > most ||
		    (points == most && strcmp(dll->name, best->name) < 0)) {
			best = dll;
			most = points;
		}
	}
	return best;
}

/* Takes what the pieces show that leave no choice. */
static void look_around(const struct pieces *pieces, struct dll_context *context)
{
	const char *last = NULL;
	bool ordered = true;
	size_t count = 0;
	for (size_t i = 0; i < pieces->count; i++) {
		const struct export_module *dll = pieces->items[i].dll;
		if (!dll)
			continue;
		context->used[dll - context->first] = 1;
		if (last && strcmp(last, dll->name) > 0)
			ordered = false;
		count += !last || strcmp(last, dll->name) != 0;
		last = dll->name;
	}
	context->zeros = pieces->zeros;
	context->sorted = ordered && count >= SORTED_MIN;
}

void pieces_choose_dlls(const struct rebuilding *r, struct pieces *pieces)
{
	if (!pieces->count)
		return;
	_cleanup_free_ uint8_t *used = alloc_zero(export_map_count(r->map), 1);
	struct dll_context context = {.used = used, .first = export_map_module(r->map, 0)};
	for (size_t i = 0; i < pieces->count; i++)
		if (pieces->items[i].dll_count == 1)
			pieces->items[i].dll = pieces->items[i].dlls[0];
	look_around(pieces, &context);
	size_t next = 0; /* the first piece behind the current one that leaves no choice */
	for (size_t i = 0; i < pieces->count; i++) {
		struct dll_piece *piece = &pieces->items[i];
		for (next = max_of(next, i + 1);
		     next < pieces->count && pieces->items[next].dll_count != 1; next++)
			;
		if (piece->dll_count > 1) {
			context.after = next < pieces->count ? pieces->items[next].dll->name : NULL;
			piece->dll = choose(r, piece, &context);
			context.used[piece->dll - context.first] = 1;
		}
		if (piece->dll)
			context.before = piece->dll->name;
	}
}
