/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reports of the sandboxes CAPE and Cuckoo: the sample, payloads and dropped files, each with its
 * imphash. The name is the family of the report, or else the file's.
 */
#include "list_json.h"

static bool is_cape(struct json_object *document)
{
	return json_member(document, "CAPE") || json_member(document, "malfamily") ||
	       (json_member(document, "target") &&
		(json_member(document, "info") || json_member(document, "static") ||
		 json_member(document, "detections")));
}

/* "detections" is a text, or a list of objects with a family each. */
static struct slice detection(struct json_object *detections)
{
	if (json_object_is_type(detections, json_type_array) &&
	    json_object_array_length(detections)) {
		struct json_object *first = json_object_array_get_idx(detections, 0);
		struct slice family = json_text(first, "family");
		return family.length ? family : json_string(first);
	}
	return json_string(detections);
}

static struct slice name(const struct json_place *place)
{
	const struct json_place *top = place;
	while (top->up)
		top = top->up;
	struct json_object *report = top->value;
	struct slice family = slice_trim(json_text(report, "malfamily"));
	if (!family.length)
		family = detection(json_member(report, "detections"));
	/* What is beside the sample, not in it: "static". */
	return family.length || json_any_name(place).length
		       ? family
		       : json_text(json_member(json_member(report, "target"), "file"), "name");
}

const struct json_origin json_cape = {"CAPE report", is_cape, name, NULL};
