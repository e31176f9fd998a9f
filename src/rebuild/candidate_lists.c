/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The lists that may have been the original file's, made of the tables of an area, to be hashed.
 *
 * Which tables were the file's? The family of tables in one section that has the most imports. A
 * packer's stub has its few imports elsewhere, and pointers that a program gets at run time lie
 * with its data. Where a packer has merged sections, they don't part these: there the tables of a
 * family that lie near each other are a list as well, before that of all. An intact import
 * directory is a list of its own. It comes first, unless a family has more imports: then it may be
 * a packer's stub that declares little.
 *
 * In which order did the file's directory have the DLLs? winebuild, GNU ld and LLVM's linker give
 * the directory the order of the address tables. Microsoft's linker sorts the tables by DLL name,
 * but gives the directory the order in which import libraries were needed, most often that of the
 * command line. Where the header has its mark (the "Rich" record) the order is a guess, by
 * what comes before what in other programs: see dll_order.h.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>

#include "imports/import_names.h"
#include "rebuild/dll_order.h"
#include "rebuild/rebuilding.h"

#define TEXT_A_STEP 8 /* bytes of a list, for hashing it twice: see struct budget */

#define NEAR 4096 /* bytes at most between tables of one family, where sections are unknown */

/* Lists that are left for others when one choice of tables is made in all orders. */
#define LISTS_LEFT 3

/* Entries of one group, which a list has together. */
struct dll_chunk {
	size_t first, count;	     /* in `entries` */
	unsigned int rank, position; /* by these it is sorted */
};

