/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sigma rules: imphashes behind IMPHASH= in the fields Hashes and Hash, and in fields called
 * Imphash. Selections that the condition excludes, and those called filter, are left out. What a
 * rule names is often a tool of administrators, so the name of a match is the rule's title.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/search.h>

#include "list_form.h"

#define DEPTH_MAX 32
/* Values of a rule, and names with "*" of its condition that they are compared with. */
#define NODES_MAX 1000000

/* A word of a condition: the name of a selection, maybe with "*" at its end. */
struct condition_word {
	struct slice name;
	bool negated; /* it stands behind a `not` */
};

/* The words of a condition; once sorted, those with "*" are behind the others. */
struct condition {
	struct condition_word *words;
	size_t count, capacity;
	size_t names; /* of them without "*" */
};

struct rule {
	struct list *list;
	yaml_document_t *document;
	struct slice title;
	struct condition condition;
	size_t nodes;
	bool deep;   /* something is nested too deep to be looked at */
	size_t line; /* of the text that the parser began with */
};

bool list_is_sigma(struct slice head)
{
	bool detection = false, rule = false;
	struct slice line;
	while (slice_next_line(&head, &line)) {
		detection |= slice_begins(line, "detection:");
		rule |= slice_begins(line, "title:") || slice_begins(line, "logsource:");
	}
	return detection && rule;
}

static struct slice scalar(const yaml_node_t *node)
{
	if (!node || node->type != YAML_SCALAR_NODE)
		return (struct slice){0};
	return (struct slice){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static yaml_node_t *member(const struct rule *rule, const yaml_node_t *node, const char *name)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++)
		if (slice_is(scalar(yaml_document_get_node(rule->document, pair->key)), name))
			return yaml_document_get_node(rule->document, pair->value);
	return NULL;
}

/* What a key of a selection compares: the field before its modifiers. */
enum field { FIELD_OTHER, FIELD_HASHES, FIELD_IMPHASH };

static enum field field_of(struct slice key, bool *pattern)
{
	const char *bar = key.length ? memchr(key.at, '|', key.length) : NULL;
	struct slice name = bar ? slice_upto(key.at, bar) : key;
	struct slice modifiers = bar ? slice_upto(bar, key.at + key.length) : (struct slice){0};
	*pattern = slice_find(modifiers, "|re") || slice_find(modifiers, "base64");
	if (slice_is(name, "hashes") || slice_is(name, "hash"))
		return FIELD_HASHES;
	return list_kind_of(name) == KIND_IMPHASH ? FIELD_IMPHASH : FIELD_OTHER;
}

static struct error *take_value(struct rule *rule, enum field field, struct slice value,
				bool excluded)
{
	struct list *list = rule->list;
	size_t count;
	if (excluded) {
		if (field == FIELD_IMPHASH || slice_find(value, "IMPHASH="))
			list_leave(list, LIST_LEFT_EXCLUDED);
		return NULL;
	}
	if (field == FIELD_HASHES)
		return list_take_sysmon(list, value, rule->title, &count);
	value = slice_clean(value);
	while (value.length && (*value.at == '*' || value.at[value.length - 1] == '*'))
		value = *value.at == '*' ? slice_from(value, 1)
					 : (struct slice){value.at, value.length - 1};
	struct list_sample sample = {.imphash = value, .name = rule->title};
	if (slice_begins(value, "IMPHASH="))
		return list_take_sysmon(list, value, rule->title, &count);
	if (value.length < 32 && value.length && slice_hex(value) == value.length) {
		list_leave(list, LIST_LEFT_PARTIAL);
		return NULL;
	}
	return list_take(list, &sample);
}

static struct error *walk(struct rule *rule, yaml_node_t *node, enum field field, bool excluded,
			  unsigned int depth)
{
	if (!node || ++rule->nodes > NODES_MAX)
		return NULL;
	if (depth > DEPTH_MAX) {
		rule->deep = true;
		return NULL;
	}
	rule->list->line = rule->line + node->start_mark.line;
	if (node->type == YAML_SCALAR_NODE)
		return field == FIELD_OTHER ? NULL
					    : take_value(rule, field, scalar(node), excluded);
	if (node->type == YAML_SEQUENCE_NODE) {
		for (yaml_node_item_t *item = node->data.sequence.items.start;
		     item < node->data.sequence.items.top; item++)
			try_(walk(rule, yaml_document_get_node(rule->document, *item), field,
				  excluded, depth + 1));
		return NULL;
	}
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		bool pattern;
		struct slice key = scalar(yaml_document_get_node(rule->document, pair->key));
		enum field inner = field_of(key, &pattern);
		if (!pattern)
			try_(walk(rule, yaml_document_get_node(rule->document, pair->value), inner,
				  excluded, depth + 1));
	}
	return NULL;
}

static bool is_name(char c)
{
	return c > ' ' && c != '(' && c != ')';
}

/* The next word of a condition: a name or a bracket. */
static struct slice next_word(struct slice *rest)
{
	*rest = slice_trim(*rest);
	size_t n = rest->length ? 1 : 0;
	if (n && is_name(*rest->at))
		while (n < rest->length && is_name(rest->at[n]))
			n++;
	struct slice word = {rest->at, n};
	*rest = slice_from(*rest, n);
	return word;
}

