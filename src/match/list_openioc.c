/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * OpenIOC 1.0 and 1.1: indicator items whose context searches an import hash, compared by "is". The
 * name is the short description of the file.
 */
#include "list_form.h"

#ifdef HAVE_EXPAT

#include <expat.h>
#include <string.h>

#include <impscan/bytes.h>

#define PIECE (1u << 20)

struct reading {
	struct list *list;
	XML_Parser parser;
	struct error *error;
	struct text name;  /* of the indicators that come next */
	struct text value; /* character data of the element that is wanted */
	bool wanted, named;
	bool excluded; /* the item is negated, or not compared by "is" */
	enum list_kind kind;
};

/* The name of an element or attribute without its namespace's prefix. */
static bool is_called(const char *name, const char *wanted)
{
	const char *colon = strrchr(name, ':');
	return !strcmp(colon ? colon + 1 : name, wanted);
}

static struct slice attribute(const char **attributes, const char *name)
{
	for (; *attributes; attributes += 2)
		if (is_called(attributes[0], name))
			return slice_of(attributes[1]);
	return (struct slice){0};
}

static void on_start(void *context, const char *name, const char **attributes)
{
	struct reading *r = context;
	if (is_called(name, "IndicatorItem")) {
		struct slice condition = attribute(attributes, "condition");
		r->excluded = (condition.length && !slice_is(condition, "is")) ||
			      slice_is(attribute(attributes, "negate"), "true");
		r->kind = KIND_NONE;
	} else if (is_called(name, "Context")) {
		struct slice search = attribute(attributes, "search");
		r->kind = slice_ends(search, "ImportHash") || slice_ends(search, "Imphash")
				  ? KIND_IMPHASH
			  : slice_ends(search, "Impfuzzy") ? KIND_IMPFUZZY
							   : KIND_NONE;
	} else if (is_called(name, "Content")) {
		r->wanted = r->kind != KIND_NONE;
		text_clear(&r->value);
	} else if (is_called(name, "short_description")) {
		r->named = true;
		text_clear(&r->name);
	}
}

static void on_end(void *context, const char *name)
{
	struct reading *r = context;
	if (is_called(name, "short_description"))
		r->named = false;
	if (!is_called(name, "Content") || !r->wanted)
		return;
	r->wanted = false;
	r->list->line = XML_GetCurrentLineNumber(r->parser);
	if (r->excluded) {
		r->kind = KIND_NONE;
		list_leave(r->list, LIST_LEFT_EXCLUDED);
		return;
	}
	struct slice value = {r->value.data, r->value.length};
	struct list_sample sample = {
		.imphash = r->kind == KIND_IMPHASH ? value : (struct slice){0},
		.impfuzzy = r->kind == KIND_IMPFUZZY ? value : (struct slice){0},
		.name = slice_trim((struct slice){r->name.data, r->name.length}),
	};
	/* It says nothing of what stands behind, should a part be missing. */
	r->kind = KIND_NONE;
	r->error = list_take(r->list, &sample);
	if (r->error)
		XML_StopParser(r->parser, XML_FALSE);
}

static void on_text(void *context, const char *text, int length)
{
	struct reading *r = context;
	if (r->wanted)
		text_add(&r->value, text, (size_t)length);
	else if (r->named)
		text_add(&r->name, text, (size_t)length);
}

/* Entities can make few bytes many; no exporter of OpenIOC has any. */
static void on_doctype(void *context, const char *name, const char *system, const char *public_,
		       int internal)
{
	struct reading *r = context;
	(void)name, (void)system, (void)public_;
	if (!internal)
		return;
	r->error = error_new("%s: XML with entities of its own is not read", r->list->label);
	XML_StopParser(r->parser, XML_FALSE);
}

static struct error *parse(struct reading *r, struct slice text)
{
	for (;;) {
		size_t n = min_of(text.length, (size_t)PIECE);
		struct slice piece = {text.at, n};
		text = slice_from(text, n);
		if (XML_Parse(r->parser, piece.at, (int)n, !text.length) == XML_STATUS_ERROR) {
			if (r->error)
				return r->error;
			r->list->line = XML_GetCurrentLineNumber(r->parser);
			list_unread(r->list, "this is no XML: %s",
				    XML_ErrorString(XML_GetErrorCode(r->parser)));
			return NULL;
		}
		if (!text.length)
			return NULL;
	}
}

struct error *list_read_openioc(struct list *list)
{
	struct reading r = {.list = list};
	struct slice text;
	try_(list_whole(list, &text));
	/* What was UTF-16 is UTF-8 by now, whatever the declaration says. */
	r.parser = XML_ParserCreate(list->encoding == LIST_UTF8 ? NULL : "UTF-8");
	if (!r.parser)
		return error_new("%s: no memory for reading XML", list->label);
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	struct error *error = parse(&r, text);
	XML_ParserFree(r.parser);
	text_free(&r.name);
	text_free(&r.value);
	return error;
}

#else

struct error *list_read_openioc(struct list *list)
{
	return error_new("%s: this is OpenIOC, and this impscan was built without expat (Debian's "
			 "package libexpat1-dev), which reads it",
			 list->label);
}

#endif

bool list_is_openioc(struct slice head)
{
	head = slice_clean(head);
	return head.length && *head.at == '<' &&
	       (slice_find(head, "<ioc") || slice_find(head, "openioc") ||
		slice_find(head, "IndicatorItem"));
}
