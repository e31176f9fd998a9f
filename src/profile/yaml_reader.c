/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a YAML text event by event with libyaml.
 */
#include "yaml_reader.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/text.h>

/*
 * A directive %TAG, at the start of what may be a line for libyaml, which compares each with all
 * others before there is an event; NULL: there is none.
 */
static const char *find_tag_directive(const char *text, size_t length)
{
	static const char directive[] = "%TAG", breaks[] = "\n\r\x85\xa8\xa9\xbf";
	const char *end = text + length;
	for (const char *at = text; (at = memmem(at, (size_t)(end - at), directive, 4)); at++)
		if (at == text || memchr(breaks, at[-1], sizeof(breaks) - 1))
			return at;
	return NULL;
}

/* The place of a byte, where libyaml gives no line. */
static yaml_mark_t mark_of_offset(const struct reader *reader, size_t offset)
{
	yaml_mark_t mark = {.index = offset};
	for (size_t i = 0; i < min_of(offset, reader->length); i++) {
		mark.column++;
		if (reader->text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		}
	}
	return mark;
}

struct error *reader_open(struct reader *reader, const char *text, size_t length,
			  const char *origin)
{
	*reader = (struct reader){.origin = origin, .text = text, .length = length};
	if (!yaml_parser_initialize(&reader->yaml))
		return error_new("%s: the YAML parser doesn't start", origin);
	const char *tag = length ? find_tag_directive(text, length) : NULL;
	if (tag)
		return reader_error(reader, mark_of_offset(reader, (size_t)(tag - text)),
				    "tags have no use in a profile");
	yaml_parser_set_encoding(&reader->yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader->yaml, (const unsigned char *)text, length);
	return NULL;
}

void reader_close(struct reader *reader)
{
	yaml_event_delete(&reader->event);
	yaml_parser_delete(&reader->yaml);
}

struct error *reader_error(const struct reader *reader, yaml_mark_t mark, const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list args;
	va_start(args, format);
	int length = vasprintf(&what, format, args);
	va_end(args);
	if (length < 0)
		what = NULL;
	return error_new("%s:%zu:%zu: %s", reader->origin, mark.line + 1, mark.column + 1,
			 what ? what : format);
}

struct error *reader_next(struct reader *reader)
{
	yaml_event_delete(&reader->event);
	if (yaml_parser_parse(&reader->yaml, &reader->event))
		return NULL;
	const yaml_parser_t *yaml = &reader->yaml;
	yaml_mark_t mark = yaml->problem_mark;
	if (yaml->error == YAML_READER_ERROR)
		mark = mark_of_offset(reader, yaml->problem_offset);
	return reader_error(reader, mark, "%s", yaml->problem ? yaml->problem : "not YAML");
}

char *reader_shown(const struct reader *reader)
{
	const yaml_event_t *event = &reader->event;
	static const size_t limit = 60;
	_cleanup_text_ struct text text = {0};
	text_add_char(&text, '\'');
	_cleanup_free_ char *value = alloc_strndup((const char *)event->data.scalar.value,
						   min_of(event->data.scalar.length, limit));
	text_add_string(&text, value);
	text_add_string(&text, event->data.scalar.length > limit ? "...'" : "'");
	return alloc_strdup(text_string(&text));
}

static const char *event_name(yaml_event_type_t type)
{
	switch (type) {
	case YAML_SCALAR_EVENT:
		return "a value";
	case YAML_SEQUENCE_START_EVENT:
		return "a list";
	case YAML_MAPPING_START_EVENT:
		return "a mapping";
	case YAML_ALIAS_EVENT:
		return "an alias";
	default:
		return "the end";
	}
}

struct error *reader_expect(struct reader *reader, yaml_event_type_t type, const char *what)
{
	const yaml_event_t *event = &reader->event;
	if (event->type == YAML_ALIAS_EVENT)
		return reader_error(reader, event->start_mark, "aliases have no use in a profile");
	const yaml_char_t *anchor = NULL;
	const yaml_char_t *tag = NULL;
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	}
	if (anchor)
		return reader_error(reader, event->start_mark, "anchors have no use in a profile");
	if (tag)
		return reader_error(reader, event->start_mark, "tags have no use in a profile");
	if (event->type != type)
		return reader_error(reader, event->start_mark, "expected %s, found %s", what,
				    event_name(event->type));
	return NULL;
}

struct error *reader_next_expect(struct reader *reader, yaml_event_type_t type, const char *what)
{
	try_(reader_next(reader));
	return reader_expect(reader, type, what);
}

bool reader_scalar_is(const struct reader *reader, const char *s)
{
	return reader->event.data.scalar.length == strlen(s) &&
	       !memcmp(reader->event.data.scalar.value, s, strlen(s));
}

/* The value of the current scalar: decimal digits, or 0x and hexadecimal ones. */
static bool read_digits(const yaml_event_t *event, uint64_t *ret)
{
	const char *s = (const char *)event->data.scalar.value;
	size_t length = event->data.scalar.length;
	unsigned int base = 10;
	if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	if (length > 2 && s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
		length -= 2;
	} else if (length > 1 && s[0] == '0') {
		return false; /* octal to YAML 1.1, decimal to the eye */
	}
	if (!length || length > 10)
		return false;
	uint64_t value = 0;
	for (size_t i = 0; i < length; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = s[i] ? strchr(digits, tolower((unsigned char)s[i])) : NULL;
		if (!digit || (unsigned int)(digit - digits) >= base)
			return false;
		value = value * base + (unsigned int)(digit - digits);
	}
	*ret = value;
	return true;
}

struct error *reader_value(struct reader *reader, const char *what, uint64_t *ret)
{
	try_(reader_expect(reader, YAML_SCALAR_EVENT, what));
	if (read_digits(&reader->event, ret))
		return NULL;
	_cleanup_free_ char *found = reader_shown(reader);
	return reader_error(reader, reader->event.start_mark,
			    "expected %s, found %s: write digits or 0x...", what, found);
}

struct error *reader_number(struct reader *reader, const char *what, uint32_t least, uint32_t most,
			    uint32_t *ret)
{
	uint64_t value = 0;
	try_(reader_value(reader, what, &value));
	if (value < least || value > most) {
		_cleanup_free_ char *found = reader_shown(reader);
		return reader_error(reader, reader->event.start_mark,
				    "%s is out of range: %s, not %" PRIu32 " to %" PRIu32, what,
				    found, least, most);
	}
	*ret = (uint32_t)value;
	return NULL;
}

struct error *reader_string(struct reader *reader, const char *what, char **ret)
{
	try_(reader_next_expect(reader, YAML_SCALAR_EVENT, what));
	const yaml_event_t *event = &reader->event;
	for (size_t i = 0; i < event->data.scalar.length; i++) {
		unsigned char c = event->data.scalar.value[i];
		if (c < 0x20 || c == 0x7f)
			return reader_error(reader, event->start_mark,
					    "%s has a control character in it", what);
	}
	*ret = alloc_strndup((const char *)event->data.scalar.value, event->data.scalar.length);
	return NULL;
}
