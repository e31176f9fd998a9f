/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a profile may say: its keys, types, members and bit fields, read event by event, so that the
 * first thing out of place is an error with its line and column.
 */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "reader.h"

struct parser {
	struct reader reader;
	struct profile *profile;
	yaml_mark_t seen[PROFILE_MEMBER_COUNT]; /* where a present member stands */
};

static struct error *read_name(struct parser *parser)
{
	struct profile *profile = parser->profile;
	try_(reader_string(&parser->reader, "a name", &profile->name));
	if (!profile->name[0])
		return reader_error(&parser->reader, parser->reader.event.start_mark,
				    "the name is empty");
	return NULL;
}

static struct error *read_description(struct parser *parser)
{
	return reader_string(&parser->reader, "a description", &parser->profile->description);
}

static struct error *read_variant(struct parser *parser)
{
	free(parser->profile->variant); /* the "" it starts with */
	parser->profile->variant = NULL;
	return reader_string(&parser->reader, "a variant", &parser->profile->variant);
}

static struct error *read_source(struct parser *parser)
{
	return reader_string(&parser->reader, "a source", &parser->profile->source);
}

static struct error *read_inferred(struct parser *parser)
{
	return reader_string(&parser->reader, "how it was inferred", &parser->profile->inferred);
}

static struct error *read_architecture(struct parser *parser)
{
	try_(reader_next_expect(&parser->reader, YAML_SCALAR_EVENT, "an architecture"));
	if (reader_scalar_is(&parser->reader, "x86")) {
		parser->profile->architecture = ARCHITECTURE_X86;
	} else if (reader_scalar_is(&parser->reader, "x64")) {
		parser->profile->architecture = ARCHITECTURE_X64;
	} else {
		_cleanup_free_ char *found = reader_shown(&parser->reader);
		return reader_error(&parser->reader, parser->reader.event.start_mark,
				    "unknown architecture %s: write x86 or x64", found);
	}
	return NULL;
}

static struct error *read_builds(struct parser *parser)
{
	struct profile *profile = parser->profile;
	try_(reader_next_expect(&parser->reader, YAML_SEQUENCE_START_EVENT,
				"builds as [FIRST, LAST]"));
	try_(reader_next(&parser->reader));
	try_(reader_number(&parser->reader, "the first build", 1, UINT32_MAX,
			   &profile->build_first));
	try_(reader_next(&parser->reader));
	try_(reader_number(&parser->reader, "the last build", 1, UINT32_MAX, &profile->build_last));
	if (profile->build_last < profile->build_first)
		return reader_error(&parser->reader, parser->reader.event.start_mark,
				    "the last build, %" PRIu32 ", is before the first, %" PRIu32,
				    profile->build_last, profile->build_first);
	return reader_next_expect(&parser->reader, YAML_SEQUENCE_END_EVENT,
				  "the end of [FIRST, LAST]");
}

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

static struct error *read_types(struct parser *parser)
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

/* The keys of a profile; `types` is the last. */
static const struct {
	const char *key;
	struct error *(*read)(struct parser *parser);
	bool required;
} keys[] = {
	{"name", read_name, true},
	{"description", read_description, true},
	{"architecture", read_architecture, true},
	{"builds", read_builds, true},
	{"variant", read_variant, false},
	{"source", read_source, true},
	{"inferred", read_inferred, false},
	{"types", read_types, true},
};

enum { TYPES = array_size(keys) - 1 };

static struct error *read_profile(struct parser *parser, bool header_only)
{
	yaml_mark_t lines[array_size(keys)];
	bool present[array_size(keys)] = {false};
	try_(reader_next_expect(&parser->reader, YAML_MAPPING_START_EVENT, "a profile"));
	yaml_mark_t start = parser->reader.event.start_mark;
	for (;;) {
		try_(reader_next(&parser->reader));
		if (parser->reader.event.type == YAML_MAPPING_END_EVENT)
			break;
		try_(reader_expect(&parser->reader, YAML_SCALAR_EVENT, "a key"));
		yaml_mark_t mark = parser->reader.event.start_mark;
		size_t i = 0;
		while (i < array_size(keys) && !reader_scalar_is(&parser->reader, keys[i].key))
			i++;
		if (i == array_size(keys)) {
			_cleanup_free_ char *found = reader_shown(&parser->reader);
			return reader_error(&parser->reader, mark, "unknown key %s", found);
		}
		if (present[i])
			return reader_error(&parser->reader, mark,
					    "%s is given twice, first in line %zu", keys[i].key,
					    lines[i].line + 1);
		if (present[TYPES])
			return reader_error(&parser->reader, mark, "%s must stand before types",
					    keys[i].key);
		present[i] = true;
		lines[i] = mark;
		try_(keys[i].read(parser));
	}
	for (size_t i = 0; i < array_size(keys); i++)
		if (keys[i].required && !present[i] && !(header_only && i == TYPES))
			return reader_error(&parser->reader, start, "the profile lacks %s",
					    keys[i].key);
	return NULL;
}

static struct error *read_stream(struct parser *parser, bool header_only)
{
	try_(reader_next(&parser->reader)); /* the stream's start */
	try_(reader_next(&parser->reader));
	if (parser->reader.event.type == YAML_STREAM_END_EVENT)
		return reader_error(&parser->reader, parser->reader.event.start_mark,
				    "there is no profile in it");
	try_(read_profile(parser, header_only));
	try_(reader_next(&parser->reader)); /* the document's end: nothing else can follow */
	try_(reader_next(&parser->reader));
	if (parser->reader.event.type != YAML_STREAM_END_EVENT)
		return reader_error(&parser->reader, parser->reader.event.start_mark,
				    "a second document begins here: one profile a file");
	return NULL;
}

static struct error *parse(const char *text, size_t length, const char *origin, bool header_only,
			   struct profile **ret)
{
	*ret = NULL;
	if (length > PROFILE_TEXT_LIMIT)
		return error_new("%s:1:1: too long for a profile: more than %u bytes", origin,
				 PROFILE_TEXT_LIMIT);
	_cleanup_profile_ struct profile *profile = alloc_new(struct profile);
	profile->origin = alloc_strdup(origin);
	profile->variant = alloc_strdup("");
	struct parser parser = {.profile = profile};
	struct error *error = reader_open(&parser.reader, text, length, origin);
	if (!error)
		error = read_stream(&parser, header_only);
	reader_close(&parser.reader);
	if (error)
		return error;
	*ret = take_ptr(profile);
	return NULL;
}

struct error *profile_parse(const char *text, size_t length, const char *origin,
			    struct profile **ret)
{
	return parse(text, length, origin, false, ret);
}

struct error *profile_parse_header(const char *text, size_t length, const char *origin,
				   struct profile **ret)
{
	static const char types[] = "\ntypes:";
	const char *end = memmem(text, length, types, strlen(types));
	return parse(text, end ? (size_t)(end + 1 - text) : length, origin, true, ret);
}
