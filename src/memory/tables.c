/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walking all tables of a page map, for what may be at any address. A hostile map leads to the same
 * few tables at terabytes of addresses: so a table without anything notable is remembered, by where
 * its bytes are, and left out afterwards.
 */
#include "memory/paging.h"

#include <impscan/bytes.h>

/* Steps of beginning with a table, and of one of its entries. */
#define TABLE_STEPS 4
#define ENTRY_STEPS 1

struct walker {
	struct space *space;
	struct table_walk *walk;
};

/* A table's key in the sets, with its level: the same bytes may be tables of several levels. */
static uint64_t table_key(const struct walker *walker, const uint8_t *table, unsigned int shift)
{
	enum paging paging = walker->space->memory->paging;
	return (uint64_t)(uintptr_t)table << 8 | (uint64_t)paging << 6 | shift;
}

/* A large page's key: by its physical address, as the image may not have all of it. */
static uint64_t large_key(const struct walker *walker, uint64_t frame, unsigned int shift)
{
	return frame | (uint64_t)walker->space->memory->paging << 8 | UINT64_C(3) << 6 | shift;
}

static bool spend(const struct walker *walker, uint64_t steps)
{
	return budget_spend(walker->walk->budget, steps);
}

/* Asks about a page. Returns whether to end the walk; sets *notable, never clears it. */
static bool look(const struct walker *walker, uint64_t address, const uint8_t *data, bool *notable)
{
	enum table_answer answer = walker->walk->page(walker->walk->context, address, data);
	*notable |= answer != TABLE_DULL;
	return answer == TABLE_STOP;
}

/* Remembers the answer for a table or large page that was looked at completely. */
static void note(const struct walker *walker, uint64_t key, bool notable)
{
	if (budget_exceeded(walker->walk->budget))
		return;
	address_set_add(notable ? &walker->walk->looked : &walker->walk->dull, key);
}

/* Was it looked at before, so that it can be left out? Sets *notable if it was notable then. */
static bool is_known(const struct walker *walker, uint64_t key, bool *notable)
{
	if (address_set_has(&walker->walk->dull, key))
		return true;
	if (walker->walk->everywhere || !address_set_has(&walker->walk->looked, key))
		return false;
	*notable = true;
	return true;
}

static bool walk_large(const struct walker *walker, uint64_t entry, uint64_t base,
		       unsigned int shift, bool *notable)
{
	const struct memory *memory = walker->space->memory;
	uint64_t frame = memory->operations->large_frame(entry, shift);
	uint64_t size = UINT64_C(1) << shift, key = large_key(walker, frame, shift);
	bool any = false;
	if (is_known(walker, key, notable))
		return false;
	for (uint64_t at = 0; at < size && frame + at <= memory->last; at += PAGE_SIZE) {
		if (!spend(walker, ENTRY_STEPS))
			return false;
		const uint8_t *data = image_page(memory->image, frame + at);
		if (data && look(walker, base + at, data, &any))
			return true;
	}
	note(walker, key, any);
	*notable |= any;
	return false;
}

/* The last level. */
static bool walk_pages(const struct walker *walker, const uint8_t *entries, uint64_t base,
		       bool *notable)
{
	const struct memory *memory = walker->space->memory;
	const unsigned int size = memory->operations->entry_size;
	for (unsigned int i = 0; i < PAGE_SIZE / size; i++) {
		uint64_t entry = le_pointer(entries + (size_t)i * size, size);
		uint64_t address = base + i * PAGE_SIZE;
		struct page page;
		if (!entry)
			continue;
		if (!spend(walker, ENTRY_STEPS))
			return false;
		const uint8_t *data = NULL;
		if (entry & PTE_VALID) {
			data = image_page(memory->image, entry & memory->operations->frame_mask);
		} else {
			(void)spend(walker, ENTRY_STEPS);
			space_page(walker->space, address, &page);
			data = page.data;
		}
		if (data && look(walker, address, data, notable))
			return true;
	}
	return false;
}

static bool walk_table(const struct walker *walker, const uint8_t *entries, uint64_t base,
		       unsigned int shift, bool *notable);

/* What an entry of a table that is not the last leads to. */
static bool walk_entry(const struct walker *walker, uint64_t entry, uint64_t base,
		       unsigned int shift, bool *notable)
{
	const struct memory *memory = walker->space->memory;
	const struct paging_operations *operations = memory->operations;
	const uint8_t *below = NULL;
	unsigned int bits = operations->entry_size == 8 ? 9 : 10;
	if (!entry)
		return false;
	if (!(entry & PTE_VALID))
		below = shift < operations->top_shift || operations->top_moves
				? space_table_behind(walker->space, entry)
				: NULL;
	else if ((entry & PTE_LARGE) && shift <= operations->large_shift)
		return walk_large(walker, entry, base, shift, notable);
	else
		below = image_page(memory->image, entry & operations->frame_mask);
	return below && walk_table(walker, below, base, shift - bits, notable);
}

static bool walk_table(const struct walker *walker, const uint8_t *entries, uint64_t base,
		       unsigned int shift, bool *notable)
{
	const unsigned int size = walker->space->memory->operations->entry_size;
	uint64_t key = table_key(walker, entries, shift);
	bool any = false;
	if (!spend(walker, ENTRY_STEPS))
		return false;
	if (is_known(walker, key, notable))
		return false;
	if (!spend(walker, TABLE_STEPS))
		return false;
	if (shift == 12) {
		if (walk_pages(walker, entries, base, &any))
			return true;
	} else {
		for (unsigned int i = 0; i < PAGE_SIZE / size; i++) {
			uint64_t entry = le_pointer(entries + (size_t)i * size, size);
			if (walk_entry(walker, entry, base + ((uint64_t)i << shift), shift, &any))
				return true;
			if (budget_exceeded(walker->walk->budget))
				break;
		}
	}
	note(walker, key, any);
	*notable |= any;
	return false;
}

bool space_walk(struct space *space, uint64_t first, uint64_t last, struct table_walk *walk)
{
	const struct paging_operations *operations = space->memory->operations;
	struct walker walker = {.space = space, .walk = walk};
	unsigned int shift = operations->top_shift, size = operations->entry_size;
	uint64_t mask = operations->top_entries - 1;
	const uint8_t *top = operations->top(space);
	bool notable = false;
	space_refresh(space);
	if (!top || !budget_spend(walk->budget, TABLE_STEPS))
		return false;
	for (uint64_t i = first >> shift; i <= last >> shift; i++) {
		uint64_t entry = le_pointer(top + (i & mask) * size, size);
		if (walk_entry(&walker, entry, i << shift, shift, &notable))
			return true;
		if (budget_exceeded(walk->budget))
			break;
	}
	return false;
}

void table_walk_again(struct table_walk *walk)
{
	address_set_free(&walk->looked);
}

void table_walk_free(struct table_walk *walk)
{
	address_set_free(&walk->dull);
	address_set_free(&walk->looked);
}
