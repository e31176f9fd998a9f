/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Profiles as text, for the tests of what a profile may say: every member there is, members
 * changed, and errors that name a place in the text.
 */
#ifndef TEST_PROFILE_TEXT_H
#define TEST_PROFILE_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/profile.h>
#include <impscan/text.h>

/* A profile up to its types, which begin in line 7. */
#define HEADER                                                                                \
	"name: test\ndescription: Test\narchitecture: x64\nbuilds: [7, 9]\nsource: made up\n" \
	"types:\n"

static inline struct error *parse(const char *text, struct profile **ret)
{
	return profile_parse(text, strlen(text), "t.yaml", ret);
}

static inline void assert_declined(const char *text, const char *message)
{
	struct profile *profile;
	_cleanup_error_ struct error *error = parse(text, &profile);
	assert_null(profile);
	assert_non_null(error);
	assert_string_equal(error_message(error), message);
}

static inline void assert_ok(struct error *error)
{
	if (error)
		print_error("%s\n", error_message(error));
	assert_null(error);
}

/* Every member there is, each as a shipped profile has it, those of x64 first. */
static inline void fill(struct profile *profile)
{
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_ok(profiles_new(&profiles));
	for (size_t i = profiles_count(profiles); i-- > 0;) {
		const struct profile *shipped;
		assert_ok(profiles_get(profiles, i, &shipped));
		for (size_t m = 0; m < PROFILE_MEMBER_COUNT; m++)
			if (!profile->field[m].present)
				profile->field[m] = shipped->field[m];
	}
}

/* The types of a profile as YAML, in another form than profile_to_yaml()'s. */
static inline char *with_types(const struct profile *profile)
{
	struct text text = {0};
	text_add_string(&text, HEADER);
	const char *type = "";
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		enum profile_member member = (enum profile_member)i;
		const struct profile_field *field = &profile->field[i];
		if (!field->present)
			continue;
		if (strcmp(type, profile_type_name(member)))
			text_add_format(&text, "  %s:\n", profile_type_name(member));
		type = profile_type_name(member);
		text_add_format(&text, "    %s: ", profile_member_name(member));
		if (field->bits)
			text_add_format(&text, "{bits: %u, offset: %u, bit: %u}\n", field->bits,
					field->offset, field->bit);
		else
			text_add_format(&text, "%u\n", field->offset);
	}
	return text.data;
}

/* A profile of every member there is, from which the tests start. */
static inline char *complete(void)
{
	struct profile profile = {0};
	fill(&profile);
	return with_types(&profile);
}

/* `text` with the first `old` replaced. */
static inline char *replaced(const char *text, const char *old, const char *new)
{
	const char *at = strstr(text, old);
	assert_non_null(at);
	return alloc_printf("%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
}

/* `text` with another value of a member; `*line` is where it stands. */
static inline char *with_value(const char *text, const char *member, const char *value,
			       size_t *line)
{
	_cleanup_free_ char *key = alloc_printf("    %s: ", member);
	const char *at = strstr(text, key);
	assert_non_null(at);
	*line = 1;
	for (const char *p = text; p < at; p++)
		*line += *p == '\n';
	return alloc_printf("%.*s%s%s%s", (int)(at - text), text, key, value, strchr(at, '\n'));
}

static inline void assert_same(const struct profile *a, const struct profile *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->description, b->description);
	assert_string_equal(a->variant, b->variant);
	assert_string_equal(a->source, b->source);
	assert_int_equal(a->architecture, b->architecture);
	assert_int_equal(a->build_first, b->build_first);
	assert_int_equal(a->build_last, b->build_last);
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		assert_int_equal(a->field[i].present, b->field[i].present);
		assert_int_equal(a->field[i].offset, b->field[i].offset);
		assert_int_equal(a->field[i].bit, b->field[i].bit);
		assert_int_equal(a->field[i].bits, b->field[i].bits);
	}
}

#endif
