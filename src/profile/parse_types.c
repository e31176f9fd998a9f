/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parsing a profile: its types, with their members and bit fields. Checks each value, and that
 * nothing is missing that other parts of the profile need.
 */
#include "parse.h"

#include <inttypes.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "internal.h"

/* {offset: 0x0, bit: 7, bits: 5}; the current event is its start. */
static struct error *read_bit_field(struct parser *parser, struct profile_field *field)
{
	static const struct {
		const char *key;
		uint32_t least, most;
	} parts[] = {{"offset", 0, OFFSET_LIMIT - 1}, {"bit", 0, 63}, {"bits", 1, 64}};
	uint32_t values[array_size(parts)] = {0};
	bool present[array_size(parts)] = {false};
	yaml_mark_t start = parser->reader.event.start_mark;
	for (;;) {
		try_(reader_next(&parser->reader));
		if (parser->reader.event.type == YAML_MAPPING_END_EVENT)
			break;
		try_(reader_expect(&parser->reader, YAML_SCALAR_EVENT, "offset, bit or bits"));
		size_t i = 0;
		while (i < array_size(parts) && !reader_scalar_is(&parser->reader, parts[i].key))
			i++;
		if (i == array_size(parts)) {
			_cleanup_free_ char *found = reader_shown(&parser->reader);
			return reader_error(&parser->reader, parser->reader.event.start_mark,
					    "unknown key %s: a bit field has offset, bit and bits",
					    found);
		}
		if (present[i])
			return reader_error(&parser->reader, parser->reader.event.start_mark,
					    "%s is given twice", parts[i].key);
		present[i] = true;
		try_(reader_next(&parser->reader));
		try_(reader_number(&parser->reader, parts[i].key, parts[i].least, parts[i].most,
				   &values[i]));
	}
	for (size_t i = 0; i < array_size(parts); i++)
		if (!present[i])
			return reader_error(&parser->reader, start, "the bit field lacks %s",
					    parts[i].key);
	if (values[1] + values[2] > 64)
		return reader_error(&parser->reader, start,
				    "bits %" PRIu32 " to %" PRIu32 " don't fit into 64", values[1],
				    values[1] + values[2] - 1);
	field->offset = values[0];
	field->bit = (uint8_t)values[1];
	field->bits = (uint8_t)values[2];
	return NULL;
}

/* A member's value; the current event is its start. */
static struct error *read_field(struct parser *parser, bool is_size, struct profile_field *field)
{
	uint64_t value;
	if (!is_size && parser->reader.event.type == YAML_MAPPING_START_EVENT) {
		try_(reader_expect(&parser->reader, YAML_MAPPING_START_EVENT, "a bit field"));
		return read_bit_field(parser, field);
	}
	try_(reader_value(&parser->reader, is_size ? "a size" : "an offset", &value));
	field->offset = (uint32_t)min_of(value, UINT32_MAX);
	return NULL;
}

/* A member of former versions, which are passed over; false when it is none. */
static struct error *pass_over(struct parser *parser, const char *type, size_t type_length,
			       bool *former)
{
	const char *name = (const char *)parser->reader.event.data.scalar.value;
	size_t length = parser->reader.event.data.scalar.length;
	struct profile_field ignored = {0};
	*former = profile_former_member(type, type_length, name, length);
	if (!*former)
		return NULL;
	try_(reader_next(&parser->reader));
	return read_field(parser, false, &ignored);
}

/* One member of a type and its value; the current event is its name. */
static struct error *read_member(struct parser *parser, enum profile_member first, size_t count)
{
	size_t i = 0;
	while (i < count && !reader_scalar_is(&parser->reader,
					      profile_member_name(first + (enum profile_member)i)))
		i++;
	yaml_mark_t mark = parser->reader.event.start_mark;
	if (i == count) {
		bool former;
		const char *type = profile_type_name(first);
		try_(pass_over(parser, type, strlen(type), &former));
		if (former)
			return NULL;
		_cleanup_free_ char *found = reader_shown(&parser->reader);
		return reader_error(&parser->reader, mark, "unknown member %s of %s", found, type);
	}
	enum profile_member member = first + (enum profile_member)i;
	struct profile_field *field = &parser->profile->field[member];
	if (field->present)
		return reader_error(&parser->reader, mark,
				    "%s.%s is given twice, first in line %zu",
				    profile_type_name(member), profile_member_name(member),
				    parser->seen[member].line + 1);
	field->present = true;
	parser->seen[member] = mark;
	try_(reader_next(&parser->reader));
	yaml_mark_t value_mark = parser->reader.event.start_mark;
	try_(read_field(parser, profile_member_is_size(member), field));
	_cleanup_free_ char *beyond = profile_beyond_limit(member, field);
	return beyond ? reader_error(&parser->reader, value_mark, "%s", beyond) : NULL;
}

