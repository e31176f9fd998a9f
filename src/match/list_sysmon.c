/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sysmon's events, in any text that has them: XML, exports of the event log, messages. Only what
 * stands behind IMPHASH= counts. The name is that of the file that the event is about, where it
 * stands before the hashes.
 */
#include <ctype.h>
#include <string.h>

#include <impscan/bytes.h>

#include "list_form.h"

static const char label[] = "IMPHASH=";

/* "imphash=..." at the start of a line is somebody's own, see list_plain.c. */
bool list_is_sysmon(struct slice head)
{
	struct slice line;
	while (slice_next_line(&head, &line)) {
		const char *at = slice_find(line, label);
		if (at && slice_clean(slice_upto(line.at, at)).length)
			return true;
	}
	return false;
}

struct error *list_take_sysmon(struct list *list, struct slice text, struct slice name,
			       size_t *count)
{
	struct slice rest = text;
	*count = 0;
	for (;;) {
		const char *at = slice_find(rest, label), *end = text.at + text.length;
		if (!at)
			return NULL;
		bool begins = at == text.at || !isalnum((unsigned char)at[-1]);
		rest = slice_upto(at + strlen(label), end);
		size_t n = 0;
		while (n < rest.length && isalnum((unsigned char)rest.at[n]))
			n++;
		struct list_sample sample = {.imphash = {rest.at, n}, .name = name};
		rest = slice_from(rest, n);
		++*count;
		if (begins && n && n < 32 && slice_hex(sample.imphash) == n)
			list_leave(list, LIST_LEFT_PARTIAL);
		else if (begins)
			try_(list_take(list, &sample));
	}
}

/* The names of what events are about, the more telling ones first. */
static const char *const subjects[] = {"ImageLoaded", "TargetFilename", "Image"};

/* What begins an event, or ends one: what stands before it is of another one. */
static const char *const bounds[] = {"UtcTime", "</Event>"};

/* What an event is about, as far as it was read. */
struct subject {
	struct text name;
	size_t rank; /* how telling the name is: its place in subjects[] */
};

static void forget(struct subject *subject)
{
	text_clear(&subject->name);
	subject->rank = array_size(subjects);
}

/* Does a field's name begin here, with the sign of its value: "Hashes: ", "Hashes="? */
static bool is_field(struct slice s, char sign)
{
	size_t n = 0;
	while (n < s.length && isalnum((unsigned char)s.at[n]))
		n++;
	if (!n || n == s.length || s.at[n] != sign)
		return false;
	return sign == '=' || n + 1 == s.length || isspace((unsigned char)s.at[n + 1]);
}

/* Blanks as loggers write them. */
static const char *const escaped[] = {"#011", "#012", "#015", "\\r", "\\n", "\\t"};

/* The length of what may stand between fields. */
static size_t between(struct slice s)
{
	size_t n = 0;
	for (;;) {
		size_t before = n;
		while (n < s.length && strchr(" \t\r\n,;|", s.at[n]) && s.at[n])
			n++;
		for (size_t i = 0; i < array_size(escaped); i++)
			if (slice_begins(slice_from(s, n), escaped[i]))
				n += strlen(escaped[i]);
		if (n == before)
			return n;
	}
}

/* May a field's name begin behind this? */
static bool may_precede(struct slice before)
{
	if (!before.length || !isalnum((unsigned char)before.at[before.length - 1]))
		return true;
	for (size_t i = 0; i < array_size(escaped); i++)
		if (slice_ends(before, escaped[i]))
			return true;
	return false;
}

/* A value: what is in quotes, or up to the field behind it. */
static struct slice value_of(struct slice rest, char sign)
{
	rest = slice_trim(rest);
	if (slice_begins(rest, "\"")) {
		const char *end = memchr(rest.at + 1, '"', rest.length - 1);
		return end ? slice_upto(rest.at + 1, end) : slice_from(rest, 1);
	}
	for (size_t i = 0, n; i < rest.length; i += n ? n : 1) {
		n = between(slice_from(rest, i));
		if (rest.at[i] == '\t' || (n && is_field(slice_from(rest, i + n), sign)))
			return (struct slice){rest.at, i};
	}
	return rest;
}

