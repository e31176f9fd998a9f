/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Comparing a module with samples by the addresses that both import: see sample_imports.h.
 *
 * Which samples share addresses with the module is counted over all at once, by the lists of each
 * symbol. With each of those that share enough, the module's slots are given positions in the
 * sample's import list, as long stretches as possible; then the list is written and hashed.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "explaining.h"
#include "find.h"
#include "index.h"
#include "sample_imports.h"

enum {
	LISTS_A_STEP = 16, /* of a symbol, counted: see struct budget */
	SLOTS_A_STEP = 2,  /* of a module, or imports of a sample, compared */
};

#define OTHER_DLLS_ONE_OF 20 /* of the DLLs of both */

/* Counts the addresses that each list shares with the module, and notes which have other names for some. */
static bool count_shared(const struct sample_imports *imports, const struct module_slots *slots,
			 struct budget *budget, struct explaining *e)
{
	bool complete = true;
	for (size_t i = 0; i < slots->symbol_count && complete; i++) {
		const struct symbol_address *s = &slots->symbols[i];
		size_t end = s->symbol + 1 < imports->symbol_count
				     ? imports->symbols[s->symbol + 1].start
				     : imports->posting_count;
		size_t start = imports->symbols[s->symbol].start;
		complete = budget_spend(budget, 1 + (end - start) / LISTS_A_STEP);
		for (size_t p = start; p < end && complete; p++) {
			uint32_t list = imports->postings[p];
			e->renamed[list] |= e->renames[i];
			if (e->counted[list] == s->address + 1)
				continue;
			if (!e->counted[list])
				e->found[e->found_count++] = list;
			e->counted[list] = s->address + 1;
			e->shared[list]++;
		}
	}
	return complete;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Does the sample explain so much that the module is, most likely, a variant of it? */
static bool explains_most(uint32_t explained, const struct sample_list *list,
			  const struct module_slots *slots)
{
	return (uint64_t)explained * 100 >=
	       (uint64_t)EXPLAINED_MOST * max_of(slots->count, (size_t)list->count);
}

/*
 * Are the DLLs of the module, as e->blocks has them, those of the sample, but for one, or one of
 * ten? If not it is another program: of the order of its DLLs the sample says nothing.
 */
static bool has_same_dlls(const struct sample_list *list, const struct explaining *e, size_t blocks)
{
	size_t theirs = list->count ? e->descriptor[list->count - 1] + 1 : 0, common = 0;
	for (size_t b = 0; b < blocks; b++)
		common += e->blocks[b].rank && (!b || e->blocks[b].rank != e->blocks[b - 1].rank);
	return blocks + theirs - 2 * common <=
	       max_of((size_t)1, (blocks + theirs) / OTHER_DLLS_ONE_OF);
}

/* Makes the module's list as the sample has it: see known_explain(). */
static void make_list(const struct sample_imports *imports, const struct sample_list *list,
		      const struct module_slots *slots, uint32_t explained, struct explaining *e)
{
	size_t blocks = 0;
	if (explains_most(explained, list, slots))
		blocks = positions_blocks(slots, e);
	named_clear(e);
	if (!blocks || !has_same_dlls(list, e, blocks)) {
		positions_drop_strays(slots, e);
		for (size_t i = 0; i < slots->order_count; i++)
			named_add(imports, list, e, slots->order[i]);
		return;
	}
	for (size_t b = 0; b < blocks; b++)
		for (uint32_t i = 0; i < e->blocks[b].count; i++)
			named_add(imports, list, e, e->blocks[b].first + i);
}

/* Is the sample's list the module's, import by import? */
static bool is_list(const struct sample_imports *imports, const struct sample_list *list,
		    const struct module_slots *slots, struct explaining *e)
{
	if (positions_find(imports, list, slots, e) != list->count)
		return false;
	size_t blocks = positions_blocks(slots, e);
	uint32_t next = 0;
	for (size_t b = 0; b < blocks; b++)
		for (uint32_t i = 0; i < e->blocks[b].count; i++)
			if (e->position[e->blocks[b].first + i] != next++)
				return false;
	return true;
}

/* Can the sample explain so much, by the addresses that both have? */
static bool may_explain_most(uint32_t shared, const struct sample_list *list,
			     const struct module_slots *slots)
{
	/* each may be in several slots */
	size_t most = shared + (slots->count - min_of(slots->count, slots->addresses));
	return explains_most((uint32_t)min_of(most, slots->count), list, slots);
}

/* Returns the score of the module with list `number`. */
static int compare_list(const struct known *known, uint32_t number,
			const struct module_slots *slots, int least, struct budget *budget,
			struct explaining *e)
{
	const struct sample_imports *imports = known->imports;
	const struct sample_list *list = &imports->lists[number];
	const struct hashed_list *hashed = NULL;
	if (e->renamed[number] || may_explain_most(e->shared[number], list, slots)) {
		uint32_t explained = positions_find(imports, list, slots, e);
		make_list(imports, list, slots, explained, e);
		(void)budget_spend(budget, (slots->count + list->count) / SLOTS_A_STEP);
		hashed = named_hashed(imports, slots, budget, e);
	} else {
		hashed = named_rebuilt(imports, slots, budget, e);
	}
	return named_score(known, list, hashed, least);
}

static void add_hit(struct explaining *e, uint32_t head, int score)
{
	*array_push(e->hits, e->hit_count, e->hit_capacity) = (struct hit){
		.head = head,
		.score = (uint8_t)score,
		.list = MATCH_RESOLVED,
	};
}

static void set_bit(uint64_t *bits, uint32_t number)
{
	bits[number / 64] |= 1ull << (number % 64);
}

static bool has_bit(const uint64_t *bits, uint32_t number)
{
	return bits[number / 64] >> (number % 64) & 1;
}

/*
 * Shares the sample enough to be compared? A score is, about, what two texts share: of 100,000
 * pairs of modules and samples none scored more than its share of addresses.
 */
static bool shares_enough(uint32_t shared, const struct sample_list *list,
			  const struct module_slots *slots, int least)
{
	/* three quarters of `least` per cent of the mean of both */
	return (uint64_t)shared * 800 >= (uint64_t)least * 3 * (slots->count + list->count);
}

/* Finds the lists that are the module's: they replace all others in e->found. */
static size_t find_equal(const struct sample_imports *imports, const struct module_slots *slots,
			 struct budget *budget, struct explaining *e)
{
	size_t equal = 0;
	for (size_t i = 0; i < e->found_count; i++) {
		uint32_t number = e->found[i];
		const struct sample_list *list = &imports->lists[number];
		if (e->shared[number] != slots->addresses || list->count != slots->count)
			continue;
		if (!budget_spend(budget, slots->count / SLOTS_A_STEP + 1))
			break;
		if (is_list(imports, list, slots, e))
			e->found[equal++] = number;
	}
	if (equal)
		e->found_count = equal;
	return equal;
}

/*
 * Compares with all lists in e->found that share enough, or that `before` has, and adds the scores.
 * `compared` receives a bit for the impfuzzy of each. Returns false when the budget is used up.
 */
static bool compare_lists(const struct known *known, const struct module_slots *slots, int least,
			  struct budget *budget, struct explaining *e, const struct hits *before,
			  uint64_t *compared)
{
	const struct sample_imports *imports = known->imports;
	for (size_t i = 0; i < e->found_count && !budget_exceeded(budget); i++) {
		const struct sample_list *list = &imports->lists[e->found[i]];
		if (!shares_enough(e->shared[e->found[i]], list, slots, least) &&
		    !hits_has(before, list->fuzzy_head))
			continue;
		int score = compare_list(known, e->found[i], slots, least, budget, e);
		set_bit(compared, list->fuzzy_head);
		if (score >= least)
			add_hit(e, list->head, score);
	}
	return !budget_exceeded(budget);
}

/*
 * Adds the scores that files have with those samples whose lists, in e->found, are the module's.
 * `compared` receives a bit for each sample's hashes.
 */
static void score_files(const struct known *known, int threshold, struct known_scratch *scratch,
			uint64_t *compared)
{
	const struct sample_imports *imports = known->imports;
	struct explaining *e = scratch->explaining;
	for (size_t i = 0; i < imports->list_count; i++) {
		set_bit(compared, imports->lists[i].head);
		set_bit(compared, imports->lists[i].fuzzy_head);
	}
	for (size_t i = 0; i < e->found_count; i++) {
		const struct known_entry *entry =
			&known->entries[imports->lists[e->found[i]].entry];
		struct hashes hashes = {0};
		memcpy(hashes.imphash, known->text + entry->text, IMPHASH_LENGTH);
		strncpy(hashes.impfuzzy, known->text + entry[1].text, IMPFUZZY_SIZE - 1);
		known_search(known, &hashes, threshold, scratch);
		for (size_t h = 0; h < scratch->hit_count; h++)
			if (has_bit(compared, scratch->hits[h].head))
				add_hit(e, scratch->hits[h].head, scratch->hits[h].score);
	}
}

struct hits *known_explain(const struct known *known, const struct module_slots *slots,
			   int threshold, struct budget *budget, struct matches *matches,
			   struct hits *before, bool *exact, const char **left)
{
	const struct sample_imports *imports = known->imports;
	struct known_scratch *scratch = known_scratch(matches, known);
	struct explaining *e = explaining_prepare(&scratch->explaining, imports, slots);
	_cleanup_free_ uint64_t *compared = alloc_zero(known->count / 64 + 1, sizeof(uint64_t));
	e->found_count = e->hit_count = 0;
	named_begin(imports, slots, e);
	bool complete = count_shared(imports, slots, budget, e);
	for (size_t i = 0; i < slots->symbol_count; i++)
		e->address_of[slots->symbols[i].symbol] = slots->symbols[i].address + 1;
	if (e->found_count)
		qsort(e->found, e->found_count, sizeof(*e->found), compare_numbers);
	*exact = complete && find_equal(imports, slots, budget, e);
	if (*exact)
		score_files(known, threshold, scratch, compared);
	else if (complete)
		complete = compare_lists(known, slots, max_of(threshold, 1), budget, e, before,
					 compared);
	*left = NULL;
	if (!complete)
		*left = "takes too long: stopped";
	else if (e->too_long)
		*left = "makes lists of more than 4 MB, which are not compared";
	memset(e->shared, 0, imports->list_count * sizeof(*e->shared));
	memset(e->counted, 0, imports->list_count * sizeof(*e->counted));
	memset(e->renamed, 0, imports->list_count * sizeof(*e->renamed));
	for (size_t i = 0; i < slots->symbol_count; i++)
		e->address_of[slots->symbols[i].symbol] = 0;
	return hits_replace(known, before, compared, e->hits, e->hit_count);
}

void module_slots_clear(struct module_slots *slots)
{
	slots->count = slots->order_count = slots->addresses = slots->symbol_count = 0;
	text_clear(&slots->parts);
}

void module_slots_free(struct module_slots *slots)
{
	free(slots->items);
	free(slots->order);
	free(slots->symbols);
	text_free(&slots->parts);
	*slots = (struct module_slots){0};
}
