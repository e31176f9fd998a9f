/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What lines of text say of the hashes in them: labels before a hash ("MD5: ...", "SHA-256 = ...",
 * "MD5 (a.exe) = ...") or behind it ("... (imphash)"), and headings of what follows ("# MD5
 * hashes").
 */
#include "list_label.h"

#include <string.h>

#include <impscan/bytes.h>

#define LABEL_MAX 64 /* bytes around a hash that are searched for its label */
#define WORDS_MAX 4  /* of a label: "Rich PE header hash" */

enum list_kind list_label_kind(struct slice s)
{
	static const char *const suffixes[] = {" hashes", " hash", " values", " value", " sums",
					       "sums",	  "sum",   "es",      "s"};
	s = slice_clean(s);
	if (!s.length || s.length > LABEL_MAX / 2 || !list_may_be_kind(s))
		return KIND_NONE;
	enum list_kind kind = slice_is(s, "imp") ? KIND_IMPHASH : list_kind_of(s);
	bool longer = strchr("shemSHEM", s.at[s.length - 1]); /* with one of the suffixes */
	for (size_t i = 0; longer && kind == KIND_NONE && i < array_size(suffixes); i++)
		if (slice_ends(s, suffixes[i]))
			kind = list_kind_of(
				slice_clean((struct slice){s.at, s.length - strlen(suffixes[i])}));
	return kind;
}

/* Without what joins a label to its value, or to the next: ": ", " = ", " - ", "**:". */
static struct slice without_joins(struct slice s, bool at_end)
{
	static const char joins[] = ":=*-_>|,;#([<)]";
	for (;;) {
		size_t before = s.length;
		s = slice_clean(s);
		/* ")" and "]" only join what stands behind a hash. */
		size_t count = sizeof(joins) - (at_end ? 3 : 1);
		if (s.length && memchr(joins, at_end ? s.at[s.length - 1] : *s.at, count))
			s = at_end ? (struct slice){s.at, s.length - 1} : slice_from(s, 1);
		if (s.length == before)
			return s;
	}
}

static bool ends_cell(char c)
{
	return c && strchr(",;|\t\"`([<{*", c);
}

/* The longest label of the last words of `s`, not across cells: its kind, and where it begins. */
static enum list_kind label_at_end(struct slice s, const char **start)
{
	enum list_kind kind = KIND_NONE;
	size_t words = 0;
	for (size_t n = s.length; n > 0 && words < WORDS_MAX; n--) {
		char before = n > 1 ? s.at[n - 2] : ' ';
		if (slice_is_blank(s.at[n - 1]) || !(slice_is_blank(before) || ends_cell(before)))
			continue;
		enum list_kind longer = list_label_kind(slice_from(s, n - 1));
		words++;
		if (longer != KIND_NONE) {
			kind = longer;
			*start = s.at + n - 1;
		}
		if (ends_cell(before) || (n > 2 && slice_is_blank(s.at[n - 3])))
			break;
	}
	return kind;
}

/* "MD5 (a.exe) = ", as BSD's tools and openssl write: `s` ends with the bracket. */
static enum list_kind label_with_file(struct slice line, struct slice s, struct list_label *label)
{
	const char *open = memchr(line.at, '(', (size_t)(s.at + s.length - line.at));
	if (!open || s.at + s.length - open < 3)
		return KIND_NONE;
	struct slice word = slice_clean(slice_upto(line.at, open));
	enum list_kind kind = word.length <= LABEL_MAX ? list_label_kind(word) : KIND_NONE;
	if (kind == KIND_NONE)
		return kind;
	label->file = slice_upto(open + 1, s.at + s.length - 1);
	label->start = line.at;
	return kind;
}

static enum list_kind label_before(struct slice line, const char *at, struct list_label *label)
{
	struct slice before = slice_upto(line.at, at);
	if (before.length > LABEL_MAX)
		before = slice_from(before, before.length - LABEL_MAX);
	struct slice s = without_joins(before, true);
	if (s.length && s.at[s.length - 1] == ')')
		return label_with_file(line, s, label);
	return label_at_end(s, &label->start);
}

static enum list_kind label_behind(struct slice line, const char *end, struct list_label *label)
{
	struct slice behind = slice_upto(end, line.at + line.length);
	if (!behind.length || slice_hex(behind))
		return KIND_NONE;
	behind = without_joins(behind, false);
	size_t n = 0;
	/* To the end of the cell, or to what it is of. */
	while (n < behind.length && n < LABEL_MAX && !strchr(",;|\t)]", behind.at[n]) &&
	       !(behind.at[n] == ' ' && (slice_begins(slice_from(behind, n), "  ") ||
					 slice_begins(slice_from(behind, n), " of "))))
		n++;
	label->end = behind.at + n;
	return list_label_kind((struct slice){behind.at, n});
}

struct list_label list_label_of(struct slice line, struct slice hash)
{
	struct list_label label = {.start = hash.at, .end = hash.at + hash.length};
	label.kind = label_before(line, hash.at, &label);
	if (label.kind == KIND_NONE)
		label.start = hash.at;
	else
		return label;
	label.kind = label_behind(line, label.end, &label);
	if (label.kind == KIND_NONE)
		label.end = hash.at + hash.length;
	return label;
}

/* How many bytes of `s` its first `words` words take. */
static size_t words_length(struct slice s, size_t words)
{
	size_t n = 0;
	for (size_t i = 0; i < words; i++) {
		while (n < s.length && slice_is_blank(s.at[n]))
			n++;
		while (n < s.length && !slice_is_blank(s.at[n]))
			n++;
	}
	return n;
}

/* "Algorithm : MD5", as PowerShell's Get-FileHash says it; "type: imphash". */
static enum list_kind kind_named(struct slice line)
{
	static const char *const keys[] = {"algorithm", "type", "hash type", "hash_type",
					   "hashtype"};
	size_t n = 0;
	while (n < line.length && line.at[n] != ':' && line.at[n] != '=')
		n++;
	struct slice key = slice_clean((struct slice){line.at, n});
	for (size_t i = 0; n < line.length && i < array_size(keys); i++)
		if (slice_is(key, keys[i]))
			return list_label_kind(slice_from(line, n + 1));
	return KIND_NONE;
}

enum list_kind list_heading_kind(struct slice line)
{
	struct slice s = without_joins(without_joins(line, false), true);
	if (s.length > 2 * LABEL_MAX)
		return KIND_NONE;
	enum list_kind kind = kind_named(s);
	for (size_t words = 1; words <= WORDS_MAX + 1; words++) {
		size_t n = words_length(s, words);
		struct slice rest = slice_trim(slice_from(s, n));
		struct slice phrase = without_joins((struct slice){s.at, n}, true);
		bool whole = !rest.length || slice_begins(rest, "of ") ||
			     slice_begins(rest, "for ") || slice_begins(rest, "from ") ||
			     slice_begins(rest, "(");
		enum list_kind of_words = whole ? list_label_kind(phrase) : KIND_NONE;
		kind = of_words != KIND_NONE ? of_words : kind;
		if (!rest.length)
			break;
	}
	return kind;
}
