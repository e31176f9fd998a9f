/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * VirusTotal's JSON: file objects of its API, version 3 (`data.attributes.pe_info.imphash`) and 2
 * (`additional_info.imphash`). The name is the threat label, or else the file's name.
 */
#include "list_json.h"

static bool has_pe_info(struct json_object *object)
{
	return json_member(object, "pe_info") ||
	       json_member(object, "popular_threat_classification") ||
	       json_member(object, "additional_info") || json_member(object, "last_analysis_stats");
}

static bool is_file(struct json_object *object)
{
	return has_pe_info(object) || has_pe_info(json_member(object, "attributes"));
}

static bool is_virustotal(struct json_object *document)
{
	struct json_object *data = json_member(document, "data");
	if (json_object_is_type(data, json_type_array) && json_object_array_length(data))
		data = json_object_array_get_idx(data, 0);
	if (json_object_is_type(document, json_type_array) && json_object_array_length(document))
		document = json_object_array_get_idx(document, 0);
	return is_file(document) || is_file(data);
}

static struct slice name(const struct json_place *place)
{
	for (; place; place = place->up) {
		if (!has_pe_info(place->value))
			continue;
		struct slice label =
			json_text(json_member(place->value, "popular_threat_classification"),
				  "suggested_threat_label");
		if (!label.length)
			label = json_text(place->value, "meaningful_name");
		return label;
	}
	return (struct slice){0};
}

const struct json_origin json_virustotal = {"VirusTotal JSON", is_virustotal, name, NULL};
