/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading rows of modules from JSON lines, by the same table that they are written by.
 */
#include <impscan/rows_read.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "rows/json_line.h"

void saved_row_free(struct saved_row *saved)
{
	text_free(&saved->others);
	free(saved->texts.items);
	*saved = (struct saved_row){0};
}

static void *member_of(struct row *row, const struct field *field)
{
	return (uint8_t *)row + field->offset;
}

/* Stores a number; false where the member can't hold it. */
static bool put_number(void *p, size_t size, uint64_t number)
{
	if (size < sizeof(number) && number >> (8 * size))
		return false;
	switch (size) {
	case sizeof(uint8_t):
		*(uint8_t *)p = (uint8_t)number;
		return true;
	case sizeof(uint16_t):
		*(uint16_t *)p = (uint16_t)number;
		return true;
	case sizeof(uint32_t):
		*(uint32_t *)p = (uint32_t)number;
		return true;
	default:
		*(uint64_t *)p = number;
		return true;
	}
}

static bool read_number(struct json_line *json, uint64_t *number)
{
	const char *text;
	json_next(json);
	if (!json_number(json, &text))
		return false;
	*number = 0;
	for (; text < json->at; text++) {
		if (*text < '0' || *text > '9' ||
		    __builtin_mul_overflow(*number, (uint64_t)10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(*text - '0'), number))
			return false;
	}
	return true;
}

/* "0x7ffd1000" */
static bool read_address(struct json_line *json, uint64_t *address)
{
	char *text;
	size_t length;
	if (!json_string_in_place(json, &text, &length) || length < 3 || length > 18 ||
	    text[0] != '0' || text[1] != 'x')
		return false;
	*address = 0;
	for (size_t i = 2; i < length; i++) {
		char c = text[i];
		unsigned int digit = c >= '0' && c <= '9'   ? (unsigned int)(c - '0')
				     : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a' + 10)
							    : 16;
		if (digit > 15)
			return false;
		*address = *address << 4 | digit;
	}
	return true;
}

/* A share as it is written: a number from 0 to 1. */
static bool read_share(struct json_line *json, double *share)
{
	const char *text;
	double scale = 1;
	bool point = false;
	json_next(json);
	if (!json_number(json, &text))
		return false;
	*share = 0;
	for (; text < json->at; text++) {
		if (*text == '.') {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9')
			return false;
		*share = *share * 10 + (*text - '0');
		scale *= point ? 10 : 1;
	}
	*share /= scale;
	return *share <= 1;
}

static bool read_utc(struct json_line *json, uint64_t *filetime)
{
	char *text;
	size_t length;
	return json_string_in_place(json, &text, &length) && text_utc(text, filetime);
}

/* A hash: digits of base 16 or 64, in parts, so that none has what a terminal or a file would obey. */
static bool read_hash(struct json_line *json, char *chars, size_t size)
{
	char *text;
	size_t length;
	if (!json_string_in_place(json, &text, &length) || length >= size)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    c != ':' && c != '+' && c != '/')
			return false;
	}
	memcpy(chars, text, length + 1);
	return true;
}

static bool read_choice(struct json_line *json, const struct field *field, void *p)
{
	char *text;
	size_t length;
	if (!json_string_in_place(json, &text, &length))
		return false;
	for (unsigned int i = 0; i < field->word_count; i++) {
		const char *name = field->choose(i);
		if (name && !strcmp(name, text))
			return put_number(p, field->size, i);
	}
	return false;
}

/* A set of words. Those that are not known, of a later version, are left out; `*more`: some were. */
static bool read_words(struct json_line *json, const struct field *field, unsigned int *words,
		       bool *more)
{
	if (!json_take(json, '['))
		return false;
	*words = 0;
	if (json_take(json, ']'))
		return true;
	do {
		const char *text;
		size_t length;
		if (!json_string_raw(json, &text, &length))
			return false;
		size_t i = 0;
		while (i < field->word_count && (strlen(field->words[i]) != length ||
						 memcmp(field->words[i], text, length) != 0))
			i++;
		*words |= i < field->word_count ? 1u << i : 0;
		*more |= i == field->word_count;
	} while (json_take(json, ','));
	return json_take(json, ']');
}

/* A list of texts, which stay in the line; only rebuilt_others is one. */
static bool read_list(struct json_line *json, struct saved_row *saved, struct text_list *list)
{
	struct text_list *texts = &saved->texts;
	texts->count = 0;
	if (!json_take(json, '['))
		return false;
	if (json_take(json, ']'))
		return true;
	do {
		char *text;
		size_t length;
		if (!json_string_in_place(json, &text, &length))
			return false;
		*array_push(texts->items, texts->count, texts->capacity) = text;
	} while (json_take(json, ','));
	*list = *texts;
	return json_take(json, ']');
}

static bool read_bool(struct json_line *json, bool *value)
{
	*value = json_word(json, "true");
	return *value || json_word(json, "false");
}