static bool has_star(struct slice word)
{
	return word.length && word.at[word.length - 1] == '*';
}

/* Names first, by length and letters of any case; then those with "*". */
static int compare_words(const void *a, const void *b)
{
	struct slice x = ((const struct condition_word *)a)->name,
		     y = ((const struct condition_word *)b)->name;
	if (has_star(x) != has_star(y))
		return has_star(x) ? 1 : -1;
	if (x.length != y.length)
		return x.length < y.length ? -1 : 1;
	return strncasecmp(x.at, y.at, x.length);
}

static void add_condition(struct condition *condition, struct slice rest)
{
	struct slice word;
	bool negated = false;
	int depth = 0, until = -1;
	while ((word = next_word(&rest)).length) {
		if (slice_is(word, "("))
			depth++;
		else if (slice_is(word, ")"))
			depth--;
		else if (slice_is(word, "not")) {
			negated = true;
			until = depth;
			continue;
		} else {
			*array_push(condition->words, condition->count, condition->capacity) =
				(struct condition_word){word, negated};
		}
		bool joint = slice_is(word, "and") || slice_is(word, "or");
		if (negated && (depth < until || (depth == until && joint)))
			negated = false;
	}
}

/* A condition is a text, or a list of them. */
static void read_condition(struct rule *rule, yaml_node_t *node)
{
	struct condition *condition = &rule->condition;
	add_condition(condition, scalar(node));
	if (node && node->type == YAML_SEQUENCE_NODE)
		for (yaml_node_item_t *item = node->data.sequence.items.start;
		     item < node->data.sequence.items.top; item++)
			add_condition(condition,
				      scalar(yaml_document_get_node(rule->document, *item)));
	if (condition->count)
		qsort(condition->words, condition->count, sizeof(*condition->words), compare_words);
	condition->names = search_first(i, 0, condition->count, has_star(condition->words[i].name));
}

/*
 * Does the condition have the selection only behind a `not`? One that it does not name is wanted,
 * unless it is called a filter.
 */
static bool is_excluded(struct rule *rule, struct slice name)
{
	const struct condition *condition = &rule->condition;
	const struct condition_word key = {name, false};
	bool wanted = false, unwanted = slice_begins(name, "filter");
	if (!name.length)
		return false;
	size_t at = search_first(i, 0, condition->names,
				 compare_words(&condition->words[i], &key) >= 0);
	for (; at < condition->names && !compare_words(&condition->words[at], &key); at++) {
		unwanted |= condition->words[at].negated;
		wanted |= !condition->words[at].negated;
	}
	for (at = condition->names; at < condition->count && ++rule->nodes <= NODES_MAX; at++) {
		struct slice start = condition->words[at].name;
		if (name.length < start.length - 1 ||
		    strncasecmp(name.at, start.at, start.length - 1) != 0)
			continue;
		unwanted |= condition->words[at].negated;
		wanted |= !condition->words[at].negated;
	}
	return unwanted && !wanted;
}

static struct error *take_rule(struct rule *rule)
{
	yaml_node_t *root = yaml_document_get_root_node(rule->document);
	yaml_node_t *detection = member(rule, root, "detection");
	rule->title = scalar(member(rule, root, "title"));
	read_condition(rule, member(rule, detection, "condition"));
	if (!detection || detection->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = detection->data.mapping.pairs.start;
	     pair < detection->data.mapping.pairs.top; pair++) {
		struct slice name = scalar(yaml_document_get_node(rule->document, pair->key));
		if (!slice_is(name, "condition") && !slice_is(name, "timeframe"))
			try_(walk(rule, yaml_document_get_node(rule->document, pair->value),
				  FIELD_OTHER, is_excluded(rule, name), 0));
	}
	if (rule->nodes > NODES_MAX)
		list_unread(rule->list,
			    "a rule with more than %d values and names with a star to compare",
			    NODES_MAX);
	if (rule->deep)
		list_unread(rule->list, "a rule nested more than %d deep", DEPTH_MAX);
	return NULL;
}

/* Rules behind each other, until one is no YAML. */
static struct error *read_rules(struct list *list, yaml_parser_t *parser, size_t *rules)
{
	for (;;) {
		yaml_document_t document;
		if (!yaml_parser_load(parser, &document)) {
			list->line = parser->problem_mark.line + 1;
			list_unread(list, "this is no YAML: %s",
				    parser->problem ? parser->problem : "bad characters");
			return NULL;
		}
		if (!yaml_document_get_root_node(&document)) {
			yaml_document_delete(&document);
			return NULL;
		}
		++*rules;
		struct rule rule = {.list = list, .document = &document, .line = 1};
		struct error *error = take_rule(&rule);
		free(rule.condition.words);
		yaml_document_delete(&document);
		try_(error);
	}
}

struct error *list_read_sigma(struct list *list)
{
	struct slice text;
	yaml_parser_t parser;
	size_t rules = 0;
	try_(list_whole(list, &text));
	if (!yaml_parser_initialize(&parser))
		return error_new("%s: no memory for reading YAML", list->label);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.at, text.length);
	struct error *error = read_rules(list, &parser, &rules);
	yaml_parser_delete(&parser);
	return error;
}
