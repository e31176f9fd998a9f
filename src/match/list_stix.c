/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * STIX 2.0 and 2.1: the imphash of a file object's PE extension, which any JSON's walk finds, and
 * the patterns of indicators, which this file reads, also alone in a text, one a line. An indicator
 * without a name is called as the malware that it indicates.
 */
#include "list_json.h"

#include <ctype.h>
#include <string.h>

#include <impscan/bytes.h>

#include "list_form.h"

/* Objects of a bundle that are looked at for the name of what is indicated. */
#define OBJECTS 4096

static bool is_stix(struct json_object *document)
{
	struct slice type = json_text(document, "type");
	return slice_is(type, "bundle") || slice_is(type, "indicator") ||
	       slice_is(type, "observed-data") || json_member(document, "spec_version");
}

/* The objects of the bundle that a place is in. */
static struct json_object *objects_of(const struct json_place *place)
{
	for (; place; place = place->up)
		if (json_object_is_type(json_member(place->value, "objects"), json_type_array))
			return json_member(place->value, "objects");
	return NULL;
}

/* The name of what an indicator without a name of its own indicates. */
static struct slice indicated_by(const struct json_place *place, struct slice id)
{
	struct json_object *objects = objects_of(place);
	struct slice target = {0};
	size_t count = objects && id.length
			       ? min_of(json_object_array_length(objects), (size_t)OBJECTS)
			       : 0;
	for (size_t i = 0; i < count && !target.length; i++) {
		struct json_object *object = json_object_array_get_idx(objects, i);
		struct slice source = json_text(object, "source_ref");
		if (slice_is(json_text(object, "relationship_type"), "indicates") &&
		    source.length == id.length && !memcmp(source.at, id.at, id.length))
			target = json_text(object, "target_ref");
	}
	for (size_t i = 0; i < count && target.length; i++) {
		struct json_object *object = json_object_array_get_idx(objects, i);
		struct slice other = json_text(object, "id");
		if (other.length == target.length && !memcmp(other.at, target.at, other.length))
			return json_text(object, "name");
	}
	return (struct slice){0};
}

static struct error *take(struct list *list, const struct json_place *place, bool *done)
{
	struct slice pattern = json_text(place->value, "pattern");
	if (!slice_find(pattern, "imphash") && !slice_find(pattern, "impfuzzy"))
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

static struct slice skip_blanks(struct slice s)
{
	while (s.length && isspace((unsigned char)*s.at))
		s = slice_from(s, 1);
	return s;
}

/* A literal 'text' at the start; moves behind it. */
static bool take_literal(struct slice *rest, struct slice *literal)
{
	*rest = skip_blanks(*rest);
	if (!rest->length || *rest->at != '\'')
		return false;
	const char *end = memchr(rest->at + 1, '\'', rest->length - 1);
	if (!end)
		return false;
	*literal = slice_upto(rest->at + 1, end);
	*rest = slice_from(*rest, literal->length + 2);
	return true;
}

/* Does NOT stand right before the object path that ends here? */
static bool is_negated(struct slice before)
{
	while (before.length && !isspace((unsigned char)before.at[before.length - 1]) &&
	       before.at[before.length - 1] != '[' && before.at[before.length - 1] != '(')
		before.length--;
	return slice_ends(slice_trim(before), "NOT");
}

static struct error *take_value(struct list *list, bool imphash, bool excluded, struct slice value,
				struct slice name, struct slice comment)
{
	struct list_sample sample = {
		.imphash = imphash ? value : (struct slice){0},
		.impfuzzy = imphash ? (struct slice){0} : value,
		.name = name,
		.comment = comment,
	};
	if (excluded) {
		list_leave(list, LIST_LEFT_EXCLUDED);
		return NULL;
	}
	return list_take(list, &sample);
}

/* What stands behind a property's name: an operator and one or more literals. */
static struct error *take_comparison(struct list *list, bool imphash, bool excluded,
				     struct slice *rest, struct slice name, struct slice comment)
{
	struct slice literal;
	*rest = skip_blanks(*rest);
	if (slice_begins(*rest, "NOT")) {
		excluded = true;
		*rest = skip_blanks(slice_from(*rest, 3));
	}
	if (slice_begins(*rest, "!=")) {
		excluded = true;
		*rest = slice_from(*rest, 2);
	} else if (slice_begins(*rest, "=")) {
		*rest = slice_from(*rest, slice_begins(*rest, "==") ? 2 : 1);
	} else if (slice_begins(*rest, "IN")) {
		*rest = skip_blanks(slice_from(*rest, 2));
		if (!rest->length || *rest->at != '(')
			return NULL;
		do {
			*rest = slice_from(*rest, 1);
			if (!take_literal(rest, &literal))
				return NULL;
			try_(take_value(list, imphash, excluded, literal, name, comment));
			*rest = skip_blanks(*rest);
		} while (rest->length && *rest->at == ',');
		return NULL;
	} else {
		return NULL;
	}
	if (!take_literal(rest, &literal))
		return NULL;
	return take_value(list, imphash, excluded, literal, name, comment);
}

struct error *list_take_pattern(struct list *list, struct slice pattern, struct slice name,
				struct slice comment)
{
	struct slice rest = pattern;
	for (;;) {
		const char *at = slice_find(rest, "imp");
		if (!at)
			return NULL;
		rest = slice_upto(at, pattern.at + pattern.length);
		bool imphash = slice_begins(rest, "imphash");
		if (!imphash && !slice_begins(rest, "impfuzzy")) {
			rest = slice_from(rest, 3);
			continue;
		}
		struct slice before = slice_upto(pattern.at, at);
		rest = slice_from(rest, imphash ? 7 : 8);
		/* The end of a property's name, maybe in quotes. */
		if (rest.length && *rest.at == '\'')
			rest = slice_from(rest, 1);
		try_(take_comparison(list, imphash, is_negated(before), &rest, name, comment));
	}
}

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
		try_(list_next_line(list, &line));
		if (!line.at)
			return NULL;
		try_(list_take_pattern(list, line, (struct slice){0}, (struct slice){0}));
	}
}

const struct json_origin json_stix = {"STIX", is_stix, NULL, take};
