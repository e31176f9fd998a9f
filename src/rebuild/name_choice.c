/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Choosing the name of an address where its DLL exports it by several. The rules are a table below.
 */
#include <string.h>

#include <impscan/bytes.h>

#include "rebuild/naming.h"

enum {
	NAME_LENGTH = 512,
	NAMES_NEAR = 32 << 10, /* bytes around a slot in which a module's names are looked for */
};

/* Each rule returns the points of one candidate that has a name. */
typedef int name_rule(const struct name_question *question,
		      const struct export_candidate *candidate);

#define NAMELESS (-5) /* points of a candidate without a name: it is imported by ordinal */

/* Beginnings of names that other programs than Windows' own hardly import. */
static int rule_beginning(const struct name_question *question,
			  const struct export_candidate *candidate)
{
	static const struct {
		const char *start;
		int points;
	} starts[] = {
		{"_o_", -4}, /* ucrtbase's second names, for Windows' own DLLs */
		{"Zw", -2},  /* the kernel's way to say Nt */
		{"_mbs", -2},
	};
	(void)question;
	const char *name = candidate->export->name;
	int points = 0;
	for (size_t i = 0; i < array_size(starts); i++)
		if (!strncmp(name, starts[i].start, strlen(starts[i].start)))
			points += starts[i].points;
	return points;
}

/* How often programs import a name. */
static int rule_usual(const struct name_question *question,
		      const struct export_candidate *candidate)
{
	(void)question;
	return usual_points(import_name_weight(candidate->export->name));
}

/* What an API set doesn't have can't be imported from it. */
static int rule_in_set(const struct name_question *question,
		       const struct export_candidate *candidate)
{
	struct import_set sets[IMPORT_SETS_MAX];
	if (question->library.set == NO_SET)
		return 0;
	size_t count = import_sets_of(candidate->export->name, sets);
	for (size_t i = 0; i < count; i++)
		if (sets[i].number == question->library.set)
			return 0;
	return -40;
}

/* Two slots of one DLL that lead to one address are imported by different names. */
static int rule_taken(const struct name_question *question,
		      const struct export_candidate *candidate)
{
	return question->taken >> (candidate - question->candidates->items) & 1 ? -40 : 0;
}

/* Names that compilers and their headers use by themselves. */
static int rule_compiler(const struct name_question *question,
			 const struct export_candidate *candidate)
{
	static const struct {
		const char *name;
		int points;
	} emitted[] = {
		{"__CxxFrameHandler3", 2}, /* by every Visual C++ since 2003 */
		{"__intrinsic_setjmp", 2}, /* for setjmp() */
		{"__iob_func", 2},	   /* for stdin, stdout, stderr */
	};
	(void)question;
	for (size_t i = 0; i < array_size(emitted); i++)
		if (!strcmp(candidate->export->name, emitted[i].name))
			return emitted[i].points;
	return 0;
}

/*
 * Is `name` that of another candidate in the same DLL, with `before` in front and `after` behind?
 */
static bool extends(const struct name_question *question, const char *name, const char *before,
		    const char *after)
{
	size_t front = strlen(before), back = strlen(after), length = strlen(name);
	if (length <= front + back || strncmp(name, before, front) != 0 ||
	    strcmp(name + length - back, after) != 0)
		return false;
	for (size_t i = 0; i < question->candidates->count; i++) {
		const struct export_candidate *candidate = &question->candidates->items[i];
		const char *other = candidate->export->name;
		if (candidate->module == question->library.dll && other &&
		    strlen(other) == length - front - back &&
		    !strncmp(other, name + front, length - front - back))
			return true;
	}
	return false;
}

/*
 * Names that extend another name of the same function. Windows' headers map plain names to those
 * with A, and to those for 64-bit time (time() is an inline function that calls _time64()) and for
 * 64-bit debugging (StackWalk64()); C compilers map old POSIX names to those with an underscore
 * (_strdup()), psapi.h maps its names to kernel32's with K32.
 */
static int rule_form(const struct name_question *question, const struct export_candidate *candidate)
{
	static const struct {
		const char *before, *after;
		int points;
	} forms[] = {
		{"", "A", 2}, {"_", "", 2}, {"K32", "", 2}, {"", "64", 3}, {"_", "64", 3},
	};
	for (size_t i = 0; i < array_size(forms); i++)
		if (extends(question, candidate->export->name, forms[i].before, forms[i].after))
			return forms[i].points;
	return 0;
}

/* A name to which some DLL's forwarder leads. */
static int rule_forwarded(const struct name_question *question,
			  const struct export_candidate *candidate)
{
	for (size_t i = 0; i < question->candidates->count; i++) {
		const char *forwarder = question->candidates->items[i].export->forwarder;
		const char *dot = forwarder ? strrchr(forwarder, '.') : NULL;
		if (dot && !strcmp(dot + 1, candidate->export->name))
			return 1;
	}
	return 0;
}

/* In a sorted piece a name stands between those of the slots beside it. */
static int rule_order(const struct name_question *question,
		      const struct export_candidate *candidate)
{
	const char *name = candidate->export->name;
	bool breaks = (question->before && strcmp(name, question->before) <= 0) ||
		      (question->after && strcmp(name, question->after) >= 0);
	return breaks ? -20 : 0;
}

