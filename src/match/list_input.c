/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of a list: read in large pieces, so that pipes can be read like files and memory does
 * not grow with the list; UTF-16 with a byte order mark becomes UTF-8.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "list.h"

/*
 * Pieces are at least so large, and at most; between these half of what there is memory for, so
 * that a small list takes little.
 */
#define PIECE_LEAST (32u << 10)
#define PIECE_MOST  (1u << 20)

void list_input_free(struct list *list)
{
	free(list->buffer);
	text_free(&list->raw);
	list->buffer = NULL;
}

static void make_room(struct list *list, size_t size)
{
	if (list->buffer && list->start) {
		memmove(list->buffer, list->buffer + list->start, list->end - list->start);
		list->end -= list->start;
		list->start = 0;
	}
	if (list->capacity - list->end >= size)
		return;
	list->capacity = list->capacity * 2 + size;
	list->buffer = alloc_resize(list->buffer, list->capacity, 1);
}

static uint32_t unit_at(const struct list *list, size_t at)
{
	const uint8_t *p = (const uint8_t *)list->raw.data + at;
	return list->encoding == LIST_UTF16_LE ? le16(p) : (uint32_t)p[0] << 8 | p[1];
}

static size_t put_utf8(char *to, uint32_t code)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* Converts what is whole of list->raw; an unpaired surrogate becomes U+FFFD. */
static void convert(struct list *list)
{
	size_t at = 0;
	make_room(list, list->raw.length * 2 + 4);
	while (at + 2 <= list->raw.length) {
		uint32_t code = unit_at(list, at);
		size_t size = 2;
		if (code >= 0xd800 && code < 0xdc00) {
			if (at + 4 > list->raw.length && !list->at_end)
				break;
			uint32_t low = at + 4 <= list->raw.length ? unit_at(list, at + 2) : 0;
			bool paired = low >= 0xdc00 && low < 0xe000;
			size = paired ? 4 : 2;
			code = paired ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
		} else if (code >= 0xdc00 && code < 0xe000) {
			code = 0xfffd;
		}
		list->end += put_utf8(list->buffer + list->end, code);
		at += size;
	}
	if (!at)
		return;
	memmove(list->raw.data, list->raw.data + at, list->raw.length - at);
	list->raw.length -= at;
}

static struct error *read_utf16(struct list *list)
{
	char piece[PIECE_LEAST];
	struct error *error = NULL;
	ssize_t n = list->bytes.read(list->bytes.context, piece, sizeof(piece), &error);
	if (n < 0)
		return error;
	list->at_end = n == 0;
	text_add(&list->raw, piece, (size_t)n);
	convert(list);
	return NULL;
}

/* After the first piece: is it UTF-16? */
static void find_encoding(struct list *list)
{
	if (!list->buffer)
		return;
	const char *text = list->buffer + list->start;
	size_t length = list->end - list->start;
	if (length >= 2 && !memcmp(text, "\xff\xfe", 2))
		list->encoding = LIST_UTF16_LE;
	else if (length >= 2 && !memcmp(text, "\xfe\xff", 2))
		list->encoding = LIST_UTF16_BE;
	else
		return;
	text_add(&list->raw, text + 2, length - 2);
	list->end = list->start;
	convert(list);
}

/* Reads more behind what there is. */
static struct error *fill(struct list *list)
{
	bool first = !list->buffer;
	if (list->encoding != LIST_UTF8)
		return read_utf16(list);
	size_t piece = max_of(min_of(list->capacity / 2, (size_t)PIECE_MOST), (size_t)PIECE_LEAST);
	make_room(list, first ? 2 * piece : piece);
	/* A byte order mark may come in pieces. */
	do {
		struct error *error = NULL;
		ssize_t n = list->bytes.read(list->bytes.context, list->buffer + list->end,
					     list->capacity - list->end, &error);
		if (n < 0)
			return error;
		list->end += (size_t)n;
		list->at_end = n == 0;
	} while (first && !list->at_end && list->end - list->start < 2);
	if (first)
		find_encoding(list);
	return NULL;
}

struct error *list_need(struct list *list, size_t want)
{
	while (!list->at_end && list->end - list->start < want)
		try_(fill(list));
	return NULL;
}

size_t list_newlines(struct slice s)
{
	size_t count = 0;
	const char *end = s.at + s.length, *at = s.at;
	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		count++;
		at++;
	}
	return count;
}

struct error *list_skip_line(struct list *list)
{
	for (;;) {
		struct slice rest = list_rest(list);
		const char *newline = rest.length ? memchr(rest.at, '\n', rest.length) : NULL;
		if (newline) {
			list_skip(list, (size_t)(newline + 1 - rest.at), 1);
			return NULL;
		}
		list_skip(list, rest.length, 0);
		if (list->at_end)
			return NULL;
		try_(list_need(list, 1));
	}
}

/* The next line; `*too_long` says that it is longer than LIST_LINE_MAX, and not yet taken. */
static struct error *next_line(struct list *list, struct slice *line, bool *too_long)
{
	size_t from = 0;
	*line = (struct slice){0};
	list->line = list->next_line;
	try_(list_need(list, 1));
	for (;;) {
		struct slice rest = list_rest(list);
		const char *newline = rest.length > from
					      ? memchr(rest.at + from, '\n', rest.length - from)
					      : NULL;
		size_t length = newline ? (size_t)(newline - rest.at) : rest.length;
		*too_long = length > LIST_LINE_MAX;
		if (*too_long)
			return NULL;
		if (newline || (list->at_end && length)) {
			*line = (struct slice){rest.at, length};
			list_skip(list, length + (newline != NULL), 1);
			return NULL;
		}
		if (list->at_end)
			return NULL;
		from = rest.length;
		try_(list_need(list, rest.length + 1));
	}
}

struct error *list_next_line(struct list *list, struct slice *line)
{
	bool too_long = false;
	try_(next_line(list, line, &too_long));
	return too_long ? error_new("%s:%zu: longer than %u bytes", list->label, list->line,
				    LIST_LINE_MAX)
			: NULL;
}

struct error *list_next_short_line(struct list *list, struct slice *line)
{
	bool too_long = false;
	for (;;) {
		try_(next_line(list, line, &too_long));
		if (!too_long)
			return NULL;
		list_unread(list, "longer than %u MB", LIST_LINE_MAX >> 20);
		try_(list_skip_line(list));
	}
}

struct error *list_whole(struct list *list, struct slice *text)
{
	try_(list_need(list, (size_t)LIST_DOCUMENT_MAX + 1));
	*text = list_rest(list);
	list->line = list->next_line;
	if (text->length > LIST_DOCUMENT_MAX)
		return error_new("%s: longer than %u MB, which a list of this form may have",
				 list->label, LIST_DOCUMENT_MAX >> 20);
	list_skip(list, text->length, 0);
	return NULL;
}
