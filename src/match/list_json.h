/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: lists in JSON. list_json.c reads documents and walks them; what is special
 * to an origin is a struct json_origin of its own.
 */
#ifndef IMPSCAN_MATCH_LIST_JSON_H
#define IMPSCAN_MATCH_LIST_JSON_H

#include <json-c/json.h>

#include "list.h"

/* What an origin remembers of a document; all zero to begin with. */
struct json_memory {
	void *data;
	void (*free)(void *data); /* called where there is data, before the document goes */
};

/* An object or array of a document, with those that it is in. */
struct json_place {
	const struct json_place *up; /* NULL: the document */
	struct json_object *value;
	struct json_memory *memory; /* one for the whole document */
};

/* Where JSON comes from. */
struct json_origin {
	const char *title;
	/* Is the document from there? NULL: any. */
	bool (*is)(struct json_object *document);
	/* The name that hashes at a place have; empty: as for any JSON. NULL: always. */
	struct slice (*name)(const struct json_place *place);
	/*
	 * Takes what only this origin says by an object. Sets `*done` where nothing else of it is
	 * to be looked at. NULL: nothing.
	 */
	struct error *(*object)(struct list *list, const struct json_place *place, bool *done);
};

extern const struct json_origin json_misp;	 /* list_misp_json.c */
extern const struct json_origin json_stix;	 /* list_stix.c */
extern const struct json_origin json_virustotal; /* list_virustotal.c */
extern const struct json_origin json_cape;	 /* list_cape.c */
extern const struct json_origin json_own;	 /* list_own_json.c */

/* A member of an object: NULL where it is no object or has none of that name. */
struct json_object *json_member(struct json_object *object, const char *name);

/* The text of a member, empty where it is no text. Lives as long as the document. */
struct slice json_text(struct json_object *object, const char *name);
struct slice json_string(struct json_object *value);

/* The name that any JSON gives to what is at a place, by the members of it and what it is in. */
struct slice json_any_name(const struct json_place *place);

#endif
