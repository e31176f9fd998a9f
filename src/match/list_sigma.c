/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sigma rules: imphashes behind IMPHASH= in any field or keyword, and in fields called Imphash, of
 * the selections that the rule's condition wants (list_condition.c). What a rule names is often a
 * tool of administrators, so the name of a match is the rule's title.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "list_condition.h"
#include "list_form.h"
#include "list_yaml.h"

#define DEPTH_MAX 32
/* Values of a rule that are looked at, those of aliases each time that they are used. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define VALUES_MAX 1000
#else
#define VALUES_MAX 1000000
#endif

/* Values that are compared or copied for merging documents of a list. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define MERGED_MAX 10000
#else
#define MERGED_MAX 4000000
#endif

struct rule {
	struct list *list;
	const struct tree *tree;
	struct slice title;
	struct selections selections;
	size_t values;
	bool deep;   /* something is nested too deep to be looked at */
	size_t line; /* of the document, counted from 1 */
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

/* A key of a map and its value; false where there is none at `key`. */
struct pair {
	const struct tree_node *key;
	uint32_t value; /* its number */
};

static bool next_pair(const struct tree *tree, uint32_t *at, struct pair *pair)
{
	if (!*at || !tree->nodes[*at].next)
		return false;
	*pair = (struct pair){tree_node(tree, *at), tree->nodes[*at].next};
	*at = tree->nodes[pair->value].next;
	return true;
}

/* The value of a map's member; NULL: none. `*count`: how many members have that name. */
static const struct tree_node *member(const struct rule *rule, const struct tree_node *map,
				      const char *name, size_t *count)
{
	const struct tree_node *value = NULL;
	uint32_t at = map && map->kind == TREE_MAP ? map->first : 0;
	struct pair pair;
	*count = 0;
	while (next_pair(rule->tree, &at, &pair)) {
		if (!slice_is(tree_text(rule->tree, pair.key), name))
			continue;
		value = value ? value : tree_node(rule->tree, pair.value);
		++*count;
	}
	return value;
}

/* What a key of a selection compares with its values. */
struct field {
	enum { FIELD_OTHER, FIELD_HASHES, FIELD_IMPHASH } kind;
	bool negated;	      /* they must not be there */
	struct slice unknown; /* a modifier that makes something else of the values */
};

static struct field field_of(struct slice key)
{
	static const char *const plain[] = {"contains", "all",	 "startswith", "endswith",
					    "cased",	"exact", "windash"};
	struct field field = {FIELD_OTHER, false, {0}};
	const char *bar = key.length ? memchr(key.at, '|', key.length) : NULL;
	struct slice name = bar ? slice_upto(key.at, bar) : key;
	struct slice rest = slice_from(key, name.length);
	if (slice_is(name, "hashes") || slice_is(name, "hash"))
		field.kind = FIELD_HASHES;
	else if (list_kind_of(name) == KIND_IMPHASH)
		field.kind = FIELD_IMPHASH;
	while (rest.length) {
		rest = slice_from(rest, 1);
		bar = rest.length ? memchr(rest.at, '|', rest.length) : NULL;
		struct slice modifier = bar ? slice_upto(rest.at, bar) : rest;
		bool known = !modifier.length;
		rest = slice_from(rest, modifier.length);
		field.negated ^= slice_is(modifier, "neq") || slice_is(modifier, "not");
		known |= slice_is(modifier, "neq") || slice_is(modifier, "not");
		for (size_t i = 0; !known && i < array_size(plain); i++)
			known = slice_is(modifier, plain[i]);
		if (!known && !field.unknown.length)
			field.unknown = modifier;
	}
	return field;
}

/* Why what a condition does not want is left out; LIST_LEFT_KINDS: it is wanted. */
static enum list_left left_of(enum selection_use use, bool negated)
{
	if (use == SELECTION_UNNAMED)
		return LIST_LEFT_UNNAMED;
	if (use == SELECTION_UNDECIDED)
		return LIST_LEFT_UNDECIDED;
	return (use == SELECTION_EXCLUDED) == negated ? LIST_LEFT_KINDS : LIST_LEFT_EXCLUDED;
}

