/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A module's list with a sample's names for what the sample explains: explain.c makes one for each
 * sample, but most samples give the same names as rebuilding or as each other. So a list is first
 * numbers of names, and only one that was not seen with this module is written and hashed.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/search.h>

#include "explaining.h"
#include "index.h"

#define TEXT_A_STEP 8 /* bytes of a list, hashed: see struct budget */

/* Bytes of a list that is compared: no real one has nearly as many. */
#define LIST_TEXT_MAX ((size_t)4 << 20)

/* A slot's number, for the name that rebuilding gave it; else an offset in the text of samples. */
#define NAME_REBUILT (1u << 31)

static const char *name_text(const struct sample_imports *imports, const struct module_slots *slots,
			     uint32_t name)
{
	if (name & NAME_REBUILT)
		return slots->parts.data + slots->items[name & ~NAME_REBUILT].part;
	return imports->text.data + name;
}

/* Finds which symbols name a slot otherwise than rebuilding, and the numbers of rebuilt names. */
static void compare_names(const struct sample_imports *imports, const struct module_slots *slots,
			  struct explaining *e, uint32_t slot)
{
	const struct module_slot *item = &slots->items[slot];
	const char *rebuilt = slots->parts.data + item->part;
	e->rebuilt_name[slot] = NAME_REBUILT | slot;
	if (item->address == NO_ADDRESS)
		return;
	for (size_t i = search_first(n, 0, slots->symbol_count,
				     slots->symbols[n].address >= item->address);
	     i < slots->symbol_count && slots->symbols[i].address == item->address; i++) {
		uint32_t part = imports->symbols[slots->symbols[i].symbol].part;
		if (strcmp(imports->text.data + part, rebuilt) != 0)
			e->renames[i] = true;
		else
			e->rebuilt_name[slot] = part;
	}
}

void named_begin(const struct sample_imports *imports, const struct module_slots *slots,
		 struct explaining *e)
{
	e->hashed_count = e->hashed_next = 0;
	e->rebuilt_hashed = e->too_long = false;
	for (size_t i = 0; i < slots->symbol_count; i++)
		e->renames[i] = false;
	for (uint32_t i = 0; i < slots->count; i++)
		compare_names(imports, slots, e, i);
}

void named_clear(struct explaining *e)
{
	e->named_count = 0;
	e->named_key = 0;
}

static void add_name(struct explaining *e, uint32_t name)
{
	e->named[e->named_count++] = name;
	e->named_key = (e->named_key ^ name) * UINT64_C(0x9e3779b97f4a7c15);
	e->named_key ^= e->named_key >> 32;
}

void named_add(const struct sample_imports *imports, const struct sample_list *list,
	       struct explaining *e, size_t slot)
{
	uint32_t p = e->position[slot];
	uint32_t name = e->rebuilt_name[slot];
	if (p != NO_POSITION)
		name = imports->symbols[imports->positions[list->first + p] & POSITION_SYMBOL].part;
	add_name(e, name);
}

/* Writes the list. Returns false when it is too long. */
static bool write_text(const struct sample_imports *imports, const struct module_slots *slots,
		       struct explaining *e)
{
	text_clear(&e->list);
	for (size_t i = 0; i < e->named_count && e->list.length <= LIST_TEXT_MAX; i++) {
		const char *part = name_text(imports, slots, e->named[i]);
		if (*part && e->list.length)
			text_add_char(&e->list, ',');
		text_add_string(&e->list, part);
	}
	return e->list.length <= LIST_TEXT_MAX;
}

/* Hashes e->list, and makes its impfuzzy ready to be compared. */
static void hash_text(struct hashed_list *hashed, struct explaining *e)
{
	struct hashes hashes;
	struct fuzzy fuzzy;
	struct fuzzy_shape shape = {0};
	hash_imports(&hashes, &(struct text){0}, &e->list);
	memcpy(hashed->impfuzzy, hashes.impfuzzy, IMPFUZZY_SIZE);
	size_t length = strlen(hashed->impfuzzy);
	hashed->is_hash = length && fuzzy_parse(hashed->impfuzzy, length, &shape) == length;
	if (!hashed->is_hash)
		return;
	fuzzy_open(&fuzzy, hashed->impfuzzy, &shape, &hashed->buffer);
	hashed->is_hash = !fuzzy_empty(&fuzzy);
	fuzzy_query_init(&hashed->query, &fuzzy);
}

static bool is_named(const struct hashed_list *hashed, const struct explaining *e)
{
	return hashed->key == e->named_key && hashed->count == e->named_count &&
	       !memcmp(hashed->names, e->named, e->named_count * sizeof(*e->named));
}

/* Hashes the list that was made last. */
static void hash_named(struct hashed_list *hashed, const struct sample_imports *imports,
		       const struct module_slots *slots, struct budget *budget,
		       struct explaining *e)
{
	if (hashed->room < e->named_count) {
		free(hashed->names);
		hashed->room = e->named_count;
		hashed->names = alloc_zero(hashed->room, sizeof(*hashed->names));
	}
	if (e->named_count)
		memcpy(hashed->names, e->named, e->named_count * sizeof(*e->named));
	hashed->count = e->named_count;
	hashed->key = e->named_key;
	hashed->is_hash = false;
	if (write_text(imports, slots, e))
		hash_text(hashed, e);
	else
		e->too_long = true;
	(void)budget_spend(budget, e->list.length / TEXT_A_STEP);
}

const struct hashed_list *named_rebuilt(const struct sample_imports *imports,
					const struct module_slots *slots, struct budget *budget,
					struct explaining *e)
{
	if (e->rebuilt_hashed)
		return &e->rebuilt;
	named_clear(e);
	for (size_t i = 0; i < slots->order_count; i++)
		add_name(e, e->rebuilt_name[slots->order[i]]);
	hash_named(&e->rebuilt, imports, slots, budget, e);
	e->rebuilt_hashed = true;
	return &e->rebuilt;
}

const struct hashed_list *named_hashed(const struct sample_imports *imports,
				       const struct module_slots *slots, struct budget *budget,
				       struct explaining *e)
{
	if (e->rebuilt_hashed && is_named(&e->rebuilt, e))
		return &e->rebuilt;
	for (size_t i = 0; i < e->hashed_count; i++)
		if (is_named(&e->hashed[i], e))
			return &e->hashed[i];
	struct hashed_list *hashed = &e->hashed[e->hashed_next++ % HASHED_LISTS];
	hash_named(hashed, imports, slots, budget, e);
	e->hashed_count = min_of(e->hashed_next, (size_t)HASHED_LISTS);
	return hashed;
}

int named_score(const struct known *known, const struct sample_list *list,
		const struct hashed_list *hashed, int least)
{
	struct fuzzy_buffer buffer;
	struct fuzzy theirs;
	entry_fuzzy(known, &known->entries[list->entry + 1], &theirs, &buffer);
	if (!hashed->is_hash || fuzzy_empty(&theirs))
		return 0;
	int score = fuzzy_score(&hashed->query, &theirs, least);
	return score < least ? 0 : score;
}
