/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Choosing the library of a piece where several have names for all its slots: most often a DLL,
 * those that forward to it, and an API set that it hosts. The rules are a table below.
 */
#include <limits.h>
#include <string.h>
#include <strings.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>

#include "rebuild/naming.h"

const char *library_name(const struct library *library, char buffer[LIBRARY_NAME])
{
	if (library->set == NO_SET ||
	    !import_set_name((uint16_t)library->set, buffer, LIBRARY_NAME))
		return library->dll->name;
	return buffer;
}

/* Orders in which a linker may have sorted the names of DLLs. */
enum name_sorting {
	NOT_SORTED,
	SORTED_BY_BYTES, /* as written in export directories: KERNEL32.dll before api-ms-... */
	SORTED_BY_LETTERS,
};

/* What the pieces of a run that leave no choice show about the others. */
struct library_context {
	uint8_t *used;			   /* by number of the module: it has another piece */
	const struct export_module *first; /* module number 0 */
	bool zeros;			   /* zeros part the pieces of this run */
	bool microsoft;	  /* import libraries of Microsoft's were linked, as far as known */
	size_t with_sets; /* pieces that an API set explains */
	enum name_sorting sorting;
	const struct library *before, *after; /* those nearest to the piece in question; or NULL */
};

struct library_question {
	const struct library_context *context;
	const struct dll_piece *piece;
	uint64_t target; /* the first export that the piece has */
	struct candidates candidates;
};

/* Each rule returns the points of one library. */
typedef int library_rule(const struct library_question *question, const struct library *library);

/* Returns the name by which a linker sorts a library; it may be kept in `buffer`. */
static const char *sorted_name(const struct library *library, char buffer[LIBRARY_NAME])
{
	const struct export_table *table = library->dll->table;
	const char *written = table ? export_table_exports(table)->name : "";
	if (library->set == NO_SET && !strcasecmp(written, library->dll->name))
		return written;
	return library_name(library, buffer);
}

/* Compares two libraries as strcmp() does. */
static int compare_libraries(const struct library *a, const struct library *b,
			     enum name_sorting sorting)
{
	char buffers[2][LIBRARY_NAME];
	if (sorting == SORTED_BY_BYTES)
		return strcmp(sorted_name(a, buffers[0]), sorted_name(b, buffers[1]));
	return strcmp(library_name(a, buffers[0]), library_name(b, buffers[1]));
}

/*
 * How usual programs are linked against it for what others offer as well: kernel32 rather than the
 * ntdll or kernelbase that its forwarders lead to. Of DLLs that nothing is known of it is the one
 * that has the code; of others equally usual the one that forwards: Windows moved code from the
 * DLLs that programs know into new ones.
 */
static int rule_usual(const struct library_question *question, const struct library *library)
{
	char buffer[LIBRARY_NAME];
	unsigned int weight = import_dll_weight(library_name(library, buffer));
	bool forwards = question->target - library->dll->base >= library->dll->size;
	return usual_points(weight) + (forwards == (weight > 0));
}

/*
 * A linker that parts DLLs by zeros gives each just one piece, unless it is written in two ways:
 * programs in Rust may name both KERNEL32.dll and kernel32.dll.
 */
static int rule_one_piece(const struct library_question *question, const struct library *library)
{
	const struct library_context *context = question->context;
	return library->set == NO_SET && context->zeros &&
			       context->used[library->dll - context->first]
		       ? -12
		       : 0;
}

/* Where the pieces that leave no choice are sorted, so are the others. */
static int rule_order(const struct library_question *question, const struct library *library)
{
	const struct library_context *context = question->context;
	if (context->sorting == NOT_SORTED)
		return 0;
	bool breaks = (context->before &&
		       compare_libraries(library, context->before, context->sorting) < 0) ||
		      (context->after &&
		       compare_libraries(library, context->after, context->sorting) > 0);
	return breaks ? -50 : 0;
}

/* Nobody imports by a forwarder's ordinal what has a name elsewhere. */
static int rule_named(const struct library_question *question, const struct library *library)
{
	const struct pe_export *export = name_choose_plain(&question->candidates, library->dll);
	return export && export->name ? 0 : -120;
}

/*
 * Of API sets it is the one from which programs import these functions; if there is none, rather a
 * host that programs are linked against.
 */
static int rule_seen(const struct library_question *question, const struct library *library)
{
	const struct dll_piece *piece = question->piece;
	if (library->set == NO_SET)
		return 0;
	for (size_t i = 0; i < piece->library_count; i++)
		if (piece->libraries[i].set != NO_SET && piece->libraries[i].seen > library->seen)
			return -20;
	return !library->seen && import_dll_weight(library->dll->name) ? -4 : 0;
}