/* "*text*" without its stars. */
static struct slice without_stars(struct slice value)
{
	value = slice_clean(value);
	while (value.length && *value.at == '*')
		value = slice_from(value, 1);
	while (value.length && value.at[value.length - 1] == '*')
		value.length--;
	return value;
}

static struct error *take_value(struct rule *rule, const struct field *field, struct slice value,
				enum selection_use use)
{
	struct list *list = rule->list;
	const enum list_left left = left_of(use, field->negated);
	const bool labelled = slice_find(value, "IMPHASH=") != NULL;
	size_t count;
	if (!labelled && field->kind != FIELD_IMPHASH &&
	    !(field->kind == FIELD_HASHES && field->unknown.length))
		return NULL;
	if (slice_is(field->unknown, "exists"))
		return NULL;
	if (left != LIST_LEFT_KINDS) {
		list_leave(list, left);
		return NULL;
	}
	if (field->unknown.length) {
		list_unread(list, "what a field has behind '|%.*s' is not read",
			    (int)min_of(field->unknown.length, (size_t)20), field->unknown.at);
		return NULL;
	}
	if (labelled)
		return list_take_sysmon(list, value, rule->title, &count);
	value = without_stars(value);
	if (value.length < 32 && value.length && slice_hex(value) == value.length) {
		list_leave(list, LIST_LEFT_PARTIAL);
		return NULL;
	}
	const struct list_sample sample = {.imphash = value, .name = rule->title};
	return list_take(list, &sample);
}

/* A selection: a map of fields, or a list of maps and keywords. */
static struct error *walk(struct rule *rule, uint32_t number, const struct field *field,
			  enum selection_use use, unsigned int depth)
{
	const struct tree_node *node = tree_node(rule->tree, number);
	if (!node || ++rule->values > VALUES_MAX)
		return NULL;
	if (depth > DEPTH_MAX) {
		rule->deep = true;
		return NULL;
	}
	if (node->kind == TREE_TEXT) {
		rule->list->line = node->line + 1;
		return take_value(rule, field, tree_text(rule->tree, node), use);
	}
	uint32_t at = node->first;
	struct pair pair;
	if (node->kind == TREE_LIST) {
		for (; at; at = rule->tree->nodes[at].next)
			try_(walk(rule, at, field, use, depth + 1));
		return NULL;
	}
	while (next_pair(rule->tree, &at, &pair)) {
		const struct field inner = field_of(tree_text(rule->tree, pair.key));
		try_(walk(rule, pair.value, &inner, use, depth + 1));
	}
	return NULL;
}

/* A condition is a text, or a list of them. Several members are none: which one counts? */
static void read_conditions(struct rule *rule, const struct tree_node *detection)
{
	size_t count;
	const struct tree_node *condition = member(rule, detection, "condition", &count);
	rule->selections.unreadable |= count != 1;
	if (count != 1)
		return;
	if (condition->kind == TREE_TEXT)
		selections_use(&rule->selections, tree_text(rule->tree, condition));
	for (uint32_t at = condition->kind == TREE_LIST ? condition->first : 0; at;
	     at = rule->tree->nodes[at].next)
		selections_use(&rule->selections, tree_text(rule->tree, tree_node(rule->tree, at)));
	rule->selections.unreadable |= condition->kind == TREE_MAP;
}

static struct error *take_selections(struct rule *rule)
{
	static const struct field keyword = {FIELD_OTHER, false, {0}};
	for (size_t i = 0; i < rule->selections.count; i++) {
		const struct selection *selection = &rule->selections.items[i];
		try_(walk(rule, selection->node, &keyword, selection->use, 0));
	}
	return NULL;
}

static int by_place(const void *a, const void *b)
{
	const struct selection *x = a, *y = b;
	return (x->node > y->node) - (x->node < y->node);
}