/* Does every member begin, and every bit field end, within the type? */
static struct error *check_size(const struct parser *parser, enum profile_member first,
				size_t count)
{
	const struct profile_field *fields = parser->profile->field;
	for (size_t s = first; s < first + count; s++) {
		if (!profile_member_is_size((enum profile_member)s) || !fields[s].present)
			continue;
		for (size_t i = first; i < first + count; i++) {
			uint32_t end = fields[i].offset + (fields[i].bit + fields[i].bits + 7u) / 8;
			if (i == s || !fields[i].present ||
			    max_of(end, fields[i].offset + 1) <= fields[s].offset)
				continue;
			return reader_error(&parser->reader, parser->seen[i],
					    "%s.%s at 0x%" PRIx32
					    " lies beyond the type's size, 0x%" PRIx32,
					    profile_type_name((enum profile_member)i),
					    profile_member_name((enum profile_member)i),
					    fields[i].offset, fields[s].offset);
		}
	}
	return NULL;
}

static bool is_missing(const struct profile *profile, enum profile_member member)
{
	return !profile->field[member].present &&
	       (profile->inferred ? profile_member_core(member) : profile_member_required(member));
}

/* A type of which nothing is read any more; the current event is its name. */
static struct error *read_former_type(struct parser *parser)
{
	size_t length = parser->reader.event.data.scalar.length;
	_cleanup_free_ char *type =
		alloc_strndup((const char *)parser->reader.event.data.scalar.value, length);
	try_(reader_next_expect(&parser->reader, YAML_MAPPING_START_EVENT, "the type's members"));
	for (;;) {
		bool former;
		try_(reader_next(&parser->reader));
		if (parser->reader.event.type == YAML_MAPPING_END_EVENT)
			return NULL;
		try_(reader_expect(&parser->reader, YAML_SCALAR_EVENT, "a member's name"));
		yaml_mark_t mark = parser->reader.event.start_mark;
		try_(pass_over(parser, type, length, &former));
		if (former)
			continue;
		_cleanup_free_ char *found = reader_shown(&parser->reader);
		return reader_error(&parser->reader, mark, "unknown member %s of %s", found, type);
	}
}

/* One type with its members; the current event is its name. */
static struct error *read_type(struct parser *parser, bool *types_seen)
{
	yaml_mark_t mark = parser->reader.event.start_mark;
	const char *name = (const char *)parser->reader.event.data.scalar.value;
	size_t length = parser->reader.event.data.scalar.length;
	enum profile_member first;
	size_t count;
	if (!profile_find_type(name, length, &first, &count)) {
		if (profile_former_type(name, length))
			return read_former_type(parser);
		_cleanup_free_ char *found = reader_shown(&parser->reader);
		return reader_error(&parser->reader, mark, "unknown type %s", found);
	}
	if (types_seen[first])
		return reader_error(&parser->reader, mark, "type %s is given twice",
				    profile_type_name(first));
	types_seen[first] = true;
	try_(reader_next_expect(&parser->reader, YAML_MAPPING_START_EVENT, "the type's members"));
	for (;;) {
		try_(reader_next(&parser->reader));
		if (parser->reader.event.type == YAML_MAPPING_END_EVENT)
			break;
		try_(reader_expect(&parser->reader, YAML_SCALAR_EVENT, "a member's name"));
		try_(read_member(parser, first, count));
	}
	for (size_t i = first; i < first + count; i++)
		if (is_missing(parser->profile, (enum profile_member)i))
			return reader_error(&parser->reader, mark, "type %s lacks its member %s",
					    profile_type_name(first),
					    profile_member_name((enum profile_member)i));
	return check_size(parser, first, count);
}

struct error *parse_types(struct parser *parser)
{
	bool types_seen[PROFILE_MEMBER_COUNT] = {false};
	try_(reader_next_expect(&parser->reader, YAML_MAPPING_START_EVENT, "types"));
	yaml_mark_t start = parser->reader.event.start_mark;
	for (;;) {
		try_(reader_next(&parser->reader));
		if (parser->reader.event.type == YAML_MAPPING_END_EVENT)
			break;
		try_(reader_expect(&parser->reader, YAML_SCALAR_EVENT, "a type's name"));
		try_(read_type(parser, types_seen));
	}
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++)
		if (is_missing(parser->profile, (enum profile_member)i))
			return reader_error(&parser->reader, start, "type %s is missing",
					    profile_type_name((enum profile_member)i));
	enum profile_member member;
	_cleanup_free_ char *gap = profile_gap(parser->profile, &member);
	if (gap)
		return reader_error(&parser->reader,
				    member < PROFILE_MEMBER_COUNT ? parser->seen[member] : start,
				    "%s", gap);
	return NULL;
}