/* "Image: C:\a.exe", or "<Data Name='Image'>C:\a.exe<": what stands behind the name of a field. */
static struct slice subject_in(struct slice text, const char *subject)
{
	const char *start = text.at;
	for (const char *at; (at = slice_find(text, subject));) {
		const bool begins = may_precede(slice_upto(start, at));
		text = slice_upto(at + strlen(subject), text.at + text.length);
		if (!begins || !text.length)
			continue;
		if (slice_begins(text, "'>") || slice_begins(text, "\">")) {
			struct slice rest = slice_from(text, 2);
			const char *end = rest.length ? memchr(rest.at, '<', rest.length) : NULL;
			return end ? slice_upto(rest.at, end) : (struct slice){0};
		}
		if (*text.at == ':' || *text.at == '=')
			return value_of(slice_from(text, 1), *text.at);
	}
	return (struct slice){0};
}

/* Notes what an event is about, where its text says it. */
static void note_subject(struct subject *subject, struct slice text)
{
	for (size_t i = 0; i < array_size(bounds); i++)
		for (const char *at; (at = slice_find(text, bounds[i]));) {
			forget(subject);
			text = slice_upto(at + strlen(bounds[i]), text.at + text.length);
		}
	for (size_t i = 0; i < array_size(subjects) && i <= subject->rank; i++) {
		struct slice name = subject_in(text, subjects[i]);
		if (!name.length)
			continue;
		text_clear(&subject->name);
		text_add(&subject->name, name.at, name.length);
		subject->rank = i;
		return;
	}
}

/*
 * The next piece of the text: a line, or in a line what ends with an event, since all of a log may
 * be one line of XML. `piece->at` is NULL at the end.
 */
static struct error *next_piece(struct list *list, struct slice *piece)
{
	static const char end[] = "</Event>";
	size_t from = 0;
	*piece = (struct slice){0};
	list->line = list->next_line;
	try_(list_need(list, 1));
	for (;;) {
		struct slice rest = list_rest(list), fresh = slice_from(rest, from);
		const char *newline = fresh.length ? memchr(fresh.at, '\n', fresh.length) : NULL;
		size_t length = newline ? (size_t)(newline - rest.at) : rest.length;
		const char *event = slice_find((struct slice){fresh.at, length - from}, end);
		if (event)
			length = (size_t)(event - rest.at) + sizeof(end) - 1;
		if (event || newline || (list->at_end && length)) {
			*piece = (struct slice){rest.at, length};
			list_skip(list, length + (!event && newline), !event);
			return NULL;
		}
		if (list->at_end)
			return NULL;
		if (length > LIST_LINE_MAX) {
			list_unread(list, "longer than %u MB", LIST_LINE_MAX >> 20);
			try_(list_skip_line(list));
			list->line = list->next_line;
			from = 0;
		} else {
			from = length - min_of(length, sizeof(end));
		}
		try_(list_need(list, list_rest(list).length + 1));
	}
}

static struct error *take_piece(struct list *list, struct slice piece, struct subject *subject)
{
	for (const char *at; (at = slice_find(piece, label));) {
		const char *end = piece.at + piece.length;
		size_t count;
		note_subject(subject, slice_upto(piece.at, at));
		struct slice hash = slice_upto(at > piece.at ? at - 1 : at, end);
		size_t n = (size_t)(at - hash.at) + strlen(label);
		while (n < hash.length && isalnum((unsigned char)hash.at[n]))
			n++;
		hash.length = n;
		const struct slice name = {subject->name.data, subject->name.length};
		try_(list_take_sysmon(list, hash, name, &count));
		forget(subject);
		piece = slice_upto(hash.at + n, end);
	}
	note_subject(subject, piece);
	return NULL;
}

struct error *list_read_sysmon(struct list *list)
{
	struct subject subject = {.rank = array_size(subjects)};
	struct error *error = NULL;
	for (;;) {
		struct slice piece;
		error = next_piece(list, &piece);
		if (error || !piece.at)
			break;
		error = take_piece(list, piece, &subject);
		if (error)
			break;
	}
	text_free(&subject.name);
	return error;
}
