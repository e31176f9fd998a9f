/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Naming the slots of a run.
 *
 * An address can have many names: forwarders of other DLLs, aliases in its own. But a linker gives
 * each DLL one piece of the table, so the DLL is chosen for a piece, not for a slot: one that has a
 * name for all of its slots. Pieces end at zeros, and where no single DLL explains what follows.
 *
 * Where several DLLs remain, one that has no other piece in the table wins, then one that keeps the
 * pieces in alphabetical order if the others are, then the one that programs are linked against:
 * kernel32 rather than the ntdll or kernelbase that its forwarders lead to. Of several names in
 * that DLL the one that still stands in the module, where only descriptors were erased, then the one
 * that fits between its neighbours if those are sorted, then by convention.
 *
 * Whether a linker sorted is told by names that leave no choice. Two that are in order are so by
 * accident half the time, and of none or one nothing can be said: three are asked for.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>

#include "exports/export_table.h"
#include "rebuild/rebuilding.h"

enum {
	PIECE_DLLS = 8,
	NAME_LENGTH = 512,
	NAMES_NEAR = 32 << 10, /* bytes around a slot in which names of a module may stand */
	SORTED_MIN = 3,	       /* names or DLLs in order that show that a linker sorted them */
};

/* Slots of one DLL. */
struct piece {
	size_t first, count; /* in scratch->slots */
	const struct export_module *dlls[PIECE_DLLS];
	size_t dll_count; /* 0: none of its slots leads anywhere */
	const struct export_module *dll;
};

struct pieces {
	struct piece *items;
	size_t count, capacity;
	size_t zeros; /* that part them */
};

/* How likely a program names this DLL for what others export as well. */
static int rank(const struct export_module *dll, bool forwarded)
{
	static const struct {
		const char *name;
		int rank;
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
			return known[i].rank;
	if (api_set_is(dll->name))
		return 0;
	return forwarded ? 7 : 12;
}

/* The DLLs that have a name for `target`, each once; the first one is where it lies. */
static size_t dlls_of(struct rebuilding *r, uint64_t target,
		      const struct export_module *dlls[CANDIDATES_MAX])
{
	struct export_candidate candidates[CANDIDATES_MAX];
	size_t found = export_map_find(r->map, target, candidates, CANDIDATES_MAX);
	size_t n = 0;
	for (size_t i = 0; i < min_of(found, (size_t)CANDIDATES_MAX); i++) {
		bool has = false;
		for (size_t k = 0; k < n && !has; k++)
			has = dlls[k] == candidates[i].module;
		if (!has)
			dlls[n++] = candidates[i].module;
	}
	return n;
}

/* Narrows the piece to the DLLs that name `target` too; false when none is left. */
static bool narrow(struct rebuilding *r, struct piece *piece, uint64_t target)
{
	const struct export_module *dlls[CANDIDATES_MAX];
	size_t n = dlls_of(r, target, dlls);
	if (!piece->dll_count) {
		piece->dll_count = min_of(n, (size_t)PIECE_DLLS);
		memcpy(piece->dlls, dlls, piece->dll_count * sizeof(*dlls));
		return true;
	}
	const struct export_module *common[PIECE_DLLS];
	size_t count = 0;
	for (size_t i = 0; i < piece->dll_count; i++)
		for (size_t k = 0; k < n; k++)
			if (piece->dlls[i] == dlls[k])
				common[count++] = dlls[k];
	if (!count)
		return false;
	memcpy(piece->dlls, common, count * sizeof(*common));
	piece->dll_count = count;
	return true;
}

static void cut_pieces(struct rebuilding *r, const struct run *run, struct pieces *pieces)
{
	const struct slot *slots = r->scratch->slots;
	struct piece *piece = NULL;
	for (size_t i = run->first; i < run->first + run->count; i++) {
		if (slots[i].null || slots[i].dropped) {
			pieces->zeros += piece != NULL;
			piece = NULL;
			continue;
		}
		struct piece next = {.first = i};
		if (slots[i].target) {
			if (piece && !narrow(r, piece, slots[i].target))
				piece = NULL;
			if (!piece)
				narrow(r, &next, slots[i].target);
		}
		if (!piece) {
			piece = array_push(pieces->items, pieces->count, pieces->capacity);
			*piece = next;
		}
		piece->count = i + 1 - piece->first;
	}
}

/* What the pieces that leave no choice tell about the others. */
struct context {
	uint8_t *used;			   /* by number of the module: it has such a piece */
	const struct export_module *first; /* module number 0 */
	bool sorted;			   /* they are in alphabetical order */
	const char *before, *after;	   /* the nearest ones of the piece in question */
};

static void look_around(const struct pieces *pieces, struct context *context)
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
	context->sorted = ordered && count >= SORTED_MIN;
}