/* Reads a value that is not null into the row. */
static bool read_value(struct json_line *json, const struct field *field, struct saved_row *saved)
{
	void *p = member_of(&saved->row, field);
	uint64_t number;
	size_t length;
	switch (field->kind) {
	case FIELD_NUMBER:
		return read_number(json, &number) && put_number(p, field->size, number);
	case FIELD_ADDRESS:
		return read_address(json, &number) && put_number(p, field->size, number);
	case FIELD_SHARE:
		return read_share(json, p);
	case FIELD_BOOL:
		return read_bool(json, p);
	case FIELD_TEXT:
		return json_string_in_place(json, p, &length);
	case FIELD_CHARS:
		return read_hash(json, p, field->size); /* rows have no others */
	case FIELD_CHOICE:
		return read_choice(json, field, p);
	case FIELD_WORDS:
		return read_words(json, field, p, &saved->row.more_flags);
	case FIELD_UTC:
		return read_utc(json, p);
	case FIELD_LIST:
		return read_list(json, saved, p);
	case FIELD_BYTES: /* rows of modules have none */
	case FIELD_DERIVED:
		break;
	}
	return json_pass(json);
}

/* The value that a field has where it is null or missing. */
static void clear_value(const struct field *field, struct row *row)
{
	if (field->kind == FIELD_CHARS)
		*(char *)member_of(row, field) = '\0';
	else if (field->kind != FIELD_DERIVED)
		memset(member_of(row, field), 0, field->size);
}

/* The field of this name; `*next` is where it is when members come in the order of the table. */
static const struct field *find_field(const char *name, size_t length, size_t *next)
{
	const struct field *fields = row_modules.fields;
	for (size_t n = 0; n < row_modules.count; n++) {
		size_t i =
			*next + n < row_modules.count ? *next + n : *next + n - row_modules.count;
		if (!fields[i].name || strncmp(fields[i].name, name, length) != 0 ||
		    fields[i].name[length])
			continue;
		*next = i + 1 < row_modules.count ? i + 1 : 0;
		return &fields[i];
	}
	return NULL;
}

/* What members say that are not in the table themselves. */
static void conclude(const struct field *field, struct row *row, bool null)
{
	if (field->offset == offsetof(struct row, typerefs))
		row->dotnet = !null;
	else if (field->offset == offsetof(struct row, go_functions))
		row->go = !null;
	else if (field->offset == offsetof(struct row, match.same_hash))
		row->match.counted = !null;
}

/* Which members a line has that tell what it is, be they null or not. */
struct told {
	bool impscan;  /* it is a description */
	bool pid;      /* it is a row */
	bool found_in; /* ... of a module */
};

/* A member that is no field: kept as it is written. */
static bool keep_other(struct json_line *json, struct saved_row *saved, const char *name,
		       struct told *told)
{
	static const char version[] = "\"impscan\"", failure[] = "\"error\"";
	struct json_line value = *json;
	told->impscan |= !strncmp(name, version, sizeof(version) - 1);
	if (!strncmp(name, failure, sizeof(failure) - 1) && json_next(&value) == '"')
		(void)json_string_raw(&value, &saved->failure, &saved->failure_length);
	if (!json_pass(json))
		return false;
	text_add_char(&saved->others, ',');
	text_add(&saved->others, name, (size_t)(json->at - name));
	return true;
}

static bool read_member(struct json_line *json, struct saved_row *saved, size_t *next,
			struct told *told)
{
	const char *name, *start;
	size_t length;
	json_next(json);
	start = json->at;
	if (!json_string_raw(json, &name, &length) || !json_take(json, ':'))
		return false;
	const struct field *field = find_field(name, length, next);
	if (!field)
		return keep_other(json, saved, start, told);
	bool null = json_next(json) == 'n';
	told->pid |= field->offset == offsetof(struct row, pid) && !null;
	told->found_in |= field->offset == offsetof(struct row, found_in);
	clear_value(field, &saved->row);
	if (null ? !json_word(json, "null") : !read_value(json, field, saved)) {
		saved->wrong = field->name;
		return false;
	}
	conclude(field, &saved->row, null);
	return true;
}

static bool read_object(struct json_line *json, struct saved_row *saved, struct told *told)
{
	size_t next = 0;
	if (!json_take(json, '{'))
		return false;
	if (json_take(json, '}'))
		return true;
	do {
		if (!read_member(json, saved, &next, told))
			return false;
	} while (json_take(json, ','));
	return json_take(json, '}');
}

/* Does nothing, or the comma of an array (-o json), stand behind the object? */
static bool at_end(struct json_line *json)
{
	(void)json_take(json, ',');
	return !json_next(json) && json->at == json->end;
}

/* A line without an object: an empty one, or the beginning or end of an array. */
static bool has_no_object(struct json_line json)
{
	char first = json_next(&json);
	if (!first && json.at == json.end)
		return true;
	json.at++;
	return (first == '[' || first == ']') && at_end(&json);
}

enum row_line saved_row_read(struct saved_row *saved, char *line, size_t length)
{
	struct json_line json = {line, line + length};
	struct told told = {0};
	struct row *row = &saved->row;
	text_clear(&saved->others);
	*row = (struct row){.process = "", .module = "", .path = ""};
	saved->wrong = saved->failure = NULL;
	if (has_no_object(json))
		return ROW_LINE_OTHER;
	bool read = read_object(&json, saved, &told) && at_end(&json);
	if (!read)
		return ROW_LINE_DAMAGED;
	if (!told.pid || !told.found_in)
		return told.impscan && !told.pid ? ROW_LINE_DESCRIPTION : ROW_LINE_NO_MODULE;
	/* As a scan has them, whose rows always have these. */
	row->process = row->process ? row->process : "";
	row->module = row->module ? row->module : "";
	row->path = row->path ? row->path : "";
	row->others = saved->others.length ? text_string(&saved->others) : NULL;
	return ROW_LINE_ROW;
}
