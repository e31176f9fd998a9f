/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of modules as values: copies of them.
 */
#include <impscan/rows.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* All tables that have members of struct row; together they name every text in it but `others`. */
static const struct row_kind *const kinds[] = {&row_modules, &row_dumps};

/* The text that a field of kind FIELD_TEXT has in a row. */
static const char **text_of(const struct field *field, struct row *row)
{
	return (const char **)((uint8_t *)row + field->offset);
}

/* The list that one of kind FIELD_LIST has. */
static struct text_list *list_of(const struct field *field, struct row *row)
{
	return (struct text_list *)((uint8_t *)row + field->offset);
}

/* What is copied behind the copy of a row. */
struct copy {
	struct row *from;
	struct row *to; /* NULL: bytes are only counted */
	char *end;	/* behind the copy */
	size_t size;
};

static void *copy_bytes(struct copy *copy, const void *bytes, size_t length)
{
	void *at = copy->to ? memcpy(copy->end + copy->size, bytes, length) : NULL;
	copy->size += length;
	return at;
}

static char *copy_text(struct copy *copy, const char *text)
{
	return copy_bytes(copy, text, strlen(text) + 1);
}

/* The pointers of a kind's lists; their texts stay where they are. */
static void copy_lists(const struct row_kind *kind, struct copy *copy)
{
	for (size_t i = 0; i < kind->count; i++) {
		const struct field *field = &kind->fields[i];
		if (field->kind != FIELD_LIST || !list_of(field, copy->from)->count)
			continue;
		const struct text_list *list = list_of(field, copy->from);
		char **items = copy_bytes(copy, list->items, list->count * sizeof(*list->items));
		if (items)
			list_of(field, copy->to)->items = items;
	}
}

/* The texts of a kind's fields, and of its lists, which were copied before. */
static void copy_texts(const struct row_kind *kind, struct copy *copy)
{
	for (size_t i = 0; i < kind->count; i++) {
		const struct field *field = &kind->fields[i];
		if (field->kind == FIELD_TEXT && *text_of(field, copy->from)) {
			const char *text = copy_text(copy, *text_of(field, copy->from));
			if (text)
				*text_of(field, copy->to) = text;
		} else if (field->kind == FIELD_LIST) {
			const struct text_list *list = list_of(field, copy->from);
			for (size_t n = 0; n < list->count; n++) {
				char *text = copy_text(copy, list->items[n]);
				if (text)
					list_of(field, copy->to)->items[n] = text;
			}
		}
	}
}

/* Pointers come first, so that they are aligned. */
static void copy_all(struct copy *copy)
{
	for (size_t i = 0; i < array_size(kinds); i++)
		copy_lists(kinds[i], copy);
	for (size_t i = 0; i < array_size(kinds); i++)
		copy_texts(kinds[i], copy);
	const char *others = copy->from->others ? copy_text(copy, copy->from->others) : NULL;
	if (others)
		copy->to->others = others;
}

struct row *row_copy(const struct row *row)
{
	struct row from = *row;
	struct copy count = {.from = &from};
	copy_all(&count);
	struct row *to = alloc_zero(1, sizeof(from) + count.size);
	*to = from;
	copy_all(&(struct copy){.from = &from, .to = to, .end = (char *)(to + 1)});
	return to;
}

void row_free(struct row *row)
{
	free(row);
}