static const struct export_module *choose(const struct rebuilding *r, const struct pieces *pieces,
					  size_t at, const struct context *context)
{
	const struct piece *piece = &pieces->items[at];
	const struct export_module *best = NULL;
	int best_score = 0;
	uint64_t target = 0;
	for (size_t i = piece->first; !target && i < piece->first + piece->count; i++)
		target = r->scratch->slots[i].target;
	struct export_candidate candidates[CANDIDATES_MAX];
	size_t n = export_map_find(r->map, target, candidates, CANDIDATES_MAX);
	n = min_of(n, (size_t)CANDIDATES_MAX);
	for (size_t i = 0; i < piece->dll_count; i++) {
		const struct export_module *dll = piece->dlls[i];
		const struct pe_export *name = rebuild_best_name(candidates, n, dll);
		int score = rank(dll, target - dll->base >= dll->size);
		if (pieces->zeros && context->used[dll - context->first])
			score -= 100;
		if (context->sorted &&
		    ((context->before && strcmp(dll->name, context->before) < 0) ||
		     (context->after && strcmp(dll->name, context->after) > 0)))
			score -= 50;
		/* what is named elsewhere nobody imports by a forwarder's ordinal */
		if (!name || !name->name)
			score -= 120;
		if (!best || score > best_score ||
		    (score == best_score && strcmp(dll->name, best->name) < 0)) {
			best = dll;
			best_score = score;
		}
	}
	return best;
}

static void choose_dlls(const struct rebuilding *r, struct pieces *pieces)
{
	if (!pieces->count)
		return;
	_cleanup_free_ uint8_t *used = alloc_zero(export_map_count(r->map), 1);
	struct context context = {.used = used, .first = export_map_module(r->map, 0)};
	for (size_t i = 0; i < pieces->count; i++)
		if (pieces->items[i].dll_count == 1)
			pieces->items[i].dll = pieces->items[i].dlls[0];
	look_around(pieces, &context);
	size_t next = 0; /* the first decided piece behind the current one */
	for (size_t i = 0; i < pieces->count; i++) {
		struct piece *piece = &pieces->items[i];
		for (next = max_of(next, i + 1);
		     next < pieces->count && pieces->items[next].dll_count != 1; next++)
			;
		if (piece->dll_count > 1) {
			context.after = next < pieces->count ? pieces->items[next].dll->name : NULL;
			piece->dll = choose(r, pieces, i, &context);
			context.used[piece->dll - context.first] = 1;
		}
		if (piece->dll)
			context.before = piece->dll->name;
	}
}

/* Is `name` that of one of the candidates in the DLL with `before` in front or `after` behind it? */
static bool extends(const struct export_candidate *candidates, size_t count,
		    const struct export_module *dll, const char *name, const char *before,
		    const char *after)
{
	size_t front = strlen(before), back = strlen(after), length = strlen(name);
	if (length <= front + back || strncmp(name, before, front) != 0 ||
	    strcmp(name + length - back, after) != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		const char *other = candidates[i].export->name;
		if (candidates[i].module == dll && other &&
		    strlen(other) == length - front - back &&
		    !strncmp(other, name + front, length - front - back))
			return true;
	}
	return false;
}

/* Does any DLL's forwarder lead to this name? */
static bool is_forwarded_to(const struct export_candidate *candidates, size_t count,
			    const char *name)
{
	for (size_t i = 0; i < count; i++) {
		const char *forwarder = candidates[i].export->forwarder;
		const char *dot = forwarder ? strrchr(forwarder, '.') : NULL;
		if (dot && !strcmp(dot + 1, name))
			return true;
	}
	return false;
}

/*
 * What linking leads to where one function has several names. Forms: a name that extends another of
 * the same function by what stands in front and behind. Headers map plain names to those with A, and
 * to those of 64-bit time (time() is an inline function that calls _time64()) and of 64-bit debugging
 * (StackWalk64()); C compilers' old POSIX names to those with an underscore (_strdup()); psapi.h to
 * kernel32's K32 ones.
 */
