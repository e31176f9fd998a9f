/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What impscan itself writes as JSON and JSON lines: modules, samples, the index of dumped modules.
 * A rebuilt list is a sample of its own.
 */
#include "list_json.h"

static bool has(struct json_object *object, const char *name)
{
	return json_object_is_type(object, json_type_object) &&
	       json_object_object_get_ex(object, name, NULL);
}

static bool is_own(struct json_object *document)
{
	if (json_object_is_type(document, json_type_array) && json_object_array_length(document))
		document = json_object_array_get_idx(document, 0);
	/* A listing may begin with what --describe tells of its image, which has no hash. */
	return (has(document, "impscan") && has(document, "rows")) ||
	       (has(document, "imphash") && has(document, "impfuzzy") && has(document, "status"));
}

static struct slice name(const struct json_place *place)
{
	struct slice path = json_text(place->value, "path");
	return path.length ? path : json_text(place->value, "module");
}

static struct error *take(struct list *list, const struct json_place *place, bool *done)
{
	_cleanup_text_ struct text rebuilt = {0};
	struct list_sample sample = {
		.imphash = json_text(place->value, "rebuilt_imphash"),
		.impfuzzy = json_text(place->value, "rebuilt_impfuzzy"),
		.impset = json_text(place->value, "rebuilt_impset"),
	};
	struct slice module = name(place);
	(void)done;
	if (!sample.imphash.length && !sample.impfuzzy.length && !sample.impset.length)
		return NULL;
	text_add(&rebuilt, module.at, module.length);
	text_add_string(&rebuilt, " (rebuilt)");
	sample.name = (struct slice){rebuilt.data, rebuilt.length};
	return list_take(list, &sample);
}

const struct json_origin json_own = {"impscan JSON", is_own, name, take};
