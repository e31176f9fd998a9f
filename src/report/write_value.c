/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One value as text, in each of the forms.
 */
#include "report/write_value.h"

#include <string.h>

#include <impscan/bytes.h>

/* Calls `add` for each text of a list or set of words, `separator` between them. */
static void add_items(struct text *text, const struct value *value, char separator,
		      void (*add)(struct text *, const char *))
{
	bool first = true;
	for (size_t i = 0; i < value->count; i++) {
		if (value->kind == VALUE_WORDS && !(value->number >> i & 1))
			continue;
		if (!first)
			text_add_char(text, separator);
		first = false;
		add(text, value->list[i]);
	}
}

static void add_bytes(struct text *text, const struct value *value)
{
	for (size_t i = 0; i < value->count; i++)
		text_add_format(text, "%02x", value->bytes[i]);
}

void value_add_plain(struct text *text, const struct value *value, char separator,
		     void (*add)(struct text *, const char *))
{
	switch (value->kind) {
	case VALUE_NULL:
		break;
	case VALUE_NUMBER:
		text_add_number(text, value->number);
		break;
	case VALUE_ADDRESS:
		text_add_address(text, value->number);
		break;
	case VALUE_SHARE:
		text_add_format(text, "%.2f", value->share);
		break;
	case VALUE_BOOL:
		text_add_string(text, value->number ? "yes" : "no");
		break;
	case VALUE_TEXT:
		add(text, value->text);
		break;
	case VALUE_WORDS:
	case VALUE_LIST:
		add_items(text, value, separator, add);
		break;
	case VALUE_BYTES:
		add_bytes(text, value);
		break;
	}
}

/*
 * Would a spreadsheet run it as a formula? Full-width forms of the signs count in some languages. A
 * cell that begins with an apostrophe is marked as well, so that the mark can be taken away again.
 */
static bool is_formula(const char *s)
{
	static const char *const wide[] = {"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
					   "\xef\xbc\xa0"};
	if (*s && strchr("=+-@'\t\r", *s))
		return true;
	for (size_t i = 0; i < array_size(wide); i++)
		if (!strncmp(s, wide[i], strlen(wide[i])))
			return true;
	return false;
}

void value_add_csv(struct text *text, const struct value *value)
{
	_cleanup_text_ struct text plain = {0};
	bool is_text = value->kind == VALUE_TEXT || value->kind == VALUE_LIST ||
		       value->kind == VALUE_WORDS;
	value_add_plain(&plain, value, ';', text_add_escaped);
	const char *s = text_string(&plain);
	const char *mark = is_text && is_formula(s) ? "'" : "";
	if (!strpbrk(s, "\",\r\n")) {
		text_add_string(text, mark);
		text_add_string(text, s);
		return;
	}
	text_add_char(text, '"');
	text_add_string(text, mark);
	for (; *s; s++) {
		if (*s == '"')
			text_add_char(text, '"');
		text_add_char(text, *s);
	}
	text_add_char(text, '"');
}

/* A character as \uXXXX; one beyond U+FFFF as a surrogate pair. */
static void add_json_escape(struct text *text, uint32_t code)
{
	if (code >= 0x10000) {
		code -= 0x10000;
		text_add_format(text, "\\u%04x", 0xd800 + (code >> 10));
		code = 0xdc00 + (code & 0x3ff);
	}
	text_add_format(text, "\\u%04x", code);
}

void json_add_string(struct text *text, const char *s)
{
	text_add_char(text, '"');
	for (;;) {
		size_t plain = 0;
		while (s[plain] >= ' ' && s[plain] < 0x7f && s[plain] != '"' && s[plain] != '\\')
			plain++;
		text_add(text, s, plain);
		s += plain;
		if (!*s)
			break;
		uint32_t code;
		size_t length = text_utf8_next(s, &code);
		if (!length) {
			text_add_string(text, "\\ufffd");
			s++;
			continue;
		}
		if (code == '"' || code == '\\')
			text_add_format(text, "\\%c", (char)code);
		else if (text_is_control(code))
			add_json_escape(text, code);
		else
			text_add(text, s, length);
		s += length;
	}
	text_add_char(text, '"');
}

void value_add_json(struct text *text, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		text_add_string(text, "null");
		break;
	case VALUE_NUMBER:
	case VALUE_SHARE:
		value_add_plain(text, value, ' ', text_add_escaped);
		break;
	case VALUE_BOOL:
		text_add_string(text, value->number ? "true" : "false");
		break;
	case VALUE_ADDRESS:
		text_add_char(text, '"');
		text_add_address(text, value->number);
		text_add_char(text, '"');
		break;
	case VALUE_TEXT:
		json_add_string(text, value->text);
		break;
	case VALUE_WORDS:
	case VALUE_LIST:
		text_add_char(text, '[');
		add_items(text, value, ',', json_add_string);
		text_add_char(text, ']');
		break;
	case VALUE_BYTES:
		text_add_char(text, '"');
		add_bytes(text, value);
		text_add_char(text, '"');
		break;
	}
}