/*
 * Whose libraries name API sets has more than one in its table. Others may be linked against the
 * host: winebuild's are.
 */
static int rule_alone(const struct library_question *question, const struct library *library)
{
	const struct library_context *context = question->context;
	return library->set != NO_SET && !context->microsoft && context->with_sets < 2 &&
			       import_dll_weight(library->dll->name)
		       ? -40
		       : 0;
}

static library_rule *const rules[] = {
	rule_usual, rule_one_piece, rule_order, rule_named, rule_seen, rule_alone,
};

/* Of equals the first one in alphabetical order is chosen. */
static struct library choose(const struct rebuilding *r, const struct dll_piece *piece,
			     const struct library_context *context)
{
	struct library_question question = {.context = context, .piece = piece};
	for (size_t i = piece->first; !question.target && i < piece->first + piece->count; i++)
		question.target = r->scratch->slots[i].target;
	candidates_find(r->map, question.target, &question.candidates);
	const struct library *best = piece->libraries; /* there is one at least */
	int most = INT_MIN;
	for (size_t i = 0; i < piece->library_count; i++) {
		const struct library *library = &piece->libraries[i];
		int points = 0;
		for (size_t k = 0; k < array_size(rules); k++)
			points += rules[k](&question, library);
		if (points > most ||
		    (points == most && compare_libraries(library, best, SORTED_BY_LETTERS) < 0)) {
			best = library;
			most = points;
		}
	}
	return *best;
}

/* Finds the API sets that have any of a slot's names. Returns how many there are. */
static size_t sets_of(const struct candidates *candidates, struct import_set sets[IMPORT_SETS_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < candidates->count; i++) {
		struct import_set found[IMPORT_SETS_MAX];
		const char *name = candidates->items[i].export->name;
		size_t n = name ? import_sets_of(name, found) : 0;
		for (size_t k = 0; k < n; k++) {
			size_t m = 0;
			while (m < count && sets[m].number != found[k].number)
				m++;
			if (m == count && count < IMPORT_SETS_MAX)
				sets[count++] = found[k];
			else if (m < count && sets[m].seen < found[k].seen)
				sets[m].seen = found[k].seen;
		}
	}
	return count;
}

/* Leaves of `count` libraries those whose API set is among `sets`. Returns how many are left. */
static size_t keep_sets(struct library *libraries, size_t count, const struct import_set *sets,
			size_t set_count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < set_count; k++)
			if (libraries[i].set == sets[k].number) {
				libraries[kept] = libraries[i];
				libraries[kept++].seen += sets[k].seen;
			}
	return kept;
}

/* Finds the API sets that have a name for all slots of a piece that lead to an export. */
static size_t common_sets(const struct rebuilding *r, const struct dll_piece *piece,
			  struct library common[IMPORT_SETS_MAX])
{
	size_t count = 0;
	bool any = false;
	for (size_t i = piece->first; i < piece->first + piece->count; i++) {
		struct candidates candidates;
		struct import_set sets[IMPORT_SETS_MAX];
		if (!r->scratch->slots[i].target)
			continue;
		candidates_find(r->map, r->scratch->slots[i].target, &candidates);
		size_t n = sets_of(&candidates, sets);
		for (size_t k = 0; !any && k < n; k++)
			common[count++] = (struct library){.set = sets[k].number};
		any = true;
		count = keep_sets(common, count, sets, n);
		if (!count)
			break;
	}
	return count;
}

/* Lists the libraries of a piece: its DLLs, and API sets that they host. */
static void find_libraries(const struct rebuilding *r, struct dll_piece *piece)
{
	struct library sets[IMPORT_SETS_MAX];
	for (size_t i = 0; i < piece->dll_count; i++)
		piece->libraries[piece->library_count++] =
			(struct library){.dll = piece->dlls[i], .set = NO_SET};
	size_t count = piece->dll_count ? common_sets(r, piece, sets) : 0;
	for (size_t i = 0; i < count; i++) {
		char name[LIBRARY_NAME];
		if (import_set_name((uint16_t)sets[i].set, name, sizeof(name)))
			sets[i].dll = export_map_dll(r->map, name);
		for (size_t k = 0; sets[i].dll && k < piece->dll_count; k++)
			if (piece->dlls[k] == sets[i].dll)
				piece->libraries[piece->library_count++] = sets[i];
	}
}

