/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which imports of a sample the slots of a module are: each explained slot gets a position in the
 * sample's list. An address may stand there more than once, by several names or in several DLLs; of
 * these the one is taken with which the longest stretch of slots goes on as the list does.
 */
#include <stdlib.h>

#include "explaining.h"

enum {
	AHEAD_MOST = 16,   /* slots that are looked at to choose between positions of one address */
	CHOICES_MOST = 16, /* such positions that are looked at */
};

/* Notes the positions of each address in a list. */
static void place_list(const struct sample_imports *imports, const struct sample_list *list,
		       struct explaining *e)
{
	const uint32_t *positions = imports->positions + list->first;
	uint32_t descriptor = 0;
	for (uint32_t i = 0; i < list->count; i++) {
		descriptor += (positions[i] & POSITION_FIRST) && i;
		e->descriptor[i] = descriptor;
		e->used[i] = false;
	}
	for (uint32_t i = list->count; i-- > 0;) {
		uint32_t address = e->address_of[positions[i] & POSITION_SYMBOL];
		e->next[i] = 0;
		if (!address)
			continue;
		e->next[i] = e->first[address - 1];
		e->first[address - 1] = i + 1;
	}
}

/*
 * How well does a position fit a slot? By how many slots behind it go on as the list does; then by
 * whether run and descriptor begin and end together.
 */
static unsigned int fit_of(const struct sample_imports *imports, const struct sample_list *list,
			   const struct module_slots *slots, const struct explaining *e,
			   size_t slot, uint32_t position)
{
	const uint32_t *positions = imports->positions + list->first;
	const struct module_slot *items = slots->items;
	unsigned int n = 1;
	while (n < AHEAD_MOST && slot + n < slots->count && position + n < list->count &&
	       items[slot + n].run == items[slot].run &&
	       !(positions[position + n] & POSITION_FIRST) &&
	       e->address_of[positions[position + n] & POSITION_SYMBOL] ==
		       items[slot + n].address + 1)
		n++;
	bool slot_first = !slot || items[slot - 1].run != items[slot].run;
	bool slot_last = slot + n >= slots->count || items[slot + n].run != items[slot].run;
	bool first = positions[position] & POSITION_FIRST;
	bool last = position + n >= list->count || positions[position + n] & POSITION_FIRST;
	return 4 * n + (slot_first == first ? 2 : 0) + (slot_last == last ? 1 : 0);
}

/* Returns the position in the list that explains a slot. `before` is that of the slot before. */
static uint32_t find_position(const struct sample_imports *imports, const struct sample_list *list,
			      const struct module_slots *slots, struct explaining *e, size_t slot,
			      uint32_t before)
{
	uint32_t address = slots->items[slot].address;
	uint32_t best = NO_POSITION;
	unsigned int most = 0, tried = 0;
	if (address == NO_ADDRESS)
		return NO_POSITION;
	/* Positions that are used up stand in front, most often. */
	while (e->first[address] && e->used[e->first[address] - 1])
		e->first[address] = e->next[e->first[address] - 1];
	for (uint32_t p = e->first[address]; p && tried++ < CHOICES_MOST; p = e->next[p - 1]) {
		if (e->used[p - 1])
			continue;
		if (before != NO_POSITION && p - 1 == before + 1 &&
		    e->descriptor[p - 1] == e->descriptor[before])
			return p - 1;
		if (best == NO_POSITION && !e->next[p - 1])
			return p - 1;
		unsigned int fit = fit_of(imports, list, slots, e, slot, p - 1);
		if (fit > most) {
			most = fit;
			best = p - 1;
		}
	}
	return best;
}

uint32_t positions_find(const struct sample_imports *imports, const struct sample_list *list,
			const struct module_slots *slots, struct explaining *e)
{
	place_list(imports, list, e);
	uint32_t explained = 0;
	uint32_t before = NO_POSITION;
	for (size_t i = 0; i < slots->count; i++) {
		if (i && slots->items[i].run != slots->items[i - 1].run)
			before = NO_POSITION;
		uint32_t p = find_position(imports, list, slots, e, i, before);
		e->position[i] = p;
		if (p == NO_POSITION)
			continue;
		e->used[p] = true;
		explained++;
		before = p;
	}
	for (size_t i = 0; i < slots->symbol_count; i++)
		e->first[slots->symbols[i].address] = 0;
	return explained;
}

void positions_drop_strays(const struct module_slots *slots, struct explaining *e)
{
	size_t end;
	for (size_t start = 0; start < slots->count; start = end) {
		uint32_t most = 0, best = 0;
		for (end = start;
		     end < slots->count && slots->items[end].group == slots->items[start].group;
		     end++) {
			uint32_t p = e->position[end];
			if (p == NO_POSITION)
				continue;
			uint32_t n = ++e->of_descriptor[e->descriptor[p]];
			if (n > most) {
				most = n;
				best = e->descriptor[p];
			}
		}
		for (size_t i = start; i < end; i++) {
			uint32_t p = e->position[i];
			if (p == NO_POSITION)
				continue;
			e->of_descriptor[e->descriptor[p]] = 0;
			if (e->descriptor[p] != best || most * 2 < end - start)
				e->position[i] = NO_POSITION;
		}
	}
}

static int compare_blocks(const void *a, const void *b)
{
	const struct slot_block *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

size_t positions_blocks(const struct module_slots *slots, struct explaining *e)
{
	size_t count = 0;
	bool open = false; /* the block has no explained slot so far */
	for (uint32_t i = 0; i < slots->count; i++) {
		uint32_t p = e->position[i];
		uint32_t rank = p == NO_POSITION ? 0 : e->descriptor[p] + 1;
		bool starts = !i || slots->items[i].run != slots->items[i - 1].run;
		struct slot_block *block = count ? &e->blocks[count - 1] : NULL;
		if (!starts && block && (!rank || open || rank == block->rank)) {
			block->count++;
			if (open && rank) {
				block->rank = rank;
				open = false;
			}
			continue;
		}
		e->blocks[count] = (struct slot_block){i, 1, rank};
		if (!rank)
			e->blocks[count].rank = block ? block->rank : 0;
		open = !rank;
		count++;
	}
	if (count)
		qsort(e->blocks, count, sizeof(*e->blocks), compare_blocks);
	return count;
}
