/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is rare: the distinct modules of a tally in the order of how many machines have them, with what
 * is odd about each among those of its name and those of its hashes.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

#include "many/counting.h"

/* What is known of an entry beside what the tally has. */
struct place {
	const struct entry *entry;
	size_t machines, processes;
	unsigned int marks;
	size_t other; /* 1 + number of the entry with the same hashes; 0: none */
	size_t name_machines, name_hashes;
};

struct stacks {
	const struct tally *tally;
	struct place *places; /* by number of the entry */
	size_t *order;
	struct counter counter;
};

static void count_places(struct stacks *stacks)
{
	const struct tally *tally = stacks->tally;
	for (size_t i = 0; i < tally->entry_count; i++) {
		struct place *place = &stacks->places[i];
		place->entry = &tally->entries[i];
		counter_start(&stacks->counter);
		counter_add(&stacks->counter, place->entry);
		place->machines = stacks->counter.image_count;
		place->processes = stacks->counter.process_count;
	}
}

/* How common it is: on how many machines, or of one machine in how many processes. */
static size_t spread(const struct stacks *stacks, size_t machines, size_t processes)
{
	return stacks->tally->images.count > 1 ? machines : processes;
}

static size_t place_spread(const struct stacks *stacks, const struct place *place)
{
	return spread(stacks, place->machines, place->processes);
}

