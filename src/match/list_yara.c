/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * YARA rules: the texts that pe.imphash(), vt.metadata.imphash or imphash are compared with. A rule
 * has more conditions as a rule, so a match is with a hash of rule X, not of the rule.
 *
 * A private rule that others only negate is an exclusion of theirs. Which ones these are is known
 * behind all rules only, so rules are read twice where there are private ones.
 */
#include <ctype.h>
#include <string.h>

#include <impscan/bytes.h>

#include "list_form.h"
#include "slice_map.h"
#include "yara_condition.h"

struct reading {
	struct list *list;
	struct yara_tokens tokens;
	struct yara_condition condition;
	/* How rules are used by others, as bits of enum yara_meaning, by names and by their starts. */
	struct slice_map used, used_starts;
	bool collecting; /* what is used; nothing is taken yet */
	struct slice rule;
	struct slice description;
	bool private;
	size_t upper;
};

bool list_is_yara(struct slice head)
{
	bool rule = false;
	struct slice line;
	while (slice_next_line(&head, &line)) {
		line = slice_trim(line);
		while (slice_begins(line, "private ") || slice_begins(line, "global "))
			line = slice_trim(slice_from(line, 7));
		if (slice_begins(line, "rule ") && line.length > 5 &&
		    (isalpha((unsigned char)line.at[5]) || line.at[5] == '_'))
			rule = true;
		if (rule && slice_find(line, "condition") && memchr(line.at, ':', line.length))
			return true;
	}
	return false;
}

/* --- What was found --- */

static void leave(struct reading *r, enum yara_meaning meaning)
{
	list_leave(r->list, meaning == YARA_EXCLUDED ? LIST_LEFT_EXCLUDED : LIST_LEFT_UNDECIDED);
}

static bool has_upper(struct slice s)
{
	for (size_t i = 0; i < s.length; i++)
		if (isupper((unsigned char)s.at[i]))
			return true;
	return false;
}

static struct error *take_hash(struct reading *r, struct slice value)
{
	const struct list_sample sample = {
		.imphash = value, .name = r->rule, .comment = r->description};
	return list_take(r->list, &sample);
}

/* A text of hashes: "HASH,HASH" contains pe.imphash() */
static struct error *take_words(struct reading *r, struct slice text)
{
	size_t count = 0;
	for (struct slice rest = text; rest.length;) {
		size_t n = 0;
		while (n < rest.length && isalnum((unsigned char)rest.at[n]))
			n++;
		if (n == 32 && slice_hex(rest) == n) {
			try_(take_hash(r, (struct slice){rest.at, n}));
			count++;
		}
		rest = slice_from(rest, n ? n : 1);
	}
	return count ? NULL : take_hash(r, text);
}

static struct error *take_text(struct reading *r, const struct yara_find *find, struct slice text)
{
	if (find->meaning != YARA_WANTED) {
		leave(r, find->meaning);
		return NULL;
	}
	if (find->kind == FIND_EXPRESSION) {
		list_unread(r->list, "a regular expression for imphashes is not read");
		return NULL;
	}
	if (find->kind == FIND_WORDS)
		return take_words(r, text);
	if (find->kind == FIND_PART && text.length < 32 && slice_hex(text) == text.length) {
		list_leave(r->list, LIST_LEFT_PARTIAL);
		return NULL;
	}
	if (find->kind == FIND_EQUAL_CASE && has_upper(text) && text.length == 32 &&
	    ++r->upper == 1)
		list_tell(r->list,
			  "rule %.*s compares with an imphash in upper case, which YARA never "
			  "finds; it is taken all the same",
			  (int)min_of(r->rule.length, (size_t)128), r->rule.at);
	return take_hash(r, text);
}

/* A set may be compared with many times; each way of it counts once. */
static struct error *take_find(struct reading *r, const struct yara_find *find)
{
	struct yara_text *set = find->set_count ? r->condition.texts + find->set : NULL;
	const unsigned int way = 1u << (find->kind * 3 + find->meaning);
	r->list->line = find->line;
	if (!set)
		return take_text(r, find, find->text);
	if (set->taken & way)
		return NULL;
	set->taken |= way;
	for (size_t i = 0; i < find->set_count; i++)
		try_(take_text(r, find, set[i].text));
	return NULL;
}

/* --- Rules that use rules --- */

