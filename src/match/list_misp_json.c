/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MISP's JSON: events, alone, in a response or in a list, with attributes of their own and in
 * objects. An attribute is any object with `type` and `value`.
 */
#include "list_json.h"

#include <impscan/bytes.h>

#include "list_misp.h"

#define SIBLINGS 64 /* attributes of an object that are looked at for a name */

static bool is_attribute(struct json_object *object)
{
	struct slice type = json_text(object, "type");
	return type.length && json_member(object, "value") &&
	       (slice_is(type, "imphash") || slice_is(type, "impfuzzy") ||
		json_member(object, "to_ids") || json_member(object, "category") ||
		json_member(object, "object_relation") || json_member(object, "uuid") ||
		json_member(object, "comment"));
}

static struct json_object *first_of(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) && json_object_array_length(list)
		       ? json_object_array_get_idx(list, 0)
		       : list;
}

static bool is_misp(struct json_object *document)
{
	struct json_object *first = first_of(document);
	if (json_member(document, "Event") || json_member(first, "Event") || is_attribute(first) ||
	    json_member(document, "Attribute") || json_member(document, "Object"))
		return true;
	struct json_object *response = first_of(json_member(document, "response"));
	return json_member(response, "Event") || json_member(response, "Attribute");
}

/* The title of the event that a place is in. */
static struct slice event_of(const struct json_place *place)
{
	for (; place; place = place->up) {
		struct slice info = json_text(place->value, "info");
		if (!info.length)
			info = json_text(json_member(place->value, "Event"), "info");
		if (info.length)
			return info;
	}
	return (struct slice){0};
}

/* What an object says that its attributes are of: a file's name, or else its SHA-256. */
static struct slice sibling_of(struct json_object *attributes)
{
	struct slice sha256 = {0};
	size_t count = json_object_is_type(attributes, json_type_array)
			       ? min_of(json_object_array_length(attributes), (size_t)SIBLINGS)
			       : 0;
	for (size_t i = 0; i < count; i++) {
		struct json_object *attribute = json_object_array_get_idx(attributes, i);
		struct slice type = json_text(attribute, "type");
		struct slice value = json_text(attribute, "value");
		if (slice_is(type, "filename") && value.length)
			return value;
		if (slice_is(type, "sha256"))
			sha256 = value;
	}
	return sha256;
}

static bool is_true(struct json_object *value, bool missing)
{
	if (json_object_is_type(value, json_type_boolean))
		return json_object_get_boolean(value);
	if (json_object_is_type(value, json_type_int))
		return json_object_get_int(value) != 0;
	struct slice text = json_string(value);
	return text.length ? slice_is(text, "1") || slice_is(text, "true") : missing;
}

static bool is_deleted(struct json_object *object)
{
	return is_true(json_member(object, "deleted"), false);
}

/* The one attribute of this type in an object's list; NULL: none, or several. */
static struct json_object *only_one(struct json_object *attributes, const char *type)
{
	struct json_object *found = NULL;
	size_t count = json_object_array_length(attributes);
	if (count > SIBLINGS)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct json_object *attribute = json_object_array_get_idx(attributes, i);
		if (!slice_is(json_text(attribute, "type"), type) || is_deleted(attribute))
			continue;
		if (found)
			return NULL;
		found = attribute;
	}
	return found;
}

/*
 * An object with one imphash and one impfuzzy is one sample: the imphash takes the impfuzzy with
 * it. Sets `*taken` for the impfuzzy, which is not to be taken again.
 */
static void join(struct misp_attribute *attribute, struct json_object *object,
		 struct json_object *attributes, bool *taken)
{
	bool array = json_object_is_type(attributes, json_type_array);
	struct json_object *imphash = array ? only_one(attributes, "imphash") : NULL;
	struct json_object *impfuzzy = imphash ? only_one(attributes, "impfuzzy") : NULL;
	*taken = impfuzzy && object == impfuzzy;
	if (impfuzzy && object == imphash)
		attribute->impfuzzy = json_text(impfuzzy, "value");
}

static struct error *take(struct list *list, const struct json_place *place, bool *done)
{
	struct json_object *object = place->value;
	bool taken = false;
	if (is_deleted(object)) {
		*done = true;
		list_leave(list, LIST_LEFT_DELETED);
		return NULL;
	}
	if (!is_attribute(object))
		return NULL;
	*done = true;
	struct misp_attribute attribute = {
		.type = json_text(object, "type"),
		.value = json_text(object, "value"),
		.comment = json_text(object, "comment"),
		.event = event_of(place),
		.not_for_detection = !is_true(json_member(object, "to_ids"), true),
	};
	/* Is the list that it is in that of an object? */
	if (place->up && place->up->up && json_text(place->up->up->value, "name").length) {
		attribute.sibling = sibling_of(place->up->value);
		join(&attribute, object, place->up->value, &taken);
	}
	if (place->up && place->up->up && !attribute.sibling.length)
		attribute.sibling = json_text(place->up->up->value, "comment");
	if (taken) {
		list->report->not_for_detection += attribute.not_for_detection;
		return NULL;
	}
	return misp_take(list, &attribute);
}

const struct json_origin json_misp = {"MISP JSON", is_misp, NULL, take};