static struct error *take_rule(struct rule *rule)
{
	struct selections *selections = &rule->selections;
	size_t count;
	const struct tree_node *root = tree_root(rule->tree);
	const struct tree_node *detection = member(rule, root, "detection", &count);
	struct pair pair;
	rule->title = tree_text(rule->tree, member(rule, root, "title", &count));
	uint32_t at = detection && detection->kind == TREE_MAP ? detection->first : 0;
	while (next_pair(rule->tree, &at, &pair)) {
		struct slice name = tree_text(rule->tree, pair.key);
		if (!slice_is(name, "condition") && !slice_is(name, "timeframe"))
			*array_push(selections->items, selections->count, selections->capacity) =
				(struct selection){.name = name, .node = pair.value};
	}
	selections_sort(selections);
	read_conditions(rule, detection);
	selections_settle(selections);
	if (selections->count)
		qsort(selections->items, selections->count, sizeof(*selections->items), by_place);
	try_(take_selections(rule));
	rule->list->line = rule->line;
	if (rule->values > VALUES_MAX)
		list_unread(rule->list, "a rule with more than %d values", VALUES_MAX);
	if (rule->deep)
		list_unread(rule->list, "a rule nested more than %d deep", DEPTH_MAX);
	if (selections->exhausted)
		list_unread(rule->list,
			    "a rule with more selections and names in its condition than are "
			    "compared");
	return NULL;
}

/* Rules of which some share what others say once: "action: global". */
struct collection {
	struct list *list;
	struct tree tree;     /* the document that is read */
	struct tree global;   /* what lies over all that follow */
	struct tree previous; /* the last rule, which one with "action: repeat" changes */
	size_t global_line;   /* of what no rule has followed yet; 0: none */
	size_t work;	      /* what merging may still take */
};

static void collection_free(struct collection *collection)
{
	tree_free(&collection->tree);
	tree_free(&collection->global);
	tree_free(&collection->previous);
}

/* A global document of which nothing came. */
static void tell_unused(struct collection *collection)
{
	struct list *list = collection->list;
	const size_t line = list->line;
	if (!collection->global_line)
		return;
	list->line = collection->global_line;
	list_unread(list, "'action: global' without a rule behind it");
	list->line = line;
	collection->global_line = 0;
}

static void note_global(struct collection *collection)
{
	tell_unused(collection);
	tree_swap(&collection->tree, &collection->global);
	collection->global_line = collection->list->line;
}

static struct error *take_document(struct collection *collection)
{
	struct list *list = collection->list;
	struct rule rule = {.list = list, .tree = &collection->previous, .line = list->line};
	struct error *error = take_rule(&rule);
	free(rule.selections.items);
	return error;
}

/*
 * Takes a document as Sigma's collections have them (pySigma, collection.py): a global one lies
 * over those behind it until the next one or a reset, a repetition over the rule before it.
 */
static struct error *take_action(struct collection *collection)
{
	struct tree *tree = &collection->tree, *rule = &collection->previous;
	const struct rule document = {.tree = tree};
	size_t count, *work = &collection->work;
	const struct slice action =
		tree_text(tree, member(&document, tree_root(tree), "action", &count));
	bool merged;
	if (slice_is(action, "global")) {
		note_global(collection);
		return NULL;
	}
	if (slice_is(action, "reset")) {
		tell_unused(collection);
		collection->global.count = 0;
		return NULL;
	}
	if (slice_is(action, "repeat") && rule->count) {
		merged = tree_merge(rule, tree, work);
	} else {
		tree_swap(tree, rule);
		merged = tree_merge(rule, &collection->global, work);
		collection->global_line = 0;
	}
	if (merged)
		return take_document(collection);
	list_unread(collection->list, "documents that have more in common than is merged");
	return NULL;
}

struct error *list_read_sigma(struct list *list)
{
	_cleanup_(collection_free)
	struct collection collection = {.list = list, .work = MERGED_MAX};
	struct tree_source source = {.line = 0};
	const char *why;
	size_t line;
	try_(list_whole(list, &source.rest));
	while (tree_next(&collection.tree, &source, &line, &why)) {
		list->line = line + 1;
		if (why)
			list_unread(list, "no YAML that can be read: %s", why);
		else
			try_(take_action(&collection));
	}
	tell_unused(&collection);
	return NULL;
}
