/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing a profile as YAML, with types and members in the order of profile_fields.h.
 */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

#include <impscan/text.h>

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* May it stand in YAML without quotes, and is then surely a string? */
static bool is_plain(const char *s)
{
	static const char others[] = " 0123456789.,-_+/()'";
	static const char *const words[] = {"null", "true", "false", "yes", "no",
					    "on",   "off",  "y",     "n"};
	if (!is_letter(s[0]) || s[strlen(s) - 1] == ' ')
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(s, words[i]))
			return false;
	for (const char *p = s; *p; p++)
		if (!is_letter(*p) && !strchr(others, *p))
			return false;
	return true;
}

/* Everything but printable ASCII is escaped, so that no reader folds or trims anything. */
static void add_string(struct text *text, const char *s)
{
	if (is_plain(s)) {
		text_add_string(text, s);
		return;
	}
	text_add_char(text, '"');
	while (*s) {
		uint32_t code;
		size_t length = text_utf8_next(s, &code);
		if (!length) { /* can't come from a profile that was read */
			code = 0xfffd;
			length = 1;
		}
		if (code == '"' || code == '\\')
			text_add_format(text, "\\%c", (char)code);
		else if (code >= 0x20 && code < 0x7f)
			text_add_char(text, (char)code);
		else if (code < 0x10000)
			text_add_format(text, "\\u%04" PRIX32, code);
		else
			text_add_format(text, "\\U%08" PRIX32, code);
		s += length;
	}
	text_add_char(text, '"');
}

static void add_key(struct text *text, const char *key, const char *value)
{
	text_add_format(text, "%s: ", key);
	add_string(text, value);
	text_add_char(text, '\n');
}

char *profile_to_yaml(const struct profile *profile)
{
	struct text text = {0};
	add_key(&text, "name", profile->name);
	add_key(&text, "description", profile->description);
	add_key(&text, "architecture", architecture_name(profile->architecture));
	text_add_format(&text, "builds: [%" PRIu32 ", %" PRIu32 "]\n", profile->build_first,
			profile->build_last);
	if (profile->variant[0])
		add_key(&text, "variant", profile->variant);
	add_key(&text, "source", profile->source);
	if (profile->inferred)
		add_key(&text, "inferred", profile->inferred);
	text_add_string(&text, "types:\n");
	const char *type = "";
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		const struct profile_field *field = &profile->field[i];
		enum profile_member member = (enum profile_member)i;
		if (!field->present)
			continue;
		if (strcmp(type, profile_type_name(member))) {
			type = profile_type_name(member);
			text_add_format(&text, "  %s:\n", type);
		}
		if (field->bits)
			text_add_format(&text,
					"    %s: {offset: 0x%" PRIx32 ", bit: %u, bits: %u}\n",
					profile_member_name(member), field->offset, field->bit,
					field->bits);
		else
			text_add_format(&text, "    %s: 0x%" PRIx32 "\n",
					profile_member_name(member), field->offset);
	}
	return text.data;
}
