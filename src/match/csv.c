/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records of separated values, as RFC 4180 has them with commas. Made for lists of a million rows:
 * a record is looked at once, and fields stay where they are.
 */
#include "csv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

static void add_field(struct csv_row *row, const char *at, size_t length)
{
	*array_push(row->fields, row->count, row->capacity) = (struct slice){at, length};
}

/*
 * The field whose opening quote is before `at`: moves `*at` behind the closing one. False when it
 * is not closed.
 */
static bool take_quoted(struct csv_row *row, const char **at, const char *end)
{
	const char *start = *at;
	size_t before = row->unquoted.length;
	for (;;) {
		const char *quote = memchr(*at, '"', (size_t)(end - *at));
		if (!quote)
			return false;
		if (quote + 1 == end || quote[1] != '"') {
			*at = quote + 1;
			if (row->unquoted.length > before) {
				text_add(&row->unquoted, start, (size_t)(quote - start));
				add_field(row, row->unquoted.data + before,
					  row->unquoted.length - before);
			} else {
				add_field(row, start, (size_t)(quote - start));
			}
			return true;
		}
		/* What is unquoted is never longer than the text: it stays where it is. */
		if (row->unquoted.capacity < (size_t)(end - start) + row->unquoted.length + 1) {
			if (before)
				return false;
			row->unquoted.capacity = (size_t)(end - start) + 1;
			row->unquoted.data =
				alloc_resize(row->unquoted.data, row->unquoted.capacity, 1);
		}
		text_add(&row->unquoted, start, (size_t)(quote + 1 - start));
		start = *at = quote + 2;
	}
}

static const char *skip_blanks(const char *at, const char *end, char separator)
{
	while (at < end && (*at == ' ' || (*at == '\t' && separator != '\t') || *at == '\r'))
		at++;
	return at;
}

static enum csv_result bad(struct slice text, size_t *used)
{
	const char *newline = memchr(text.at, '\n', text.length);
	*used = newline ? (size_t)(newline + 1 - text.at) : text.length;
	return CSV_BAD;
}

enum csv_result csv_record(struct csv_row *row, struct slice text, char separator, bool at_end,
			   size_t *used)
{
	const char *at = text.at, *end = text.at + text.length;
	row->count = 0;
	text_clear(&row->unquoted);
	for (;;) {
		const char *start = at, *quote = skip_blanks(at, end, separator);
		if (quote < end && *quote == '"') {
			at = quote + 1;
			if (!take_quoted(row, &at, end))
				return CSV_OPEN;
			at = skip_blanks(at, end, separator);
			if (at < end && *at != separator && *at != '\n')
				return bad(text, used);
		} else {
			while (at < end && *at != separator && *at != '\n')
				at++;
			size_t length = (size_t)(at - start);
			if (length && (at == end || *at == '\n') && at[-1] == '\r')
				length--;
			add_field(row, start, length);
		}
		if (at == end && !at_end)
			return CSV_MORE;
		if (at == end || *at == '\n')
			break;
		at++;
	}
	*used = (size_t)(at - text.at) + (at < end);
	return CSV_RECORD;
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
