/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists in JSON: one document, several behind each other, or one a line. The tree is walked, and
 * members are taken by their names (list_kind_of()), wherever they are: that reads the export of
 * any tool that calls an imphash so. A line that is no JSON is told, and reading goes on with the
 * next that begins a document.
 */
#include "list_json.h"

#include <ctype.h>
#include <string.h>

#include <impscan/bytes.h>

#include "list_form.h"

#define DEPTH_MAX 64

/* What json-c takes for an object, a list and any other value, in bytes. */
#define OBJECT_MEMORY 800
#define ARRAY_MEMORY  160
#define VALUE_MEMORY  100

/*
 * What a document may take: the second beside so many times its size, but no more than the first.
 * Documents of short members take 17 times their size, those of nothing but objects 300 times.
 */
#define DOCUMENT_MEMORY_MAX   ((size_t)2 << 30)
#define DOCUMENT_MEMORY_LEAST ((size_t)256 << 20)
#define DOCUMENT_MEMORY_TIMES 20

static const struct json_origin json_any = {"JSON", NULL, NULL, NULL};

static const struct json_origin *const origins[] = {&json_misp, &json_stix, &json_virustotal,
						    &json_cape, &json_own,  &json_any};

/* A walk over one document. */
struct walk {
	struct list *list;
	const struct json_origin *origin;
	struct json_memory *memory;
};

static struct slice name_at(const struct walk *walk, const struct json_place *place)
{
	struct slice name = {0};
	if (walk->origin->name)
		name = walk->origin->name(place);
	return name.length ? name : json_any_name(place);
}

static struct slice comment_at(const struct json_place *place, struct slice name)
{
	for (; place; place = place->up) {
		struct slice sha256 = json_text(place->value, "sha256");
		if (!sha256.length)
			sha256 = json_text(place->value, "sha256_hash");
		if (sha256.length)
			return sha256.at == name.at ? (struct slice){0} : sha256;
	}
	return (struct slice){0};
}

/* The text of a member whose key is this, or of which the first `i` are passed over in a list. */
static struct slice value_of(struct json_object *value, size_t i)
{
	if (json_object_is_type(value, json_type_array))
		return i < json_object_array_length(value)
			       ? json_string(json_object_array_get_idx(value, i))
			       : (struct slice){0};
	return i ? (struct slice){0} : json_string(value);
}

static size_t value_count(struct json_object *value)
{
	return json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 1;
}

/* Adds what the object says by its own members: all hashes of it are one sample. */
static struct error *take_object(const struct walk *walk, const struct json_place *place)
{
	struct json_object *found[KIND_MD5 + 1] = {0};
	size_t count = 0;
	json_object_object_foreach(place->value, key, value)
	{
		enum list_kind kind = list_kind_of(slice_of(key));
		bool text = json_object_is_type(value, json_type_string) ||
			    json_object_is_type(value, json_type_array) || !value;
		if (kind == KIND_NONE || !text || slice_begins(slice_of(key), "rebuilt"))
			continue;
		if (found[kind] && (kind == KIND_FILE || kind == KIND_MD5))
			continue;
		found[kind] = value;
		if (kind_is_ours(kind))
			count = max_of(count, max_of(value_count(value), (size_t)1));
	}
	if (!count)
		return NULL;
	struct slice name = name_at(walk, place);
	for (size_t i = 0; i < count; i++) {
		struct list_sample sample = {
			.md5 = value_of(found[KIND_MD5], 0),
			.name = name,
			.comment = comment_at(place, name),
		};
		for (enum list_kind kind = KIND_IMPHASH; kind <= KIND_GIMPFUZZY; kind++)
			sample.of[kind_text(kind)] = value_of(found[kind], i);
		try_(list_take(walk->list, &sample));
	}
	return NULL;
}

/* "Hashes": "SHA1=...,IMPHASH=...", as Sysmon's events have it. */
static struct error *take_texts(const struct walk *walk, const struct json_place *place)
{
	json_object_object_foreach(place->value, key, value)
	{
		struct slice text = json_string(value);
		size_t count;
		(void)key;
		if (!slice_find(text, "IMPHASH="))
			continue;
		struct slice name = json_text(place->value, "Image");
		if (json_text(place->value, "ImageLoaded").length)
			name = json_text(place->value, "ImageLoaded");
		if (!name.length)
			name = json_any_name(place);
		try_(list_take_sysmon(walk->list, text, name, &count));
	}
	return NULL;
}

static struct error *walk_value(const struct walk *walk, const struct json_place *up,
				struct json_object *value)
{
	const struct json_place place = {up, value, walk->memory};
	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			try_(walk_value(walk, &place, json_object_array_get_idx(value, i)));
		return NULL;
	}
	if (!json_object_is_type(value, json_type_object))
		return NULL;
	bool done = false;
	if (walk->origin->object)
		try_(walk->origin->object(walk->list, &place, &done));
	if (done)
		return NULL;
	try_(take_object(walk, &place));
	try_(take_texts(walk, &place));
	json_object_object_foreach(value, key, member)
	{
		(void)key;
		try_(walk_value(walk, &place, member));
	}
	return NULL;
}