static const struct {
	const char *before, *after;
	int odd;
} forms[] = {
	{"", "A", -2}, {"_", "", -2}, {"K32", "", -2}, {"", "64", -3}, {"_", "64", -3},
};

/* What begins a name that other programs than Windows' own hardly import ... */
static const struct {
	const char *start;
	int odd;
} starts[] = {
	{"_o_", 4}, /* ucrtbase's second names, for Windows' own DLLs */
	{"Zw", 2},  /* the kernel's way to say Nt */
	{"_mbs", 2},
};

/* ... and what compilers and their headers name themselves. */
static const struct {
	const char *name;
	int odd;
} emitted[] = {
	{"__CxxFrameHandler3", -2}, /* by every Visual C++ since 2003 */
	{"__intrinsic_setjmp", -2}, /* for setjmp() */
	{"__iob_func", -2},	    /* for stdin, stdout, stderr */
};

/* The fewer the better: how unusual a name is among the aliases of one function. */
static int oddity(const struct export_candidate *candidates, size_t count,
		  const struct export_candidate *candidate)
{
	const char *name = candidate->export->name;
	const struct export_module *dll = candidate->module;
	if (!name)
		return 9; /* by ordinal only */
	int odd = 4;
	for (size_t i = 0; i < array_size(starts); i++)
		if (!strncmp(name, starts[i].start, strlen(starts[i].start)))
			odd += starts[i].odd;
	for (size_t i = 0; i < array_size(emitted); i++)
		if (!strcmp(name, emitted[i].name))
			odd += emitted[i].odd;
	for (size_t i = 0; i < array_size(forms); i++) {
		if (!extends(candidates, count, dll, name, forms[i].before, forms[i].after))
			continue;
		odd += forms[i].odd;
		break;
	}
	if (is_forwarded_to(candidates, count, name))
		odd -= 1;
	return odd;
}

/* Names of the neighbours in the piece; NULL: none, or they are not sorted. */
struct neighbours {
	const char *before, *after;
};

/*
 * Does an IMAGE_IMPORT_BY_NAME of this export still stand near the table? Its hint, the name's place
 * among the DLL's names, tells it from any other text.
 */
static bool stands_near(struct rebuilding *r, uint64_t slot, const struct export_candidate *c)
{
	uint8_t entry[2 + NAME_LENGTH];
	size_t length = strlen(c->export->name) + 1;
	ptrdiff_t hint = c->export - c->module->table->exports.items;
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
		/* one that crosses pages is not seen, which costs little */
		if (n && memmem(p, n, entry, length + 2))
			return true;
		a = next;
	}
	return false;
}

static bool is_better(const char *name, const char *best)
{
	if (!name || !best)
		return name != NULL;
	size_t a = strlen(name), b = strlen(best);
	/* of "...A" and "...W" the second: what is compiled today */
	return a != b ? a < b : strcmp(name, best) > 0;
}

/* `r` is NULL where no names can stand near. */
static const struct pe_export *best_name(struct rebuilding *r, uint64_t slot,
					 const struct export_candidate *candidates, size_t count,
					 const struct export_module *module,
					 const struct neighbours *neighbours)
{
	const struct pe_export *best = NULL;
	int best_score = 0;
	for (size_t i = 0; i < count; i++) {
		const struct pe_export *e = candidates[i].export;
		if (candidates[i].module != module)
			continue;
		int score = oddity(candidates, count, &candidates[i]);
		if (neighbours && e->name &&
		    ((neighbours->before && strcmp(e->name, neighbours->before) <= 0) ||
		     (neighbours->after && strcmp(e->name, neighbours->after) >= 0)))
			score += 20;
		if (r && e->name && stands_near(r, slot, &candidates[i]))
			score -= 40;
		if (!best || score < best_score ||
		    (score == best_score && is_better(e->name, best->name))) {
			best = e;
			best_score = score;
		}
	}
	return best;
}

const struct pe_export *rebuild_best_name(const struct export_candidate *candidates, size_t count,
					  const struct export_module *module)
{
	return best_name(NULL, 0, candidates, count, module, NULL);
}

