/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Values of fields, whatever the kind of row.
 */
#include <impscan/fields.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

#include "rows/table.h"

void text_list_add(struct text_list *list, char *text)
{
	*array_push(list->items, list->count, list->capacity) = text;
}

void text_list_free(struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct text_list){0};
}

/* An unsigned integer of `size` bytes. */
static uint64_t number_at(const void *p, size_t size)
{
	switch (size) {
	case sizeof(uint8_t):
		return *(const uint8_t *)p;
	case sizeof(uint16_t):
		return *(const uint16_t *)p;
	case sizeof(uint32_t):
		return *(const uint32_t *)p;
	default:
		return *(const uint64_t *)p;
	}
}

static struct value number_value(const struct field *field, enum value_kind kind, const void *p)
{
	uint64_t number = number_at(p, field->size);
	if (field->zero_is_null && !number)
		return (struct value){.kind = VALUE_NULL};
	return (struct value){.kind = kind, .number = number};
}

struct value value_text(const char *text)
{
	if (!text || !*text)
		return (struct value){.kind = VALUE_NULL};
	return (struct value){.kind = VALUE_TEXT, .text = text};
}

static struct value list_value(const struct text_list *list)
{
	if (!list->count)
		return (struct value){.kind = VALUE_NULL};
	return (struct value){
		.kind = VALUE_LIST,
		.list = (const char *const *)list->items,
		.count = list->count,
	};
}

struct value field_value(const struct field *field, const void *row, struct text *scratch)
{
	const void *p = (const uint8_t *)row + field->offset;
	if (field->when && !field->when(row))
		return (struct value){.kind = VALUE_NULL};
	switch (field->kind) {
	case FIELD_NUMBER:
		return number_value(field, VALUE_NUMBER, p);
	case FIELD_ADDRESS:
		return number_value(field, VALUE_ADDRESS, p);
	case FIELD_SHARE:
		return (struct value){.kind = VALUE_SHARE, .share = *(const double *)p};
	case FIELD_BOOL:
		return (struct value){.kind = VALUE_BOOL, .number = *(const bool *)p};
	case FIELD_TEXT:
		return value_text(*(const char *const *)p);
	case FIELD_CHARS:
		return value_text(p);
	case FIELD_CHOICE:
		return value_text(field->choose((unsigned int)number_at(p, field->size)));
	case FIELD_WORDS:
		return (struct value){
			.kind = VALUE_WORDS,
			.number = *(const unsigned int *)p,
			.list = field->words,
			.count = field->word_count,
		};
	case FIELD_LIST:
		return list_value(p);
	case FIELD_BYTES:
		return (struct value){.kind = VALUE_BYTES, .bytes = p, .count = field->size};
	case FIELD_UTC:
		text_clear(scratch);
		(void)text_add_utc(scratch, *(const uint64_t *)p);
		return value_text(text_string(scratch));
	case FIELD_DERIVED:
		text_clear(scratch);
		return field->get(row, scratch);
	}
	return (struct value){.kind = VALUE_NULL};
}

struct value value_prefixed(const struct hashes *hashes, enum hash_type type, struct text *scratch)
{
	const char *hash = hash_of_type(hashes, type);
	if (*hash) {
		text_add_string(scratch, hash_type_prefix(type));
		text_add_string(scratch, hash);
	}
	return value_text(text_string(scratch));
}

size_t row_kind_columns(const struct row_kind *kind, enum field_table table,
			uint8_t order[FIELDS_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < kind->count; i++) {
		uint8_t place = kind->fields[i].places[table];
		size_t at = count;
		if (!place)
			continue;
		for (; at && kind->fields[order[at - 1]].places[table] > place; at--)
			order[at] = order[at - 1];
		order[at] = (uint8_t)i;
		count++;
	}
	return count;
}

const struct field *row_kind_field(const struct row_kind *kind, const char *name)
{
	for (size_t i = 0; i < kind->count; i++)
		if (kind->fields[i].name && !strcmp(kind->fields[i].name, name))
			return &kind->fields[i];
	return NULL;
}
