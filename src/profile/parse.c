/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parsing a profile: the keys of its header. It is read event by event, so that the first thing out
 * of place is an error with its line and column. The types are read by parse_types.c.
 */
#include "parse.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "internal.h"

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
	{"types", parse_types, true},
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
