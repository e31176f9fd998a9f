/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Conditions of Sigma rules:
 *
 *	condition := operand (("and" | "or") operand)*, maybe with "| ..." behind it
 *	operand := "not" operand | "(" condition ")" | [QUANTITY "of"] NAME
 *
 * in which a name may have "*" in it, or be "them". A condition of another form decides nothing.
 */
#include "list_condition.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <impscan/search.h>

#include "list.h"
#include "list_polarity.h"

/* Longer names are compared with no pattern. */
#define NAME_MAX_LENGTH 256

static bool is_name(char c)
{
	return (unsigned char)c > ' ' && c != '(' && c != ')' && c != '|';
}

/* The next word of a condition: a name, a bracket or a bar. */
static struct slice next_word(struct slice *rest)
{
	*rest = slice_trim(*rest);
	size_t n = 0;
	while (n < rest->length && is_name(rest->at[n]))
		n++;
	if (!n && rest->length)
		n = 1;
	struct slice word = {rest->at, n};
	*rest = slice_from(*rest, n);
	return word;
}

/* By length, then by letters of either case. */
static int compare_names(struct slice a, struct slice b)
{
	if (a.length != b.length)
		return a.length < b.length ? -1 : 1;
	return a.length ? strncasecmp(a.at, b.at, a.length) : 0;
}

static int compare_selections(const void *a, const void *b)
{
	const struct selection *x = a, *y = b;
	int order = compare_names(x->name, y->name);
	return order ? order : (x->node > y->node) - (x->node < y->node);
}

void selections_sort(struct selections *selections)
{
	if (selections->count)
		qsort(selections->items, selections->count, sizeof(*selections->items),
		      compare_selections);
}

static bool has_star(struct slice name)
{
	return name.length && memchr(name.at, '*', name.length);
}

/* Is a name of this pattern, in which "*" is any text? */
static bool fits(struct slice pattern, struct slice name)
{
	size_t i = 0, k = 0, star = SIZE_MAX, from = 0;
	if (pattern.length > NAME_MAX_LENGTH || name.length > NAME_MAX_LENGTH)
		return false;
	while (k < name.length) {
		if (i < pattern.length && pattern.at[i] == '*') {
			star = i++;
			from = k;
		} else if (i < pattern.length && tolower((unsigned char)pattern.at[i]) ==
							 tolower((unsigned char)name.at[k])) {
			i++;
			k++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			k = ++from;
		} else {
			return false;
		}
	}
	while (i < pattern.length && pattern.at[i] == '*')
		i++;
	return i == pattern.length;
}

/* What the last condition that has a selection makes of it is added to what those before did. */
static void settle(struct selection *selection)
{
	if (selection->condition && selection->use != SELECTION_WANTED) {
		enum selection_use use = selection->wanted && selection->excluded
						 ? SELECTION_UNDECIDED
					 : selection->wanted ? SELECTION_WANTED
							     : SELECTION_EXCLUDED;
		if (use == SELECTION_WANTED || selection->use != SELECTION_UNDECIDED)
			selection->use = use;
	}
	selection->condition = 0;
}

static void use(struct selections *selections, struct selection *selection, bool excluded)
{
	if (selection->condition != selections->conditions) {
		settle(selection);
		selection->condition = selections->conditions;
		selection->wanted = selection->excluded = false;
	}
	selection->wanted |= !excluded;
	selection->excluded |= excluded;
}

/* "them": all but those that begin with "_", which are for naming only, and filters. */
static bool is_of_them(struct slice name)
{
	return !slice_begins(name, "_") && !slice_begins(name, "filter");
}

static void use_name(struct selections *selections, struct slice name, bool quantity, bool excluded)
{
	const bool them = quantity && slice_is(name, "them");
	const bool all = them || has_star(name);
	size_t at = all ? 0
			: search_first(i, 0, selections->count,
				       compare_names(selections->items[i].name, name) >= 0);
	for (; at < selections->count; at++) {
		struct selection *selection = &selections->items[at];
		selections->steps += all ? 1 + name.length * selection->name.length / 16 : 1;
		selections->exhausted |= selections->steps > CONDITION_STEPS;
		if (selections->exhausted)
			return;
		if (!all && compare_names(selection->name, name))
			return;
		if (them ? is_of_them(selection->name) : !all || fits(name, selection->name))
			use(selections, selection, excluded);
	}
}

/* "1", "all" or "any", behind which is "of"; a number of 0 is none of them. */
static bool is_quantity(struct slice word, struct slice rest)
{
	size_t digits = 0;
	while (digits < word.length && isdigit((unsigned char)word.at[digits]))
		digits++;
	const bool number = digits && digits == word.length && *word.at != '0';
	return (number || slice_is(word, "all") || slice_is(word, "any")) &&
	       slice_is(next_word(&rest), "of");
}

/* Reads one operand, or what opens or negates one. Returns whether an operand has ended. */
static bool read_operand(struct selections *selections, struct polarity *polarity,
			 struct slice word, struct slice *rest)
{
	if (slice_is(word, "not")) {
		polarity_not(polarity);
		return false;
	}
	if (slice_is(word, "(")) {
		polarity_open(polarity);
		return false;
	}
	const bool quantity = is_quantity(word, *rest);
	if (quantity) {
		next_word(rest);
		word = next_word(rest);
	}
	bool sign = slice_is(word, "(") || slice_is(word, ")") || slice_is(word, "|");
	polarity->broken |= sign || !word.length || slice_is(word, "and") || slice_is(word, "or") ||
			    slice_is(word, "of");
	use_name(selections, word, quantity, polarity_next(polarity));
	return true;
}

/* The names of a condition that can't be read are used both ways. */
static void use_undecided(struct selections *selections, struct slice rest)
{
	struct slice word;
	while ((word = next_word(&rest)).length) {
		use_name(selections, word, true, true);
		use_name(selections, word, true, false);
	}
	selections->unreadable = true;
}

void selections_use(struct selections *selections, struct slice condition)
{
	struct polarity polarity = {0};
	struct slice rest = condition, word;
	bool operand = true; /* one is to come, not an operator */
	selections->conditions++;
	while (!polarity.broken && (word = next_word(&rest)).length) {
		if (operand)
			operand = !read_operand(selections, &polarity, word, &rest);
		else if (slice_is(word, ")"))
			polarity_close(&polarity);
		else if (slice_is(word, "and") || slice_is(word, "or"))
			operand = true;
		else if (slice_is(word, "|"))
			break; /* an aggregation of what is found */
		else
			polarity.broken = true;
	}
	if (polarity.broken || operand || polarity.depth)
		use_undecided(selections, condition);
}

void selections_settle(struct selections *selections)
{
	for (size_t i = 0; i < selections->count; i++) {
		struct selection *selection = &selections->items[i];
		settle(selection);
		if (selections->exhausted ||
		    (selections->unreadable && selection->use != SELECTION_WANTED))
			selection->use = SELECTION_UNDECIDED;
	}
}
