/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of modules as values: copies of them.
 */
#include <impscan/rows.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/module.h>

/* All tables that have members of struct row; together they name every text in it but `others`. */
static const struct row_kind *const kinds[] = {&row_modules, &row_dumps};

/* The text that a field of kind FIELD_TEXT has in a row. */
static const char **text_of(const struct field *field, struct row *row)
{
	return (const char **)((uint8_t *)row + field->offset);
}

/* Copies the texts of a kind's fields behind each other to `end`; NULL: only counts their bytes. */
static size_t copy_texts(const struct row_kind *kind, struct row *from, struct row *to, char *end)
{
	size_t size = 0;
	for (size_t i = 0; i < kind->count; i++) {
		const struct field *field = &kind->fields[i];
		const char *text = field->kind == FIELD_TEXT ? *text_of(field, from) : NULL;
		if (!text)
			continue;
		size_t length = strlen(text) + 1;
		if (end)
			*text_of(field, to) = memcpy(end + size, text, length);
		size += length;
	}
	return size;
}

struct row *row_copy(const struct row *row)
{
	struct row from = *row;
	size_t size = sizeof(from);
	for (size_t i = 0; i < array_size(kinds); i++)
		size += copy_texts(kinds[i], &from, NULL, NULL);
	size += row->others ? strlen(row->others) + 1 : 0;
	struct row *copy = alloc_zero(1, size);
	char *end = (char *)(copy + 1);
	*copy = from;
	for (size_t i = 0; i < array_size(kinds); i++)
		end += copy_texts(kinds[i], &from, copy, end);
	if (row->others)
		copy->others = strcpy(end, row->others);
	return copy;
}

void row_free(struct row *row)
{
	free(row);
}

bool row_injected(const struct row *row)
{
	return row->found_in == FOUND_PRIVATE;
}
