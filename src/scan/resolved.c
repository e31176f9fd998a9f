/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Samples compared with a module by the addresses that they import.
 *
 * It would be wasteful to resolve all imports of all samples in every process. So the names are
 * looked up that the module's addresses have there; samples that import one of these names have the
 * address, if resolving it (through API sets and forwarders) leads there. That is asked once for
 * each symbol of a process.
 */
#include "scan/resolved.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/sample_imports.h>
#include <impscan/search.h>

#include "imports/import_names.h"

enum {
	STEPS_ADDRESS = 5, /* finding the names of an address */
	STEPS_NAME = 2,	   /* looking for the samples' imports of a name */
	STEPS_RESOLVE = 5, /* resolving one */
	STEPS_SLOT = 1,	   /* writing the name of a slot */
};

/* Names of one address that are looked at. A linker may fold hundreds of small functions into one. */
#define NAMES_MOST 4096

/* What is needed to compare one module. */
struct resolving {
	struct unit_maps *maps;
	const struct known *known;
	const struct export_map *map;
	uint64_t *resolved; /* of each symbol, in this process: UINT64_MAX where it was not asked */
	struct module_slots *slots;
	uint64_t *addresses; /* of the slots, sorted, none twice */
	size_t address_count;
};

static int compare_addresses(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static int compare_symbols(const void *a, const void *b)
{
	const struct symbol_address *x = a, *y = b;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (x->symbol > y->symbol) - (x->symbol < y->symbol);
}

static bool spend(const struct resolving *r, uint64_t steps)
{
	return budget_spend(&r->maps->samples, steps);
}

/* The memory for what symbols resolve to in this process. */
static uint64_t *resolved_of(struct unit_maps *maps, const struct known *known,
			     unsigned int pointer_size)
{
	uint64_t **resolved = &maps->resolved[pointer_size == 4];
	size_t count = known_symbols(known);
	if (!*resolved) {
		*resolved = alloc_zero(count, sizeof(**resolved));
		memset(*resolved, 0xff, count * sizeof(**resolved));
	}
	return *resolved;
}

/* Adds the symbols of one name, or of an ordinal (`name` NULL), that lead to an address. */
static void add_symbols(struct resolving *r, uint32_t address, const char *name, uint32_t ordinal)
{
	struct module_slots *slots = r->slots;
	if (!spend(r, STEPS_NAME))
		return;
	for (uint32_t s = known_symbol_first(r->known, name, ordinal); s != NO_SYMBOL;
	     s = known_symbol_next(r->known, s)) {
		if (!spend(r, STEPS_RESOLVE))
			return;
		if (r->resolved[s] == UINT64_MAX)
			r->resolved[s] = export_map_resolve(r->map, known_symbol_dll(r->known, s),
							    name, ordinal);
		if (r->resolved[s] == r->addresses[address])
			*array_push(slots->symbols, slots->symbol_count, slots->symbol_capacity) =
				(struct symbol_address){address, s};
	}
}

/* Adds the symbols that lead to an address. */
static void add_address(struct resolving *r, uint32_t address)
{
	struct export_candidate few[16];
	_cleanup_free_ struct export_candidate *many = NULL;
	struct export_candidate *candidates = few;
	size_t count = export_map_find(r->map, r->addresses[address], few, array_size(few));
	if (count > array_size(few)) {
		count = min_of(count, (size_t)NAMES_MOST);
		candidates = many = alloc_zero(count, sizeof(*many));
		export_map_find(r->map, r->addresses[address], many, count);
	}
	for (size_t i = 0; i < count && spend(r, 0); i++) {
		const struct pe_export *export = candidates[i].export;
		if (export->name)
			add_symbols(r, address, export->name, 0);
		add_symbols(r, address, NULL, export->ordinal);
	}
}

/* Finds the symbols of all addresses. */
static void add_all_symbols(struct resolving *r)
{
	struct module_slots *slots = r->slots;
	for (uint32_t i = 0; i < r->address_count && spend(r, STEPS_ADDRESS); i++)
		add_address(r, i);
	if (!slots->symbol_count)
		return;
	qsort(slots->symbols, slots->symbol_count, sizeof(*slots->symbols), compare_symbols);
	size_t kept = 1;
	for (size_t i = 1; i < slots->symbol_count; i++)
		if (compare_symbols(&slots->symbols[i], &slots->symbols[kept - 1]))
			slots->symbols[kept++] = slots->symbols[i];
	slots->symbol_count = kept;
}

static void number_addresses(struct resolving *r, const struct rebuilt *rebuilt,
			     const uint32_t *entries, size_t count)
{
	r->addresses = alloc_zero(count, sizeof(*r->addresses));
	for (size_t i = 0; i < count; i++)
		if (rebuilt->entries[entries[i]].target)
			r->addresses[r->address_count++] = rebuilt->entries[entries[i]].target;
	if (!r->address_count)
		return;
	qsort(r->addresses, r->address_count, sizeof(*r->addresses), compare_addresses);
	size_t kept = 1;
	for (size_t i = 1; i < r->address_count; i++)
		if (r->addresses[i] != r->addresses[kept - 1])
			r->addresses[kept++] = r->addresses[i];
	r->address_count = r->slots->addresses = kept;
}

/* Adds the part that lists have of an entry. `part` and `low` are working memory. */
static uint32_t add_part(struct module_slots *slots, const struct rebuilt *rebuilt,
			 const struct rebuilt_entry *entry, struct text *low, struct text *part)
{
	size_t start = slots->parts.length;
	const char *dll = rebuilt_dll(rebuilt, entry);
	size_t library = names_library(low, dll, strlen(dll));
	text_clear(part);
	(void)names_append(part, low, library, rebuilt_name(rebuilt, entry), entry->ordinal);
	text_add(&slots->parts, text_string(part), part->length + 1);
	return (uint32_t)start;
}

/* Makes the slots of one list, which `entries` are numbers of, sorted. */
static void make_slots(struct resolving *r, const struct rebuilt *rebuilt,
		       const struct rebuilt_list *list, const uint32_t *entries)
{
	struct module_slots *slots = r->slots;
	const unsigned int pointer_size = export_map_pointer_size(r->map);
	_cleanup_text_ struct text low = {0};
	_cleanup_text_ struct text part = {0};
	uint32_t run = 0, group = 0;
	for (size_t i = 0; i < list->order_count; i++) {
		const struct rebuilt_entry *entry = &rebuilt->entries[entries[i]];
		const struct rebuilt_entry *last = i ? &rebuilt->entries[entries[i - 1]] : NULL;
		struct module_slot *slot = array_push(slots->items, slots->count, slots->capacity);
		run += last &&
		       (last->table != entry->table || entry->slot != last->slot + pointer_size);
		slot->run = run;
		group += last && (last->table != entry->table || last->group != entry->group);
		slot->group = group;
		slot->address = NO_ADDRESS;
		if (entry->target)
			slot->address = (uint32_t)search_first(n, 0, r->address_count,
							       r->addresses[n] >= entry->target);
		slot->part = add_part(slots, rebuilt, entry, &low, &part);
	}
	for (size_t i = 0; i < list->order_count; i++)
		*array_push(slots->order, slots->order_count, slots->order_capacity) =
			(uint32_t)search_first(n, 0, list->order_count,
					       entries[n] >= list->order[i]);
}

/*
 * Compares with the slots of one list. `*exact` becomes whether the module has the list of a
 * sample. Returns why not all samples were compared, or NULL.
 */
static const char *compare_with(struct unit_maps *maps, struct worker *worker,
				const struct opened_module *opened, const struct rebuilt_list *list,
				struct finding *finding, bool *exact)
{
	const struct scan_options *options = maps->context->options;
	struct resolving r = {
		.maps = maps,
		.known = options->known,
		.map = unit_map(maps, opened->pointer_size),
		.resolved = resolved_of(maps, options->known, opened->pointer_size),
		.slots = &worker->slots,
	};
	bool found = false;
	const char *left = "takes too long: stopped";
	if (spend(&r, list->order_count * STEPS_SLOT)) {
		_cleanup_free_ uint32_t *entries = alloc_zero(list->order_count, sizeof(*entries));
		memcpy(entries, list->order, list->order_count * sizeof(*entries));
		qsort(entries, list->order_count, sizeof(*entries), compare_numbers);
		module_slots_clear(r.slots);
		number_addresses(&r, opened->rebuilt, entries, list->order_count);
		make_slots(&r, opened->rebuilt, list, entries);
		add_all_symbols(&r);
		if (!budget_exceeded(&maps->samples))
			finding->hits = known_explain(options->known, r.slots, options->threshold,
						      &maps->samples, &worker->matches,
						      finding->hits, &found, &left);
	}
	free(r.addresses);
	*exact = found;
	return left;
}

const char *resolve_samples(struct unit_maps *maps, struct worker *worker,
			    const struct opened_module *opened, struct finding *finding)
{
	const struct scan_options *options = maps->context->options;
	const struct rebuilt *rebuilt = opened->rebuilt;
	bool exact = false;
	const char *left = NULL;
	if (!options->known || !known_symbols(options->known))
		return NULL;
	/* The most probable list, and that of all tables where it has others as well. */
	const struct rebuilt_list *first = NULL;
	for (size_t i = 0; i < rebuilt->list_count && !exact && !left; i++) {
		const struct rebuilt_list *list = &rebuilt->lists[i];
		if (!list->order_count || (first && list->order_count <= first->order_count))
			continue;
		left = compare_with(maps, worker, opened, list, finding, &exact);
		first = first ? first : list;
	}
	return left;
}