static bool is_rule(const struct yara_find *find)
{
	return find->kind == FIND_RULE || find->kind == FIND_RULES;
}

static void note_use(struct reading *r, const struct yara_find *find)
{
	struct slice_map *map = find->kind == FIND_RULE ? &r->used : &r->used_starts;
	slice_map_place(map, find->text)->number |= 1u << find->meaning;
}

/* How others use the rule, as bits. */
static size_t uses(const struct reading *r)
{
	const struct slice_entry *entry = slice_map_find(&r->used, r->rule);
	size_t found = entry ? entry->number : 0;
	for (size_t n = 1; n <= min_of(r->rule.length, (size_t)128); n++) {
		entry = slice_map_find(&r->used_starts, (struct slice){r->rule.at, n});
		found |= entry ? entry->number : 0;
	}
	return found;
}

/* What the rule has, by what others make of it. */
static enum yara_meaning by_use(enum yara_meaning meaning, size_t found)
{
	if (!found || found & 1u << YARA_WANTED)
		return meaning;
	return found == 1u << YARA_EXCLUDED ? yara_negated(meaning) : YARA_UNDECIDED;
}

static struct error *take_condition(struct reading *r)
{
	struct yara_condition *condition = &r->condition;
	const size_t line = r->tokens.line;
	size_t hashes = 0, found = r->private && !r->collecting ? uses(r) : 0;
	yara_condition_read(condition, &r->tokens);
	for (size_t i = 0; i < condition->count; i++) {
		struct yara_find *find = &condition->finds[i];
		if (is_rule(find) && r->collecting)
			note_use(r, find);
		if (is_rule(find) || r->collecting)
			continue;
		find->meaning = by_use(find->meaning, found);
		hashes++;
		try_(take_find(r, find));
	}
	r->list->line = line;
	if (hashes && condition->why)
		list_unread(r->list, "rule %.*s: %s", (int)min_of(r->rule.length, (size_t)128),
			    r->rule.at, condition->why);
	return NULL;
}

/* --- Rules --- */

/* Moves to the rule's bracket, and then behind what is before the condition. */
static struct error *read_rule(struct reading *r)
{
	struct yara_tokens *tokens = &r->tokens;
	r->rule = tokens->token.text;
	r->description = (struct slice){0};
	while (tokens->token.kind != YARA_END && !yara_is(tokens, "{") && !yara_is(tokens, "rule"))
		yara_next(tokens);
	yara_accept(tokens, "{");
	while (tokens->token.kind != YARA_END && !yara_is(tokens, "}") &&
	       !yara_is(tokens, "rule")) {
		if (yara_accept(tokens, "condition") && yara_accept(tokens, ":"))
			return take_condition(r);
		bool description = yara_is(tokens, "description");
		yara_next(tokens);
		if (!yara_accept(tokens, "="))
			continue;
		if (description && tokens->token.kind == YARA_TEXT)
			r->description = tokens->token.text;
		if (yara_is(tokens, "/"))
			yara_skip_expression(tokens);
		else if (yara_is(tokens, "{"))
			yara_skip_hex(tokens);
	}
	return NULL;
}

static struct error *read_rules(struct reading *r, struct slice text, size_t line)
{
	struct yara_tokens *tokens = &r->tokens;
	*tokens = (struct yara_tokens){.rest = text, .line = line};
	r->private = false;
	yara_next(tokens);
	while (tokens->token.kind != YARA_END) {
		if (yara_accept(tokens, "private")) {
			r->private = true;
		} else if (yara_accept(tokens, "rule")) {
			if (tokens->token.kind == YARA_WORD)
				try_(read_rule(r));
			r->private = false;
		} else {
			r->private &= yara_is(tokens, "global");
			yara_next(tokens);
		}
	}
	return NULL;
}

struct error *list_read_yara(struct list *list)
{
	struct reading r = {.list = list, .collecting = true};
	struct error *error = NULL;
	struct slice text;
	try_(list_whole(list, &text));
	const size_t line = list->line;
	if (slice_find(text, "private"))
		error = read_rules(&r, text, line);
	r.collecting = false;
	if (!error)
		error = read_rules(&r, text, line);
	yara_condition_free(&r.condition);
	slice_map_free(&r.used);
	slice_map_free(&r.used_starts);
	return error;
}
