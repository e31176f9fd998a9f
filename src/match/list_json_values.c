/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Members of JSON objects, for all who read lists in JSON.
 */
#include "list_json.h"

#include <impscan/bytes.h>

struct json_object *json_member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;
	if (!json_object_is_type(object, json_type_object))
		return NULL;
	json_object_object_get_ex(object, name, &value);
	return value;
}

struct slice json_string(struct json_object *value)
{
	if (!json_object_is_type(value, json_type_string))
		return (struct slice){0};
	return (struct slice){json_object_get_string(value),
			      (size_t)json_object_get_string_len(value)};
}

struct slice json_text(struct json_object *object, const char *name)
{
	return json_string(json_member(object, name));
}

struct slice json_any_name(const struct json_place *place)
{
	static const char *const names[] = {"family",	       "signature", "malware",	   "name",
					    "meaningful_name", "file_name", "filename",	   "path",
					    "module",	       "sha256",    "sha256_hash", "md5"};
	for (; place; place = place->up)
		for (size_t i = 0; i < array_size(names); i++) {
			struct slice name = slice_trim(json_text(place->value, names[i]));
			if (!slice_means_nothing(name))
				return name;
		}
	return (struct slice){0};
}