/*
 * Does an IMAGE_IMPORT_BY_NAME of this export still stand around the slot? Its hint, the position
 * of the name among the DLL's names, tells it from other text.
 */
static bool stands_near(const struct name_question *question, const struct export_candidate *c)
{
	struct rebuilding *r = question->r;
	uint64_t slot = question->slot;
	uint8_t entry[2 + NAME_LENGTH];
	size_t length = strlen(c->export->name) + 1;
	ptrdiff_t hint = c->export - export_table_exports(c->module->table)->items;
	if (length > NAME_LENGTH || hint > UINT16_MAX || r->scratch->near_looks++ >= NEAR_LOOKS_MAX)
		return false;
	entry[0] = (uint8_t)hint;
	entry[1] = (uint8_t)(hint >> 8);
	memcpy(entry + 2, c->export->name, length);
	uint64_t start = max_of(r->start, slot - min_of(slot, (uint64_t)NAMES_NEAR));
	uint64_t end = min_of(r->end, slot + NAMES_NEAR);
	for (uint64_t a = start; a < end;) {
		uint64_t next = min_of(end, a - a % PAGE_SIZE + PAGE_SIZE);
		size_t available;
		const uint8_t *p = r->memory->at(r->memory, a, &available);
		size_t n = p ? (size_t)min_of(next - a, (uint64_t)available) : 0;
		/* one that crosses pages is missed, which matters little */
		if (n && memmem(p, n, entry, length + 2))
			return true;
		a = next;
	}
	return false;
}

/* A name that is left in the module, where only descriptors were erased. */
static int rule_near(const struct name_question *question, const struct export_candidate *candidate)
{
	return question->look_near && stands_near(question, candidate) ? 40 : 0;
}

static name_rule *const rules[] = {
	rule_usual, rule_in_set,    rule_taken, rule_beginning, rule_compiler,
	rule_form,  rule_forwarded, rule_order, rule_near,
};

static int score(const struct name_question *question, const struct export_candidate *candidate)
{
	if (!candidate->export->name)
		return NAMELESS;
	int points = 0;
	for (size_t i = 0; i < array_size(rules); i++)
		points += rules[i](question, candidate);
	return points;
}

/*
 * Of two names with the same score, is `name` the one to take? The shorter one; of "...A" and
 * "...W" the second, which is what programs are compiled for today.
 */
static bool is_better(const char *name, const char *best)
{
	if (!name || !best)
		return name != NULL;
	size_t a = strlen(name), b = strlen(best);
	return a != b ? a < b : strcmp(name, best) > 0;
}

/* Returns the only candidate in the DLL; NULL when there are several, or none. */
static const struct export_candidate *only_in(const struct candidates *candidates,
					      const struct export_module *dll)
{
	const struct export_candidate *only = NULL;
	for (size_t i = 0; i < candidates->count; i++) {
		if (candidates->items[i].module != dll)
			continue;
		if (only)
			return NULL;
		only = &candidates->items[i];
	}
	return only;
}

/* Returns the best candidate in the DLL that is not in the set `without`; NULL: there is none. */
static const struct export_candidate *choose_without(const struct name_question *question,
						     uint32_t without)
{
	const struct export_candidate *best = NULL;
	int most = 0;
	for (size_t i = 0; i < question->candidates->count; i++) {
		const struct export_candidate *candidate = &question->candidates->items[i];
		if (candidate->module != question->library.dll || without >> i & 1)
			continue;
		int points = score(question, candidate);
		if (!best || points > most ||
		    (points == most && is_better(candidate->export->name, best->export->name))) {
			best = candidate;
			most = points;
		}
	}
	return best;
}

/*
 * Several slots of a sorted piece that lead to one address have the names that are best wherever
 * they stand, the lowest first. Returns the lowest for this slot; NULL: it is the only slot left,
 * or none of them fits.
 */
static const struct export_candidate *lowest_of_left(const struct name_question *question)
{
	struct name_question anywhere = *question;
	anywhere.before = anywhere.after = NULL;
	const struct export_candidate *lowest = NULL;
	uint32_t without = question->taken;
	for (size_t i = 0; question->left > 1 && i < question->left; i++) {
		const struct export_candidate *next = choose_without(&anywhere, without);
		if (!next)
			break;
		without |= 1u << (next - question->candidates->items);
		const char *name = next->export->name;
		if (name && !rule_order(question, next) &&
		    (!lowest || strcmp(name, lowest->export->name) < 0))
			lowest = next;
	}
	return lowest;
}

const struct pe_export *name_choose(const struct name_question *question)
{
	const struct export_candidate *only = only_in(question->candidates, question->library.dll);
	if (only)
		return only->export;
	const struct export_candidate *best = lowest_of_left(question);
	if (!best)
		best = choose_without(question, 0);
	return best ? best->export : NULL;
}

const struct pe_export *name_choose_plain(const struct candidates *candidates,
					  const struct export_module *dll)
{
	return name_choose(
		&(struct name_question){.candidates = candidates, .library = {dll, NO_SET, 0}});
}

const char *name_only(const struct export_map *map, uint64_t address,
		      const struct export_module *dll)
{
	struct candidates candidates;
	if (!address)
		return NULL;
	candidates_find(map, address, &candidates);
	const struct export_candidate *only = only_in(&candidates, dll);
	return only ? only->export->name : NULL;
}