static int compare_chunks(const void *a, const void *b)
{
	const struct dll_chunk *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

/* The tables of which a list is made. */
struct table_choice {
	bool *tables;	/* for each table of the result: is it one of them? */
	size_t count;	/* of the result's tables */
	size_t imports; /* in those that were chosen */
	/* Their DLLs, and guesses in which order the directory had them. */
	struct order_dll dlls[ORDER_DLLS];
	size_t dll_count;
	uint8_t *numbers; /* of each entry's DLL, while lists are made in these orders */
	bool more_dlls;	  /* there are more than ORDER_DLLS */
	struct dll_orders orders;
};

/* Is an entry in one of the chosen tables, but the directory's, which keeps its order? */
static bool is_ordered(const struct rebuilt *rebuilt, const struct table_choice *choice,
		       const struct rebuilt_entry *e)
{
	return e->table < choice->count && choice->tables[e->table] &&
	       !rebuilt->tables[e->table].directory;
}

/* Returns the number of a DLL among those of the choice; `dll_count`: it is none of them. */
static size_t dll_number(const struct table_choice *choice, const char *dll, unsigned int place)
{
	size_t i = 0;
	while (i < choice->dll_count &&
	       (choice->dlls[i].place != place || strcmp(choice->dlls[i].name, dll) != 0))
		i++;
	return i;
}

/*
 * Returns the number of a DLL that follows number `before`, and adds it where it is not among those
 * of the choice. That comes back after others is one with tables of its own, under the same name in
 * another case. Returns ORDER_DLLS when there is no room.
 */
static size_t number_dll(struct table_choice *choice, const char *dll, size_t before)
{
	size_t number = dll_number(choice, dll, 1);
	if (number < choice->dll_count && number != before)
		number = dll_number(choice, dll, 2);
	if (number < choice->dll_count || number == ORDER_DLLS)
		return number;
	unsigned int place = dll_number(choice, dll, 1) < choice->dll_count ? 2 : 1;
	choice->dlls[choice->dll_count++] = (struct order_dll){dll, place};
	return number;
}

/* Finds the DLLs of the chosen tables, in their order. */
static void find_dlls(const struct rebuilt *rebuilt, struct table_choice *choice)
{
	uint32_t group = UINT32_MAX;
	size_t number = ORDER_DLLS;
	choice->dll_count = 0;
	for (size_t i = 0; i < rebuilt->count; i++) {
		const struct rebuilt_entry *e = &rebuilt->entries[i];
		if (e->kind == IMPORT_UNKNOWN || !is_ordered(rebuilt, choice, e))
			continue;
		if (e->group != group)
			number = number_dll(choice, rebuilt_dll(rebuilt, e), number);
		choice->more_dlls = number == ORDER_DLLS;
		if (choice->more_dlls)
			return;
		group = e->group;
		choice->numbers[i] = (uint8_t)number;
	}
}

/* Guesses orders of the DLLs of the chosen tables: none where there are too many. */
static void guess_orders(const struct rebuilding *r, struct table_choice *choice)
{
	choice->orders.count = 0;
	if (!choice->more_dlls && rebuild_spend(r, choice->dll_count * STEPS_ORDER))
		dll_orders_guess(choice->dlls, choice->dll_count, &choice->orders);
}

static void write_chunk(struct rebuilding *r, const struct dll_chunk *chunk,
			struct rebuilt_list *list)
{
	const struct rebuilt *rebuilt = r->rebuilt;
	struct text *low = &r->scratch->low;
	size_t library = 0;
	uint32_t dll = UINT32_MAX;
	for (size_t i = chunk->first; i < chunk->first + chunk->count; i++) {
		const struct rebuilt_entry *e = &rebuilt->entries[i];
		if (e->kind == IMPORT_UNKNOWN)
			continue;
		if (list->string.length > REBUILT_TEXT_MAX) {
			rebuild_too_many(r);
			return;
		}
		if (e->dll != dll) {
			const char *name = rebuilt_dll(rebuilt, e);
			library = names_library(low, name, strlen(name));
			dll = e->dll;
		}
		*array_push(list->order, list->order_count, list->order_capacity) = (uint32_t)i;
		list->count += names_append(&list->string, low, library, rebuilt_name(rebuilt, e),
					    e->ordinal);
	}
}

/* Keeps the list that was made last, unless it is empty or there is an equal one. */
static void keep_list(struct rebuilt *rebuilt, const char *what)
{
	struct rebuilt_list *list = &rebuilt->lists[rebuilt->list_count];
	bool old = !list->count;
	for (size_t i = 0; i < rebuilt->list_count && !old; i++)
		old = !strcmp(text_string(&rebuilt->lists[i].string), text_string(&list->string));
	list->what = what;
	if (!old) {
		rebuilt->list_count++;
		return;
	}
	text_clear(&list->string);
	list->count = list->order_count = 0;
}

/*
 * Makes a list of the chosen tables, with the DLLs in the order of the tables (`ranks` NULL), or in
 * one that was guessed.
 */
static void make_list(struct rebuilding *r, const struct table_choice *choice, const uint8_t *ranks,
		      const char *what)
{
	struct rebuilt *rebuilt = r->rebuilt;
	if (rebuilt->list_count >= REBUILT_LISTS_MAX)
		return;
	struct dll_chunk *chunks = NULL;
	size_t count = 0, capacity = 0;
	for (size_t i = 0; i < rebuilt->count; i++) {
		const struct rebuilt_entry *e = &rebuilt->entries[i];
		if (e->table >= choice->count || !choice->tables[e->table])
			continue;
		struct dll_chunk *last = count ? &chunks[count - 1] : NULL;
		if (last && rebuilt->entries[last->first].group == e->group &&
		    rebuilt->entries[last->first].table == e->table &&
		    last->first + last->count == i) {
			last->count++;
			continue;
		}
		struct dll_chunk *chunk = array_push(chunks, count, capacity);
		chunk->first = i;
		chunk->count = 1;
		chunk->position = (unsigned int)count;
		chunk->rank = 0;
		if (ranks && e->kind != IMPORT_UNKNOWN && is_ordered(rebuilt, choice, e))
			chunk->rank = ranks[choice->numbers[i]];
	}
	if (count)
		qsort(chunks, count, sizeof(*chunks), compare_chunks);
	struct rebuilt_list *list = &rebuilt->lists[rebuilt->list_count];
	text_clear(&list->string);
	list->count = list->order_count = 0;
	/* for sorting and writing; then for hashing what was written */
	if (rebuild_spend(r, (rebuilt->count + count) * STEPS_SLOT))
		for (size_t i = 0; i < count; i++)
			write_chunk(r, &chunks[i], list);
	free(chunks);
	rebuild_spend(r, list->string.length / TEXT_A_STEP);
	keep_list(rebuilt, what);
}

/* Are two tables of one family? */
static bool related(const struct rebuilding *r, size_t a, size_t b)
{
	const struct rebuilt_table *x = &r->rebuilt->tables[a], *y = &r->rebuilt->tables[b];
	if (x->outside || y->outside)
		return a == b;
	if (x->section != y->section)
		return false;
	return x->start < y->start ? y->start - min_of(y->start, x->end) < NEAR
				   : x->start - min_of(x->start, y->end) < NEAR;
}

/*
 * Finds the family of each table: the number of its first table. Where sections are unknown, tables
 * of one family follow each other, as tables are in the order of addresses but for the directory's,
 * which is number 0.
 */
static void find_families(const struct rebuilding *r, size_t *family)
{
	const struct rebuilt *rebuilt = r->rebuilt;
	_cleanup_free_ size_t *by_section = NULL;
	size_t sections = r->pe ? r->pe->section_count : 0;
	by_section = alloc_zero(sections, sizeof(*by_section));
	for (size_t i = 0; i < rebuilt->table_count; i++) {
		uint32_t section = rebuilt->tables[i].section;
		family[i] = i;
		if (section < sections) {
			/* number of the first table in it + 1; 0: none so far */
			if (!by_section[section])
				by_section[section] = i + 1;
			family[i] = by_section[section] - 1;
		} else if (i && related(r, i - 1, i)) {
			family[i] = family[i - 1];
		} else if (i && related(r, 0, i)) {
			family[i] = family[0];
		}
	}
}

/* Which linker made the module? Without a header its runtime library tells. */
static enum linker linker_of(const struct rebuilding *r, const struct table_choice *choice)
{
	enum linker linker = r->linker;
	for (size_t i = 0; linker == LINKER_UNKNOWN && i < choice->dll_count; i++)
		if (!strcmp(choice->dlls[i].name, "vcruntime140.dll"))
			linker = LINKER_MICROSOFT;
	return linker;
}

/*
 * Adds the lists of the chosen tables in the orders that the file may have had, the most likely
 * `most` of them; the order of the tables is always one.
 */
static void add_orders(struct rebuilding *r, struct table_choice *choice, size_t most)
{
	_cleanup_free_ uint8_t *numbers = alloc_zero(r->rebuilt->count, sizeof(*numbers));
	choice->numbers = numbers;
	find_dlls(r->rebuilt, choice);
	enum linker linker = linker_of(r, choice);
	if (linker != LINKER_MICROSOFT)
		make_list(r, choice, NULL, "in the order of the tables");
	if (linker == LINKER_OTHER)
		return;
	guess_orders(r, choice);
	for (size_t i = 0; i < choice->orders.count && i + 1 < most; i++)
		make_list(r, choice, choice->orders.rank[i],
			  "in an order as Microsoft's linker makes");
	if (linker == LINKER_MICROSOFT)
		make_list(r, choice, NULL, "in the order of the tables");
}

/*
 * Chooses the family with the most imports. `alone`: without the import directory's table. Returns
 * false when there is none.
 */
static bool largest(const struct rebuilding *r, bool alone, struct table_choice *best)
{
	const struct rebuilt *rebuilt = r->rebuilt;
	_cleanup_free_ size_t *family = alloc_zero(best->count, sizeof(*family));
	_cleanup_free_ size_t *imports = alloc_zero(best->count, sizeof(*imports));
	size_t most = 0;
	find_families(r, family);
	for (size_t i = 0; i < best->count; i++) {
		if (alone && rebuilt->tables[i].directory)
			continue;
		imports[family[i]] += rebuilt->tables[i].imports;
		if (imports[family[i]] > imports[most])
			most = family[i];
	}
	for (size_t i = 0; i < best->count; i++)
		best->tables[i] = family[i] == most && !(alone && rebuilt->tables[i].directory);
	best->imports = imports[most];
	return best->imports > 0;
}

/* Is the section of the chosen tables one for code and data, as packers make of several? */
static bool is_merged(const struct rebuilding *r, const struct table_choice *choice)
{
	const uint32_t both = IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_MEM_WRITE;
	for (size_t i = 0; r->pe && i < choice->count; i++) {
		uint32_t section = r->rebuilt->tables[i].section;
		if (choice->tables[i] && section < r->pe->section_count)
			return (r->pe->sections[section].characteristics & both) == both;
	}
	return false;
}

/*
 * Chooses of the chosen tables those near each other that have the most imports. Returns false when
 * that is all of them.
 */
static bool nearest(const struct rebuilding *r, const struct table_choice *family,
		    struct table_choice *near)
{
	const struct rebuilt *rebuilt = r->rebuilt;
	size_t best = 0, first = 0, imports = 0, tables = 0, inside = 0;
	uint64_t end = 0;
	/* by address, but for the directory's, which is no part of a packer's original */
	_cleanup_free_ size_t *group = alloc_zero(family->count, sizeof(*group));
	near->imports = 0;
	for (size_t i = 0; i < family->count; i++) {
		const struct rebuilt_table *table = &rebuilt->tables[i];
		if (!family->tables[i])
			continue;
		tables++;
		if (table->start - min_of(table->start, end) >= NEAR || table->start < end) {
			first = i;
			imports = 0;
		}
		end = table->end;
		group[i] = first;
		imports += table->imports;
		if (imports > near->imports) {
			near->imports = imports;
			best = first;
		}
	}
	for (size_t i = 0; i < family->count; i++) {
		near->tables[i] = family->tables[i] && group[i] == best;
		inside += near->tables[i];
	}
	return inside && inside < tables;
}

/* Adds the lists of a family: first those of the tables that lie near each other, if it is merged. */
static void add_family(struct rebuilding *r, struct table_choice *family)
{
	struct table_choice near = {.count = family->count};
	_cleanup_free_ bool *tables = alloc_zero(family->count, sizeof(*tables));
	near.tables = tables;
	if (!is_merged(r, family) || !nearest(r, family, &near)) {
		add_orders(r, family, SIZE_MAX);
		return;
	}
	size_t room = REBUILT_LISTS_MAX - r->rebuilt->list_count;
	add_orders(r, &near, room - min_of(room, (size_t)LISTS_LEFT));
	add_orders(r, family, 1);
}

/* Adds the list of the import directory, if there is room: it has hashes of its own in any case. */
static void add_declared(struct rebuilt *rebuilt, const struct imports *declared)
{
	if (rebuilt->list_count >= REBUILT_LISTS_MAX)
		return;
	struct rebuilt_list *list = &rebuilt->lists[rebuilt->list_count];
	text_clear(&list->string);
	text_add(&list->string, text_string(&declared->string), declared->string.length);
	list->count = declared->count;
	list->order_count = 0;
	keep_list(rebuilt, "import directory");
}

void rebuild_lists(struct rebuilding *r)
{
	struct rebuilt *rebuilt = r->rebuilt;
	const struct imports *declared = r->area->declared;
	bool intact = declared && declared->status == IMPORTS_OK;
	if (!rebuilt->table_count) {
		if (intact)
			add_declared(rebuilt, declared);
		return;
	}
	struct table_choice choice = {
		.tables = alloc_zero(rebuilt->table_count, sizeof(bool)),
		.count = rebuilt->table_count,
	};
	bool found = largest(r, intact, &choice);
	bool first = intact && (!found || choice.imports <= declared->count);
	if (first)
		add_declared(rebuilt, declared);
	if (found)
		add_family(r, &choice);
	if (intact && !first)
		add_declared(rebuilt, declared);
	memset(choice.tables, 1, choice.count * sizeof(bool));
	make_list(r, &choice, NULL, "all tables");
	free(choice.tables);
	rebuilt->differs =
		rebuilt->list_count && (!intact || strcmp(text_string(&rebuilt->lists[0].string),
							  text_string(&declared->string)) != 0);
}
