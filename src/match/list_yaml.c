/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * YAML documents as trees, made of libyaml's events. Its own documents are not used: for each
 * anchor they look at all others, and they are as deep as the text has it.
 */
#include "list_yaml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "list.h"
#include "slice_map.h"

/* libyaml looks at all open brackets for each word, and at all %TAG for each of them. */
#define LINE_BRACKETS_MAX 64
#define DIRECTIVES_MAX	  64

/* A tree that is being made. */
struct making {
	struct tree *tree;
	struct slice_map anchors;	 /* its keys are its own */
	uint32_t open[TREE_DEPTH_MAX];	 /* lists and maps that are not yet closed ... */
	uint32_t newest[TREE_DEPTH_MAX]; /* ... and the last node of each */
	size_t depth;
	const char *why;
	size_t line;	   /* of why */
	size_t first_line; /* of the document */
};

/* --- Documents of a text --- */

static bool is_marker(struct slice line, const char *marker)
{
	return slice_begins(line, marker) &&
	       (line.length == 3 || isspace((unsigned char)line.at[3]));
}

/* Has the line something else than a comment or a directive? */
static bool has_content(struct slice line)
{
	if (is_marker(line, "---"))
		line = slice_from(line, 3);
	line = slice_trim(line);
	return line.length && *line.at != '#' && *line.at != '%';
}

/* What speaks against giving a line to libyaml; NULL: nothing. */
static const char *refusal(struct slice line, size_t *directives)
{
	size_t depth = 0, most = 0;
	for (size_t i = 0; i < line.length; i++) {
		char c = line.at[i];
		if (c == '[' || c == '{')
			most = max_of(most, ++depth);
		else if ((c == ']' || c == '}') && depth)
			depth--;
	}
	if (most > LINE_BRACKETS_MAX)
		return "a line with more than 64 brackets within each other";
	/* What is a line for libyaml may begin anywhere in it. */
	for (const char *at; (at = slice_find(line, "%TAG"));) {
		++*directives;
		line = slice_upto(at + 4, line.at + line.length);
	}
	return *directives > DIRECTIVES_MAX ? "more than 64 directives" : NULL;
}

/*
 * The next document with its marker and directives: markers at a line's start can be nothing else,
 * so one document ends where the next begins, whatever is in it. Empty: there is no more.
 */
static struct slice next_document(struct tree_source *source, size_t *first_line, const char **why)
{
	const char *start = source->rest.at;
	size_t directives = 0, refused_line = 0;
	bool content = false, marked = false, directive = false;
	struct slice line, behind = source->rest;
	*first_line = source->line;
	*why = NULL;
	while (slice_next_line(&behind, &line)) {
		const bool end = is_marker(line, "..."), begin = is_marker(line, "---");
		if (content && (end || begin))
			break;
		if (end || (begin && (marked || !directive))) {
			start = end ? behind.at : line.at;
			*first_line = source->line + end;
		}
		marked = !end && (marked || begin);
		directive = !end && (directive || slice_begins(line, "%"));
		const char *refused = *why ? NULL : refusal(line, &directives);
		if (refused) {
			*why = refused;
			refused_line = source->line;
		}
		content |= !end && has_content(line);
		source->rest = behind;
		source->line++;
	}
	if (*why)
		*first_line = refused_line;
	return slice_upto(start, content ? source->rest.at : start);
}

/* --- Trees --- */

static uint32_t add_node(struct making *making, const struct tree_node *node)
{
	struct tree *tree = making->tree;
	if (!tree->count)
		array_push(tree->nodes, tree->count, tree->capacity);
	const uint32_t number = (uint32_t)tree->count;
	*array_push(tree->nodes, tree->count, tree->capacity) = *node;
	if (!making->depth)
		return number;
	uint32_t *newest = &making->newest[making->depth - 1];
	if (*newest)
		tree->nodes[*newest].next = number;
	else
		tree->nodes[making->open[making->depth - 1]].first = number;
	*newest = number;
	return number;
}