static struct error *take_document(struct list *list, struct json_object *document)
{
	struct json_memory memory = {0};
	struct walk walk = {.list = list, .memory = &memory};
	for (size_t i = 0; !walk.origin; i++)
		if (!origins[i]->is || origins[i]->is(document))
			walk.origin = origins[i];
	if (!list->report->form.length)
		text_add_string(&list->report->form, walk.origin->title);
	struct error *error = walk_value(&walk, NULL, document);
	if (memory.data)
		memory.free(memory.data);
	return error;
}

bool list_is_json(struct slice head)
{
	while (head.length && isspace((unsigned char)*head.at))
		head = slice_from(head, 1);
	char first = head.length ? *head.at : '\0';
	if (first != '{' && first != '[')
		return false;
	head = slice_from(head, 1);
	while (head.length && isspace((unsigned char)*head.at))
		head = slice_from(head, 1);
	return !head.length || strchr(first == '{' ? "\"}" : "{[\"]", *head.at);
}

/* Blanks, and what joins documents: commas, record separators, a bracket left of an array. */
static struct error *skip_between(struct list *list)
{
	for (;;) {
		try_(list_need(list, 1));
		struct slice rest = list_rest(list);
		if (!rest.length || (!isspace((unsigned char)*rest.at) && *rest.at != ',' &&
				     *rest.at != ']' && *rest.at != '\x1e'))
			return NULL;
		list_skip(list, 1, *rest.at == '\n');
	}
}

/* To the next line that begins an object. */
static struct error *skip_to_document(struct list *list)
{
	do {
		try_(list_skip_line(list));
		try_(list_need(list, 1));
	} while (list_rest(list).length && *list_rest(list).at != '{');
	return NULL;
}

/* The memory that a document takes, as far as it was read. */
struct estimate {
	bool in_text, escaped;
	size_t bytes;
};

static void add_estimate(struct estimate *estimate, struct slice text)
{
	for (size_t i = 0; i < text.length; i++) {
		const char c = text.at[i];
		if (estimate->in_text) {
			estimate->in_text = c != '"' || estimate->escaped;
			estimate->escaped = c == '\\' && !estimate->escaped;
		} else if (c == '"') {
			estimate->in_text = true;
		} else if (c == '{') {
			estimate->bytes += OBJECT_MEMORY;
		} else if (c == '[') {
			estimate->bytes += ARRAY_MEMORY;
		} else if (c == ',') {
			estimate->bytes += VALUE_MEMORY;
		}
	}
}

/* The next document; NULL where it is none, with why in `*why`. */
static struct error *parse(struct list *list, struct json_tokener *tokener,
			   struct json_object **document, const char **why)
{
	struct estimate estimate = {0};
	size_t size = 0;
	json_tokener_reset(tokener);
	*why = NULL;
	list->line = list->next_line;
	for (;;) {
		struct slice rest = list_rest(list);
		int length = (int)min_of(rest.length, (size_t)1 << 20);
		*document = json_tokener_parse_ex(tokener, rest.at, length);
		enum json_tokener_error error = json_tokener_get_error(tokener);
		size_t used = error == json_tokener_continue ? (size_t)length
							     : json_tokener_get_parse_end(tokener);
		list_skip(list, used, list_newlines((struct slice){rest.at, used}));
		size += used;
		add_estimate(&estimate, (struct slice){rest.at, used});
		if (error == json_tokener_success)
			return NULL;
		if (error != json_tokener_continue) {
			*why = json_tokener_error_desc(error);
			return NULL;
		}
		if (size > LIST_DOCUMENT_MAX)
			return error_new("%s:%zu: a document longer than %u MB", list->label,
					 list->line, LIST_DOCUMENT_MAX >> 20);
		if (estimate.bytes > min_of(DOCUMENT_MEMORY_MAX,
					    DOCUMENT_MEMORY_LEAST + size * DOCUMENT_MEMORY_TIMES))
			return error_new(
				"%s:%zu: a document of values that take more than %zu MB of "
				"memory: split it",
				list->label, list->line, estimate.bytes >> 20);
		try_(list_need(list, 1));
		if (!list_rest(list).length) {
			*why = "it ends within a document";
			return NULL;
		}
	}
}

static struct error *read_documents(struct list *list, struct json_tokener *tokener)
{
	size_t documents = 0;
	for (;;) {
		struct json_object *document = NULL;
		const char *why;
		try_(skip_between(list));
		if (!list_rest(list).length)
			break;
		try_(parse(list, tokener, &document, &why));
		if (why) {
			list_unread(list, "this is no JSON: %s", why);
			try_(skip_to_document(list));
			continue;
		}
		documents++;
		struct error *error = take_document(list, document);
		json_object_put(document);
		try_(error);
	}
	if (documents)
		return NULL;
	return error_new("%s: looks like JSON, but has no whole document", list->label);
}

struct error *list_read_json(struct list *list)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!tokener)
		return error_new("%s: no memory for reading JSON", list->label);
	struct error *error = read_documents(list, tokener);
	json_tokener_free(tokener);
	return error;
}