/* The only name of a slot's target in a DLL; NULL when there are several or it has none. */
static const char *only_name(struct rebuilding *r, const struct slot *slot,
			     const struct export_module *dll)
{
	struct export_candidate candidates[CANDIDATES_MAX];
	if (!slot->target)
		return NULL;
	size_t n = export_map_find(r->map, slot->target, candidates, CANDIDATES_MAX);
	const char *name = NULL;
	for (size_t i = 0; i < min_of(n, (size_t)CANDIDATES_MAX); i++) {
		if (candidates[i].module != dll)
			continue;
		if (name || !candidates[i].export->name)
			return NULL;
		name = candidates[i].export->name;
	}
	return name;
}

/* Names that leave no choice: how many, and are they in alphabetical order? */
struct order {
	size_t names; /* different from the one before */
	bool broken;
};

static struct order order_of(struct rebuilding *r, const struct piece *piece)
{
	struct order order = {0};
	const char *last = NULL;
	for (size_t i = piece->first; piece->dll && i < piece->first + piece->count; i++) {
		const char *name = only_name(r, &r->scratch->slots[i], piece->dll);
		if (!name)
			continue;
		order.broken |= last && strcmp(last, name) > 0;
		order.names += !last || strcmp(last, name) != 0;
		last = name;
	}
	return order;
}

/*
 * Do the names of all pieces of a table show that a linker sorted them? One with `n` names shows n - 1
 * times what comes after what.
 */
static bool all_sorted(const struct order *orders, size_t count)
{
	size_t steps = 0;
	for (size_t i = 0; i < count; i++) {
		if (orders[i].broken)
			return false;
		steps += orders[i].names ? orders[i].names - 1 : 0;
	}
	return steps >= SORTED_MIN - 1;
}

/* Is a piece sorted? One that has too few names to tell is as its table. */
static bool is_sorted(const struct order *order, bool table)
{
	return !order->broken && (order->names >= SORTED_MIN || table);
}

static void name_piece(struct rebuilding *r, const struct piece *piece, bool sorted, uint32_t group,
		       uint32_t table, enum rebuilt_source source)
{
	const char *before = NULL;
	for (size_t i = piece->first; i < piece->first + piece->count; i++) {
		const struct slot *slot = &r->scratch->slots[i];
		struct rebuilt_entry *entry = rebuild_add(r, slot->address, slot->value);
		entry->source = source;
		entry->group = group;
		entry->table = table;
		entry->target = slot->target;
		entry->hooked = slot->hooked;
		if (!slot->target || !piece->dll) {
			r->rebuilt->unknown++;
			continue;
		}
		struct neighbours neighbours = {.before = sorted ? before : NULL};
		for (size_t k = i + 1; sorted && !neighbours.after &&
				       k < piece->first + piece->count && k <= i + CANDIDATES_MAX;
		     k++)
			neighbours.after = only_name(r, &r->scratch->slots[k], piece->dll);
		struct export_candidate candidates[CANDIDATES_MAX];
		size_t n = export_map_find(r->map, slot->target, candidates, CANDIDATES_MAX);
		n = min_of(n, (size_t)CANDIDATES_MAX);
		bool choice = r->area && !only_name(r, slot, piece->dll);
		const struct pe_export *e = best_name(choice ? r : NULL, slot->address, candidates,
						      n, piece->dll, &neighbours);
		if (!e) {
			r->rebuilt->unknown++;
			continue;
		}
		rebuild_set_name(r, entry, piece->dll->name, e->name, e->ordinal);
		before = e->name ? e->name : before;
	}
}

void rebuild_name_run(struct rebuilding *r, const struct run *run, uint32_t table,
		      enum rebuilt_source source)
{
	struct pieces pieces = {0};
	cut_pieces(r, run, &pieces);
	choose_dlls(r, &pieces);
	uint32_t group =
		r->rebuilt->count ? r->rebuilt->entries[r->rebuilt->count - 1].group + 1 : 0;
	_cleanup_free_ struct order *orders = alloc_zero(pieces.count, sizeof(*orders));
	for (size_t i = 0; i < pieces.count; i++)
		orders[i] = order_of(r, &pieces.items[i]);
	bool sorted = all_sorted(orders, pieces.count);
	for (size_t i = 0; i < pieces.count; i++)
		name_piece(r, &pieces.items[i], is_sorted(&orders[i], sorted), group++, table,
			   source);
	free(pieces.items);
}