static void note_anchor(struct making *making, const yaml_char_t *anchor, uint32_t number)
{
	if (!anchor)
		return;
	char *name = alloc_strdup((const char *)anchor);
	struct slice_entry *entry = slice_map_place(&making->anchors, slice_of(name));
	if (entry->key.at != name)
		free(name);
	entry->number = number;
}

static void open_node(struct making *making, enum tree_kind kind, const yaml_char_t *anchor,
		      size_t line)
{
	if (making->depth == TREE_DEPTH_MAX) {
		making->why = "more than 64 lists and maps within each other";
		return;
	}
	uint32_t number = add_node(making, &(struct tree_node){kind, (uint32_t)line, 0, 0, 0, 0});
	note_anchor(making, anchor, number);
	making->open[making->depth] = number;
	making->newest[making->depth++] = 0;
}

static void add_text(struct making *making, const yaml_event_t *event, size_t line)
{
	struct text *text = &making->tree->text;
	struct tree_node node = {TREE_TEXT, (uint32_t)line, 0,
				 0,	    text->length,   event->data.scalar.length};
	text_add(text, (const char *)event->data.scalar.value, node.length);
	note_anchor(making, event->data.scalar.anchor, add_node(making, &node));
}

static void add_alias(struct making *making, const yaml_event_t *event, size_t line)
{
	const struct slice name = slice_of((const char *)event->data.alias.anchor);
	const struct slice_entry *entry = slice_map_find(&making->anchors, name);
	if (!entry) {
		making->why = "an alias of an anchor that is not there";
		return;
	}
	const uint32_t of = (uint32_t)entry->number;
	add_node(making, &(struct tree_node){TREE_ALIAS, (uint32_t)line, 0, of, 0, 0});
}

/* Adds what an event says. */
static void take_event(struct making *making, const yaml_event_t *event)
{
	size_t line = making->first_line + event->start_mark.line;
	making->line = event->start_mark.line;
	if (making->tree->count > TREE_NODES_MAX)
		making->why = "a document with more than 1000000 values";
	else if (event->type == YAML_DOCUMENT_START_EVENT && making->tree->count)
		making->why = "documents that no line divides";
	else if (event->type == YAML_SCALAR_EVENT)
		add_text(making, event, line);
	else if (event->type == YAML_ALIAS_EVENT)
		add_alias(making, event, line);
	else if (event->type == YAML_SEQUENCE_START_EVENT)
		open_node(making, TREE_LIST, event->data.sequence_start.anchor, line);
	else if (event->type == YAML_MAPPING_START_EVENT)
		open_node(making, TREE_MAP, event->data.mapping_start.anchor, line);
	else if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT)
		making->depth--;
}

/* The line that a byte is in. */
static size_t line_of(struct slice text, size_t offset)
{
	return list_newlines((struct slice){text.at, min_of(offset, text.length)});
}

static void make(struct making *making, yaml_parser_t *parser, struct slice text)
{
	for (;;) {
		yaml_event_t event;
		if (!yaml_parser_parse(parser, &event)) {
			making->why = parser->problem ? parser->problem : "bad characters";
			making->line = parser->error == YAML_READER_ERROR
					       ? line_of(text, parser->problem_offset)
					       : parser->problem_mark.line;
			return;
		}
		yaml_event_type_t type = event.type;
		take_event(making, &event);
		yaml_event_delete(&event);
		if (making->why || type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT)
			return;
	}
}

static void free_anchors(struct slice_map *anchors)
{
	struct slice_entry *entries = anchors->table.slots;
	for (size_t i = 0; i < anchors->table.capacity; i++)
		free((char *)entries[i].key.at);
	slice_map_free(anchors);
}

bool tree_next(struct tree *tree, struct tree_source *source, size_t *line, const char **why)
{
	struct making making = {.tree = tree};
	yaml_parser_t parser;
	tree->count = 0;
	text_clear(&tree->text);
	struct slice text = next_document(source, line, why);
	if (!text.length)
		return false;
	if (*why)
		return true;
	if (!yaml_parser_initialize(&parser)) {
		*why = "no memory for reading YAML";
		return true;
	}
	making.first_line = *line;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.at, text.length);
	make(&making, &parser, text);
	yaml_parser_delete(&parser);
	free_anchors(&making.anchors);
	*why = making.why;
	if (*why) {
		*line += making.line;
		tree->count = 0;
	}
	return true;
}

