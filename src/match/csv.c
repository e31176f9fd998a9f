/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records of comma-separated values, as RFC 4180 has them: fields in double quotes may hold commas,
 * newlines and doubled quotes. A quote inside an unquoted field is an ordinary character; what
 * follows a closing quote up to the comma belongs to the field.
 */
#include "csv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

bool csv_record_end(const char *text, size_t length, size_t *end, bool *open)
{
	bool quoted = false, field_starts = true;
	*open = false;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		if (quoted) {
			if (c == '"' && i + 1 < length && text[i + 1] == '"')
				i++;
			else if (c == '"')
				quoted = false;
			continue;
		}
		if (c == '\n') {
			*end = i;
			return true;
		}
		if (c == '"' && field_starts)
			quoted = true;
		field_starts = c == ',';
	}
	*open = quoted;
	return false;
}

/* A quoted field, whose first quote is at `*i`, added to `out`; `*i` is left at the comma. */
static void unquote_field(struct text *out, const char *text, size_t length, size_t *i)
{
	bool quoted = true;
	for (++*i; *i < length; ++*i) {
		char c = text[*i];
		if (!quoted && c == ',')
			return;
		if (quoted && c == '"') {
			if (*i + 1 < length && text[*i + 1] == '"')
				++*i;
			else {
				quoted = false;
				continue;
			}
		}
		text_add_char(out, c);
	}
}

static void add_field(struct csv_row *row, const char *at, size_t length)
{
	*array_push(row->fields, row->count, row->capacity) = (struct slice){at, length};
}

void csv_split(struct csv_row *row, const char *text, size_t length)
{
	row->count = 0;
	text_clear(&row->unquoted);
	if (length && text[length - 1] == '\r')
		length--;
	/* Unquoted text is never longer than the record: it stays where it is while it grows. */
	if (row->unquoted.capacity < length + 1) {
		row->unquoted.data = alloc_resize(row->unquoted.data, length + 1, 1);
		row->unquoted.capacity = length + 1;
	}
	for (size_t i = 0;; i++) {
		if (i < length && text[i] == '"') {
			size_t start = row->unquoted.length;
			unquote_field(&row->unquoted, text, length, &i);
			add_field(row, row->unquoted.data + start, row->unquoted.length - start);
		} else {
			const char *comma = length > i ? memchr(text + i, ',', length - i) : NULL;
			size_t end = comma ? (size_t)(comma - text) : length;
			add_field(row, text + i, end - i);
			i = end;
		}
		if (i >= length)
			return;
	}
}

struct slice csv_unmarked(struct slice cell)
{
	static const char *const signs[] = {
		"=",	       "+", "-", "@", "'", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
		"\xef\xbc\xa0"};
	for (size_t i = 0; i < array_size(signs) && cell.length && *cell.at == '\''; i++) {
		size_t n = strlen(signs[i]);
		if (cell.length > n && !memcmp(cell.at + 1, signs[i], n))
			return (struct slice){cell.at + 1, cell.length - 1};
	}
	return cell;
}

void csv_row_free(struct csv_row *row)
{
	free(row->fields);
	text_free(&row->unquoted);
	*row = (struct csv_row){0};
}
