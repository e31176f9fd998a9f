/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MISP's CSV export: a row an attribute, whose columns `type` and `value` say what it is. Those of
 * one object have the same `object_uuid`, and need not stand together: what is an import hash is
 * kept until the end, when it is known what else the object has.
 */
#include "list_table.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "list_misp.h"
#include "slice_map.h"

/* An attribute that waits for the others of its object. */
struct row {
	struct row *next;
	size_t line;
	struct misp_attribute attribute; /* its texts are in `text` */
	char text[];
};

struct object {
	struct row *first, *last;
	char *file, *sha256; /* what the object is of; NULL: not known */
};

struct misp_objects {
	struct object **items; /* in the order in which they were met */
	size_t count, capacity;
	struct slice_map by_uuid; /* its keys are its own; `number` counts from 1 */
};

static bool header(struct list_table *table, bool in_comment)
{
	size_t type = table_column(table, "type"), value = table_column(table, "value");
	if (in_comment || type == SIZE_MAX || value == SIZE_MAX ||
	    (table_column(table, "uuid") == SIZE_MAX &&
	     table_column(table, "event_id") == SIZE_MAX &&
	     table_column(table, "category") == SIZE_MAX))
		return false;
	table->type = type;
	table->value = value;
	table->object = table_column(table, "object_uuid");
	table->comments[0] = table_column(table, "comment");
	table->comments[1] = table_column(table, "to_ids");
	table->names[0] = table_column(table, "event_info");
	return true;
}

/* The object of a row. */
static struct object *object_of(struct list_table *table, struct slice uuid)
{
	if (!table->objects)
		table->objects = alloc_new(struct misp_objects);
	struct misp_objects *objects = table->objects;
	struct slice_entry *entry = slice_map_place(&objects->by_uuid, uuid);
	if (!entry->number) {
		entry->key.at = alloc_strndup(uuid.at, uuid.length);
		*array_push(objects->items, objects->count, objects->capacity) =
			alloc_new(struct object);
		entry->number = objects->count;
	}
	return objects->items[entry->number - 1];
}

/* A copy of a text at `*to`, which moves behind it. */
static struct slice copy(struct slice s, char **to)
{
	const struct slice own = {*to, s.length};
	if (s.length)
		memcpy(*to, s.at, s.length);
	*to += s.length;
	return own;
}

static void keep(struct object *object, const struct misp_attribute *attribute, size_t line)
{
	size_t length = attribute->type.length + attribute->value.length +
			attribute->comment.length + attribute->event.length;
	struct row *row = alloc_zero(1, sizeof(*row) + length);
	char *to = row->text;
	row->line = line;
	row->attribute = (struct misp_attribute){
		.type = copy(attribute->type, &to),
		.value = copy(attribute->value, &to),
		.comment = copy(attribute->comment, &to),
		.event = copy(attribute->event, &to),
		.not_for_detection = attribute->not_for_detection,
	};
	if (object->last)
		object->last->next = row;
	else
		object->first = row;
	object->last = row;
}

static void note_name(char **name, struct slice value)
{
	if (!*name && slice_trim(value).length)
		*name = alloc_strndup(value.at, value.length);
}

void misp_objects_free(struct list_table *table)
{
	struct misp_objects *objects = table->objects;
	table->objects = NULL;
	if (!objects)
		return;
	for (size_t i = 0; i < objects->count; i++) {
		struct object *object = objects->items[i];
		for (struct row *row = object->first, *next; row; row = next) {
			next = row->next;
			free(row);
		}
		free(object->file);
		free(object->sha256);
		free(object);
	}
	struct slice_entry *entries = objects->by_uuid.table.slots;
	for (size_t i = 0; i < objects->by_uuid.table.capacity; i++)
		free((char *)entries[i].key.at);
	slice_map_free(&objects->by_uuid);
	free(objects->items);
	free(objects);
}

/* The one row of this type; NULL: none, or several. */
static struct row *only_one(const struct object *object, const char *type)
{
	struct row *found = NULL;
	for (struct row *row = object->first; row; row = row->next) {
		if (!slice_is(row->attribute.type, type))
			continue;
		if (found)
			return NULL;
		found = row;
	}
	return found;
}

/* One imphash and one impfuzzy are one sample, as in MISP's JSON. */
static struct error *take_object(struct list *list, const struct object *object)
{
	struct row *imphash = only_one(object, "imphash");
	struct row *impfuzzy = imphash ? only_one(object, "impfuzzy") : NULL;
	if (impfuzzy)
		imphash->attribute.impfuzzy = impfuzzy->attribute.value;
	for (struct row *row = object->first; row; row = row->next) {
		if (row == impfuzzy) {
			list->report->not_for_detection += row->attribute.not_for_detection;
			continue;
		}
		list->line = row->line;
		row->attribute.sibling = slice_of(object->file ? object->file : object->sha256);
		try_(misp_take(list, &row->attribute));
	}
	return NULL;
}

static struct error *end(struct list *list, struct list_table *table)
{
	const struct misp_objects *objects = table->objects;
	const size_t line = list->line;
	for (size_t i = 0; objects && i < objects->count; i++)
		try_(take_object(list, objects->items[i]));
	list->line = line;
	misp_objects_free(table);
	return NULL;
}

static struct error *row(struct list *list, struct list_table *table)
{
	struct slice to_ids = slice_clean(table_cell(table, table->comments[1]));
	struct slice uuid = slice_clean(table_cell(table, table->object));
	struct misp_attribute attribute = {
		.type = slice_clean(table_cell(table, table->type)),
		.value = table_cell(table, table->value),
		.comment = table_cell(table, table->comments[0]),
		.event = table_cell(table, table->names[0]),
		.not_for_detection = slice_is(to_ids, "0") || slice_is(to_ids, "false"),
	};
	/* The headings of an export that was put behind another. */
	if (slice_is(attribute.type, "type") && slice_is(attribute.value, "value"))
		return end(list, table);
	if (!uuid.length || memchr(uuid.at, '\0', uuid.length))
		return misp_take(list, &attribute);
	bool file = slice_is(attribute.type, "filename"),
	     sha256 = slice_is(attribute.type, "sha256");
	if (file || sha256) {
		struct object *object = object_of(table, uuid);
		note_name(file ? &object->file : &object->sha256, attribute.value);
	}
	if (!misp_is_hash(&attribute))
		return misp_take(list, &attribute);
	keep(object_of(table, uuid), &attribute, list->line);
	return NULL;
}

const struct table_kind table_misp = {"MISP CSV", header, row, end, false};