const struct tree_node *tree_root(const struct tree *tree)
{
	return tree_node(tree, 1);
}

const struct tree_node *tree_node(const struct tree *tree, uint32_t number)
{
	if (!number || number >= tree->count)
		return NULL;
	const struct tree_node *node = &tree->nodes[number];
	return node->kind == TREE_ALIAS ? &tree->nodes[node->first] : node;
}

struct slice tree_text(const struct tree *tree, const struct tree_node *node)
{
	if (!node || node->kind != TREE_TEXT)
		return (struct slice){0};
	return (struct slice){node->length ? tree->text.data + node->text : "", node->length};
}

/* --- Merging --- */

/* Appends the nodes of `over`. Returns what is to be added to their numbers. */
static uint32_t append(struct tree *tree, const struct tree *over)
{
	const uint32_t base = (uint32_t)tree->count;
	const size_t text = tree->text.length;
	text_add(&tree->text, over->text.data, over->text.length);
	for (size_t i = 0; i < over->count; i++) {
		struct tree_node node = over->nodes[i];
		node.next += node.next ? base : 0;
		node.first += node.first ? base : 0;
		node.text += text;
		*array_push(tree->nodes, tree->count, tree->capacity) = node;
	}
	return base;
}

static bool same_text(const struct tree *tree, uint32_t a, uint32_t b)
{
	const struct slice x = tree_text(tree, &tree->nodes[a]);
	const struct slice y = tree_text(tree, &tree->nodes[b]);
	return x.at && y.at && x.length == y.length && !memcmp(x.at, y.at, x.length);
}

/* Where the number of the value of `key` is written in a map; NULL: it has no such key. */
static uint32_t *value_place(struct tree *tree, uint32_t map, uint32_t key, size_t *work)
{
	for (uint32_t at = tree->nodes[map].first; at && *work;) {
		uint32_t *value = &tree->nodes[at].next;
		--*work;
		if (!*value || same_text(tree, at, key))
			return *value ? value : NULL;
		at = tree->nodes[*value].next;
	}
	return NULL;
}

/* Adds a key and its value in front of what a map has. */
static void add_pair(struct tree *tree, uint32_t map, uint32_t key, uint32_t value)
{
	tree->nodes[value].next = tree->nodes[map].first;
	tree->nodes[map].first = key;
}

static void merge_maps(struct tree *tree, uint32_t map, uint32_t over, size_t *work)
{
	for (uint32_t key = tree->nodes[over].first, next; key && *work; key = next) {
		const uint32_t value = tree->nodes[key].next;
		if (!value)
			return;
		next = tree->nodes[value].next;
		uint32_t *own = value_place(tree, map, key, work);
		if (!own) {
			add_pair(tree, map, key, value);
		} else if (tree->nodes[*own].kind == TREE_MAP &&
			   tree->nodes[value].kind == TREE_MAP) {
			merge_maps(tree, *own, value, work);
		} else {
			tree->nodes[value].next = tree->nodes[*own].next;
			*own = value;
		}
	}
}

bool tree_merge(struct tree *tree, const struct tree *over, size_t *work)
{
	const size_t cost = over->count + over->text.length / sizeof(struct tree_node);
	if (!over->count || !tree->count)
		return true;
	if (cost >= *work) {
		*work = 0;
		return false;
	}
	*work -= cost;
	if (tree->nodes[1].kind != TREE_MAP || over->nodes[1].kind != TREE_MAP)
		return true;
	const uint32_t root = append(tree, over) + 1;
	merge_maps(tree, 1, root, work);
	return *work > 0;
}

void tree_swap(struct tree *a, struct tree *b)
{
	const struct tree other = *a;
	*a = *b;
	*b = other;
}

void tree_free(struct tree *tree)
{
	free(tree->nodes);
	text_free(&tree->text);
	*tree = (struct tree){0};
}
