/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Saved rows as json-c reads them: what saved_row_read() must agree with.
 */
#ifndef ROWS_ORACLE_H
#define ROWS_ORACLE_H

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/rows_read.h>

#define ORACLE_LEVELS 128

/* Does a text of ours equal json-c's, which has NULs where ours has C0 80? */
static inline bool oracle_same_text(const char *ours, struct json_object *theirs)
{
	const char *text = json_object_get_string(theirs);
	size_t length = (size_t)json_object_get_string_len(theirs);
	for (size_t i = 0; i < length; i++) {
		if (text[i] && *ours++ != text[i])
			return false;
		if (!text[i] && (*ours++ != '\xc0' || *ours++ != '\x80'))
			return false;
	}
	return !*ours;
}

static inline bool oracle_same_words(const struct value *ours, struct json_object *theirs)
{
	uint64_t words = 0;
	for (size_t i = 0; i < json_object_array_length(theirs); i++)
		for (size_t k = 0; k < ours->count; k++)
			if (!strcmp(ours->list[k],
				    json_object_get_string(json_object_array_get_idx(theirs, i))))
				words |= UINT64_C(1) << k;
	return words == ours->number;
}

/* Does a value that was read equal json-c's? Nothing and "" are the same. */
static inline bool oracle_same(const struct value *ours, struct json_object *theirs)
{
	if (ours->kind == VALUE_NULL)
		return !theirs ||
		       (json_object_is_type(theirs, json_type_string) &&
			!json_object_get_string_len(theirs)) ||
		       (json_object_is_type(theirs, json_type_array) &&
			!json_object_array_length(theirs)) ||
		       (json_object_is_type(theirs, json_type_int) && !json_object_get_int(theirs));
	if (!theirs) /* null is 0, or no word */
		return ours->kind != VALUE_TEXT && !ours->number;
	switch (ours->kind) {
	case VALUE_NUMBER:
		return json_object_is_type(theirs, json_type_int) &&
		       json_object_get_uint64(theirs) == ours->number;
	case VALUE_ADDRESS:
		return json_object_is_type(theirs, json_type_string) &&
		       strtoull(json_object_get_string(theirs), NULL, 16) == ours->number;
	case VALUE_SHARE: {
		double difference = json_object_get_double(theirs) - ours->share;
		return difference < 1e-9 && difference > -1e-9;
	}
	case VALUE_BOOL:
		return json_object_is_type(theirs, json_type_boolean) &&
		       json_object_get_boolean(theirs) == (int)ours->number;
	case VALUE_TEXT:
		return oracle_same_text(ours->text, theirs);
	case VALUE_LIST:
		if (!json_object_is_type(theirs, json_type_array) ||
		    json_object_array_length(theirs) != ours->count)
			return false;
		for (size_t i = 0; i < ours->count; i++)
			if (!oracle_same_text(ours->list[i], json_object_array_get_idx(theirs, i)))
				return false;
		return true;
	case VALUE_WORDS:
		return json_object_is_type(theirs, json_type_array) &&
		       oracle_same_words(ours, theirs);
	default:
		return false;
	}
}

static inline bool oracle_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A line as json-c reads it, all of it but the comma of an array; NULL: it is no JSON. */
static inline struct json_object *oracle_parse(const char *line, size_t length)
{
	while (length && oracle_blank(line[length - 1]))
		length--;
	length -= length && line[length - 1] == ',';
	struct json_tokener *tokener = json_tokener_new_ex(ORACLE_LEVELS);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	struct json_object *object = json_tokener_parse_ex(tokener, line, (int)length);
	bool done = json_tokener_get_error(tokener) == json_tokener_success;
	size_t end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	while (end < length && oracle_blank(line[end]))
		end++;
	if (done && end == length)
		return object;
	json_object_put(object);
	return NULL;
}

/*
 * What is wrong with how a line was read, in words; NULL: nothing. `length` bytes of `line`, which
 * is left as it is.
 */
static inline const char *oracle_judge(const char *line, size_t length)
{
	char *copy = malloc(length + 1), *wrong = NULL;
	struct saved_row saved = {0};
	struct text scratch = {0};
	memcpy(copy, line, length);
	enum row_line kind = saved_row_read(&saved, copy, length);
	struct json_object *object = kind == ROW_LINE_ROW ? oracle_parse(line, length) : NULL;
	if (kind == ROW_LINE_ROW && !json_object_is_type(object, json_type_object))
		wrong = "read, but json-c takes it for no object";
	for (size_t i = 0; object && !wrong && i < row_modules.count; i++) {
		const struct field *field = &row_modules.fields[i];
		struct json_object *theirs;
		if (!field->name || !json_object_object_get_ex(object, field->name, &theirs))
			continue;
		struct value ours = field_value(field, &saved.row, &scratch);
		/* Fields that have a value only beside others. */
		if (!oracle_same(&ours, theirs) && !(ours.kind == VALUE_NULL && field->when))
			wrong = (char *)field->name;
	}
	json_object_put(object);
	text_free(&scratch);
	saved_row_free(&saved);
	free(copy);
	return wrong;
}

#endif
