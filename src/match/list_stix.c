/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * STIX 2.0 and 2.1: the imphash of a file object's PE extension, which any JSON's walk finds, and
 * the patterns of indicators, which this file reads, also alone in a text, one a line. An indicator
 * without a name is called as the malware that it indicates.
 */
#include "list_json.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "list_form.h"
#include "slice_map.h"

static bool is_stix(struct json_object *document)
{
	struct slice type = json_text(document, "type");
	return slice_is(type, "bundle") || slice_is(type, "indicator") ||
	       slice_is(type, "observed-data") || json_member(document, "spec_version");
}

/* --- Names of what is indicated --- */

/* The names of a document's objects by their ids, and those of what they indicate. */
struct stix_names {
	struct slice_map objects;
	struct slice_map indicated;
};

static void free_names(void *data)
{
	struct stix_names *names = data;
	slice_map_free(&names->objects);
	slice_map_free(&names->indicated);
	free(names);
}

/* Of several objects with one id the first that has a name counts. */
static void note_object(struct stix_names *names, struct json_object *object)
{
	struct slice id = json_text(object, "id"), name = slice_trim(json_text(object, "name"));
	if (!id.length || !name.length)
		return;
	struct slice_entry *entry = slice_map_place(&names->objects, id);
	if (!entry->value.length)
		entry->value = name;
}

/* Of what one indicator indicates the first that has a name counts. */
static void note_relationship(struct stix_names *names, struct json_object *object)
{
	struct slice from = json_text(object, "source_ref"), to = json_text(object, "target_ref");
	if (!from.length || !to.length ||
	    !slice_is(json_text(object, "relationship_type"), "indicates") ||
	    json_object_get_boolean(json_member(object, "revoked")))
		return;
	const struct slice_entry *target = slice_map_find(&names->objects, to);
	struct slice_entry *entry = target ? slice_map_place(&names->indicated, from) : NULL;
	if (entry && !entry->value.length)
		entry->value = target->value;
}

/* Notes all objects of a document, which the reader of JSON keeps from being deep. */
static void note_all(struct stix_names *names, struct json_object *value,
		     void (*note)(struct stix_names *names, struct json_object *object))
{
	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			note_all(names, json_object_array_get_idx(value, i), note);
		return;
	}
	if (!json_object_is_type(value, json_type_object))
		return;
	note(names, value);
	json_object_object_foreach(value, key, member)
	{
		(void)key;
		note_all(names, member, note);
	}
}

/* The name of what an indicator without a name of its own indicates. */
static struct slice indicated_by(const struct json_place *place, struct slice id)
{
	struct stix_names *names = place->memory->data;
	if (!id.length)
		return (struct slice){0};
	if (!names) {
		while (place->up)
			place = place->up;
		names = alloc_new(struct stix_names);
		*place->memory = (struct json_memory){names, free_names};
		note_all(names, place->value, note_object);
		note_all(names, place->value, note_relationship);
	}
	const struct slice_entry *entry = slice_map_find(&names->indicated, id);
	return entry ? entry->value : (struct slice){0};
}

static struct error *take(struct list *list, const struct json_place *place, bool *done)
{
	struct slice pattern = json_text(place->value, "pattern");
	if (!list_pattern_has_hash(pattern))
		return NULL;
	if (json_object_get_boolean(json_member(place->value, "revoked"))) {
		*done = true;
		list_leave(list, LIST_LEFT_DELETED);
		return NULL;
	}
	struct slice language = json_text(place->value, "pattern_type");
	if (language.length && !slice_is(language, "stix")) {
		*done = true;
		list_unread(list, "a pattern of another language than STIX's is not read");
		return NULL;
	}
	struct slice name = slice_trim(json_text(place->value, "name"));
	struct slice description = slice_trim(json_text(place->value, "description"));
	if (!name.length)
		name = indicated_by(place, json_text(place->value, "id"));
	return list_take_pattern(list, pattern, name, description);
}

/* --- Patterns alone --- */

bool list_is_stix_patterns(struct slice head)
{
	struct slice line;
	while (slice_next_line(&head, &line)) {
		line = slice_clean(line);
		if (!line.length || *line.at == '#')
			continue;
		return *line.at == '[' && slice_find(line, "file:");
	}
	return false;
}

struct error *list_read_stix_patterns(struct list *list)
{
	for (;;) {
		struct slice line;
		try_(list_next_short_line(list, &line));
		if (!line.at)
			return NULL;
		if (!slice_begins(slice_trim(line), "#"))
			try_(list_take_pattern(list, line, (struct slice){0}, (struct slice){0}));
	}
}

const struct json_origin json_stix = {"STIX", is_stix, NULL, take};