static int compare_numbers(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int by_name(const void *a, const void *b, void *context)
{
	const struct stacks *stacks = context;
	const size_t *x = a, *y = b;
	const struct place *p = &stacks->places[*x], *q = &stacks->places[*y];
	int order = compare_numbers(p->entry->name, q->entry->name);
	/* Of one name the most common first. */
	order = order ? order : compare_numbers(place_spread(stacks, q), place_spread(stacks, p));
	return order ? order : compare_numbers(*x, *y);
}

static int by_set(const void *a, const void *b, void *context)
{
	const struct stacks *stacks = context;
	const size_t *x = a, *y = b;
	const struct place *p = &stacks->places[*x], *q = &stacks->places[*y];
	int order = compare_numbers(p->entry->set, q->entry->set);
	order = order ? order : compare_numbers(place_spread(stacks, q), place_spread(stacks, p));
	return order ? order : compare_numbers(*x, *y);
}

static int by_rarity(const void *a, const void *b, void *context)
{
	const struct stacks *stacks = context;
	const size_t *x = a, *y = b;
	const struct place *p = &stacks->places[*x], *q = &stacks->places[*y];
	const struct tally *tally = stacks->tally;
	int order = compare_numbers(p->machines, q->machines);
	order = order ? order : compare_numbers(p->processes, q->processes);
	if (!order)
		order = strcmp(tally->names.items[p->entry->name],
			       tally->names.items[q->entry->name]);
	return order ? order
		     : strcmp(tally->sets.items[p->entry->set], tally->sets.items[q->entry->set]);
}

static void sort(struct stacks *stacks, int (*compare)(const void *, const void *, void *))
{
	for (size_t i = 0; i < stacks->tally->entry_count; i++)
		stacks->order[i] = i;
	if (stacks->tally->entry_count)
		qsort_r(stacks->order, stacks->tally->entry_count, sizeof(*stacks->order), compare,
			stacks);
}

/* The places of one name, `count` of them from `first` on in the order. */
static void mark_name(struct stacks *stacks, size_t first, size_t count)
{
	counter_start(&stacks->counter);
	for (size_t i = first; i < first + count; i++)
		counter_add(&stacks->counter, stacks->places[stacks->order[i]].entry);
	size_t machines = stacks->counter.image_count,
	       all = spread(stacks, machines, stacks->counter.process_count),
	       usual = place_spread(stacks, &stacks->places[stacks->order[first]]);
	for (size_t i = first; i < first + count; i++) {
		struct place *place = &stacks->places[stacks->order[i]];
		place->name_machines = machines;
		place->name_hashes = count;
		if (2 * usual > all && 2 * place_spread(stacks, place) < all &&
		    !place->entry->nameless)
			place->marks |= STACK_OTHER_HASH;
	}
}

/* The same of one set of hashes, which have names that differ. */
static void mark_set(struct stacks *stacks, size_t first, size_t count)
{
	const size_t *order = stacks->order;
	const struct tally *tally = stacks->tally;
	if (count < 2 || !tally->sets_info[stacks->places[order[first]].entry->set].list_count)
		return;
	for (size_t i = first; i < first + count; i++) {
		size_t other = order[i == first ? first + 1 : first];
		struct place *place = &stacks->places[order[i]];
		if (place_spread(stacks, &stacks->places[other]) < place_spread(stacks, place))
			continue;
		place->marks |= STACK_OTHER_NAME;
		place->other = other + 1;
	}
}

/* Calls `mark` for each run of entries with the same name, or set. */
static void mark_runs(struct stacks *stacks, bool names,
		      void (*mark)(struct stacks *stacks, size_t first, size_t count))
{
	size_t count = stacks->tally->entry_count;
	for (size_t first = 0, end; first < count; first = end) {
		const struct entry *entry = stacks->places[stacks->order[first]].entry;
		for (end = first + 1; end < count; end++) {
			const struct entry *next = stacks->places[stacks->order[end]].entry;
			if (names ? next->name != entry->name : next->set != entry->set)
				break;
		}
		mark(stacks, first, end - first);
	}
}

static void fill_first(const struct tally *tally, const struct entry *entry, struct row *row)
{
	const struct hash_set *set = &tally->sets_info[entry->set];
	*row = (struct row){
		.pid = entry->pid,
		.process = entry_process(entry),
		.eprocess = entry->eprocess,
		.base = entry->base,
		.size = entry->size,
		.module = entry_module(entry),
		.path = entry_path(entry),
		.found_in = entry->found_in,
		.flags = entry->flags,
		.status = set->status,
		.imports = set->imports,
		.rebuilt_imports = set->rebuilt_imports,
		.dotnet = set->dotnet,
		.typerefs = set->typerefs,
		.go = set->go,
		.by_go = set->by_go,
		.go_functions = set->go_functions,
		.image = tally->images.items[entry->first_image],
		.match = {.by = set->matched, .score = set->score, .name = set->match},
	};
	hash_set_hashes(tally, entry->set, &row->hashes, &row->rebuilt);
}

static void fill(const struct stacks *stacks, const struct place *place, struct stack_row *row)
{
	const struct tally *tally = stacks->tally;
	*row = (struct stack_row){
		.machines = place->machines,
		.processes = place->processes,
		.modules = place->entry->modules,
		.marks = place->marks,
		.other_name =
			place->other ? entry_module(stacks->places[place->other - 1].entry) : NULL,
		.name_machines = place->name_machines,
		.name_hashes = place->name_hashes,
		.last_image = tally->images.items[place->entry->last_image],
	};
	fill_first(tally, place->entry, &row->first);
}

void tally_stacks(const struct tally *tally,
		  bool (*take)(void *context, const struct stack_row *row), void *context)
{
	struct stacks stacks = {
		.tally = tally,
		.places = alloc_zero(tally->entry_count, sizeof(*stacks.places)),
		.order = alloc_zero(tally->entry_count, sizeof(*stacks.order)),
	};
	counter_init(&stacks.counter, tally);
	count_places(&stacks);
	sort(&stacks, by_name);
	mark_runs(&stacks, true, mark_name);
	sort(&stacks, by_set);
	mark_runs(&stacks, false, mark_set);
	sort(&stacks, by_rarity);
	bool more = true;
	for (size_t i = 0; more && i < tally->entry_count; i++) {
		struct stack_row row;
		fill(&stacks, &stacks.places[stacks.order[i]], &row);
		more = take(context, &row);
	}
	counter_free(&stacks.counter);
	free(stacks.places);
	free(stacks.order);
}
