/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MISP's attributes. The types imphash and impfuzzy are what they say, alone and behind
 * "filename|". MISP's free-text import types imphashes as md5: such an attribute is taken only
 * where its comment says what it is.
 */
#include "list_misp.h"

#include <string.h>

#define MISP_OWN_INFO "impscan: modules in memory" /* report/misp.c */

/* The name that a match has: the event, or else the comment, or what the object is of. */
static struct slice name_of(const struct misp_attribute *attribute, struct slice file)
{
	/* Events that impscan writes are of all modules: each has its own name. */
	bool own = slice_begins(attribute->event, MISP_OWN_INFO);
	if (own && slice_trim(attribute->sibling).length)
		return slice_trim(attribute->sibling);
	const struct slice names[] = {attribute->event, attribute->comment, attribute->sibling,
				      file};
	for (size_t i = 0; i < 4; i++)
		if (slice_trim(names[i]).length)
			return slice_trim(names[i]);
	return (struct slice){0};
}

static bool says_imphash(struct slice comment)
{
	return slice_find(comment, "imphash") || slice_find(comment, "import hash");
}

static const char composite[] = "filename|";

static enum list_kind kind_of(const struct misp_attribute *attribute)
{
	bool two = slice_begins(attribute->type, composite);
	enum list_kind kind = list_kind_of(two ? slice_from(attribute->type, strlen(composite))
					       : attribute->type);
	return kind == KIND_MD5 && says_imphash(attribute->comment) ? KIND_IMPHASH : kind;
}

bool misp_is_hash(const struct misp_attribute *attribute)
{
	return kind_is_ours(kind_of(attribute));
}

struct error *misp_take(struct list *list, const struct misp_attribute *attribute)
{
	struct slice value = attribute->value, file = {0};
	if (slice_begins(attribute->type, composite)) {
		const char *bar = value.length ? memchr(value.at, '|', value.length) : NULL;
		if (!bar)
			return NULL;
		file = slice_upto(value.at, bar);
		value = slice_upto(bar + 1, value.at + value.length);
	}
	enum list_kind kind = kind_of(attribute);
	if (kind == KIND_MD5 || kind == KIND_FILE)
		list_leave(list, LIST_LEFT_FILE_HASH);
	if (!kind_is_ours(kind))
		return NULL;
	list->report->not_for_detection += attribute->not_for_detection;
	struct slice name = name_of(attribute, file);
	struct list_sample sample = {
		.impfuzzy = attribute->impfuzzy,
		.name = name,
		.comment = name.at == slice_trim(attribute->comment).at
				   ? (struct slice){0}
				   : slice_trim(attribute->comment),
	};
	sample.of[kind_text(kind)] = value;
	if (!sample.comment.length)
		sample.comment = attribute->sibling.length ? attribute->sibling : file;
	if (sample.comment.at == sample.name.at)
		sample.comment.length = 0;
	return list_take(list, &sample);
}