/* Do libraries that leave no choice stand in an order? */
static bool in_order(const struct pieces *pieces, enum name_sorting sorting)
{
	const struct library *last = NULL;
	size_t count = 0;
	for (size_t i = 0; i < pieces->count; i++) {
		const struct library *library = &pieces->items[i].library;
		if (!library->dll)
			continue;
		int order = last ? compare_libraries(last, library, sorting) : -1;
		if (order > 0)
			return false;
		count += order < 0;
		last = library;
	}
	return count >= SORTED_MIN;
}

/* Takes what the pieces show that leave no choice. */
static void look_around(const struct pieces *pieces, struct library_context *context)
{
	for (size_t i = 0; i < pieces->count; i++)
		if (pieces->items[i].library.dll)
			context->used[pieces->items[i].library.dll - context->first] = 1;
	context->zeros = pieces->zeros;
	context->sorting = in_order(pieces, SORTED_BY_BYTES)	 ? SORTED_BY_BYTES
			   : in_order(pieces, SORTED_BY_LETTERS) ? SORTED_BY_LETTERS
								 : NOT_SORTED;
}

/* Chooses the library of each piece that has several. */
static void choose_all(const struct rebuilding *r, struct pieces *pieces,
		       struct library_context *context)
{
	size_t next = 0; /* the first piece behind the current one that leaves no choice */
	context->before = NULL;
	for (size_t i = 0; i < pieces->count; i++) {
		struct dll_piece *piece = &pieces->items[i];
		for (next = max_of(next, i + 1);
		     next < pieces->count && pieces->items[next].library_count != 1; next++)
			;
		if (piece->library_count > 1) {
			context->after = next < pieces->count ? &pieces->items[next].library : NULL;
			piece->library = choose(r, piece, context);
			if (piece->library.set == NO_SET)
				context->used[piece->library.dll - context->first] = 1;
		}
		if (piece->library.dll)
			context->before = &piece->library;
	}
}

static bool has_set(const struct dll_piece *piece)
{
	return piece->library_count && piece->libraries[piece->library_count - 1].set != NO_SET;
}

/*
 * Windows' own programs are linked against API sets alone. In their tables, one DLL would have many
 * pieces, each of them within one of its sets. Takes the DLLs from such pieces. Returns whether
 * there were any.
 */
static bool take_sets(const struct rebuilding *r, struct pieces *pieces)
{
	size_t modules = export_map_count(r->map);
	const struct export_module *first = export_map_module(r->map, 0);
	_cleanup_free_ uint32_t *with = alloc_zero(modules, sizeof(*with));
	_cleanup_free_ uint32_t *without = alloc_zero(modules, sizeof(*without));
	bool any = false;
	for (size_t i = 0; i < pieces->count; i++) {
		const struct dll_piece *piece = &pieces->items[i];
		if (piece->library.dll && piece->library.set == NO_SET)
			(has_set(piece) ? with : without)[piece->library.dll - first]++;
	}
	for (size_t i = 0; i < pieces->count; i++) {
		struct dll_piece *piece = &pieces->items[i];
		if (!piece->library.dll || piece->library.set != NO_SET || !has_set(piece) ||
		    with[piece->library.dll - first] < 2 || without[piece->library.dll - first])
			continue;
		size_t kept = 0;
		for (size_t k = 0; k < piece->library_count; k++)
			if (piece->libraries[k].set != NO_SET)
				piece->libraries[kept++] = piece->libraries[k];
		piece->library_count = kept;
		any = true;
	}
	return any;
}

/* Chooses the library of each piece among those that it has. */
static void decide(const struct rebuilding *r, struct pieces *pieces,
		   struct library_context *context)
{
	memset(context->used, 0, export_map_count(r->map));
	for (size_t i = 0; i < pieces->count; i++) {
		struct dll_piece *piece = &pieces->items[i];
		piece->library =
			piece->library_count == 1 ? piece->libraries[0] : (struct library){0};
	}
	look_around(pieces, context);
	choose_all(r, pieces, context);
}

void pieces_choose_libraries(const struct rebuilding *r, struct pieces *pieces)
{
	if (!pieces->count)
		return;
	_cleanup_free_ uint8_t *used = alloc_zero(export_map_count(r->map), 1);
	struct library_context context = {
		.used = used,
		.first = export_map_module(r->map, 0),
		.microsoft = r->linker != LINKER_OTHER,
	};
	for (size_t i = 0; i < pieces->count; i++) {
		find_libraries(r, &pieces->items[i]);
		context.with_sets += has_set(&pieces->items[i]);
	}
	decide(r, pieces, &context);
	if (pieces->zeros && take_sets(r, pieces))
		decide(r, pieces, &context);
}
