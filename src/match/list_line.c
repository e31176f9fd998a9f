/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of plain lists: which of their words are hashes, of what, and what else names the sample.
 */
#include "list_line.h"

#include <string.h>

#include <impscan/bytes.h>

#include "index.h"
#include "list_label.h"

#define UUID_DIGITS 32

static bool is_separator(char c)
{
	static const bool separators[256] = {
		[' '] = true, ['\t'] = true, [','] = true,  [';'] = true, ['|'] = true,
		['"'] = true, ['\''] = true, ['`'] = true,  ['='] = true, ['('] = true,
		['['] = true, ['<'] = true,  ['\r'] = true, ['#'] = true,
	};
	return separators[(uint8_t)c];
}

/* Can a hash stand here? First, behind a separator, or behind one word. */
static bool may_stand(struct slice line, const char *at)
{
	struct slice before = slice_upto(line.at, at), clean = slice_clean(before);
	if (!clean.length)
		return true;
	/* JSON that is damaged is not searched for values. */
	if (memchr(before.at, '{', before.length) || memchr(before.at, '[', before.length))
		return false;
	if (strchr(",;|:", clean.at[clean.length - 1]) || memchr(before.at, '\t', before.length) ||
	    slice_ends(before, "  "))
		return true;
	bool bullet = clean.length <= 2 && strchr("-*+\xe2", *clean.at);
	return bullet || !memchr(clean.at, ' ', clean.length);
}

/* A word that is a hash, by its form, or digits of more (KIND_EITHER: 64, else KIND_FILE). */
struct word {
	struct slice text;
	enum list_kind form;
	struct fuzzy_shape shape;
};

/* Notes a hash of ours, which is a `kind`. */
static void keep_hash(struct line_hashes *found, const struct word *word, enum list_kind kind)
{
	struct slice hash = word->text;
	struct slice *place = &found->sample.of[kind_text(kind)];
	bool second = place->length > 0;
	bool equal = place->length == hash.length &&
		     !strncasecmp(second ? place->at : "", hash.at, hash.length);
	if (second && kind == KIND_IMPHASH && !equal)
		found->other = hash;
	if (!second)
		*place = hash;
	if (!second && kind_is_fuzzy(kind))
		found->sample.shapes[kind_text(kind)] = word->shape;
	found->any = true;
}

/* Digits of more than an imphash has. */
static bool is_longer(enum list_kind form)
{
	return form == KIND_FILE || form == KIND_EITHER;
}

/* May a word of this form be what is said of it? Several types have one form. */
static bool may_be(enum list_kind form, enum list_kind said)
{
	if (form == KIND_EITHER)
		return said == KIND_TYPEREFHASH || said == KIND_GIMPHASH;
	return form == KIND_IMPFUZZY && kind_is_fuzzy(said);
}

/* Notes what a word is, by its form and by what is said of it. */
static void take_word(struct line_hashes *found, const struct word *word, enum list_kind said)
{
	enum list_kind form = word->form;
	bool of_files = said == KIND_MD5 || said == KIND_FILE;
	bool other = may_be(form, said);
	/* In CSV without a header the 32 digits behind an impfuzzy are an MD5 of the file. */
	bool of_file = said == KIND_NONE && form == KIND_IMPHASH && found->separator &&
		       found->sample.impfuzzy.length;
	found->labelled |= said != KIND_NONE;
	if (of_files || of_file) {
		found->files++;
	} else if (is_longer(form) && said == KIND_NONE) {
		found->longer = true;
		if (!found->longer_count++)
			found->longer_at = word->text.at;
		if (form == KIND_EITHER && !found->either.length)
			found->either = word->text;
	} else if (said != KIND_NONE && said != form && !other) {
		found->bad = word->text;
		found->bad_kind = said;
	} else {
		keep_hash(found, word, other ? said : form);
	}
}

/* The word that `rest` begins with. Returns its length; `word->form` is KIND_NONE: no hash. */
static size_t word_at(struct slice rest, struct word *word)
{
	size_t n = list_hash_at(rest, &word->form, &word->shape);
	if (!n) {
		n = slice_hex(rest);
		bool whole = n == rest.length || (n && is_separator(rest.at[n]));
		bool either = n == SHA256_LENGTH;
		word->form = !whole || n <= IMPHASH_LENGTH + 4 ? KIND_NONE
			     : either			       ? KIND_EITHER
							       : KIND_FILE;
	}
	word->text = (struct slice){rest.at, n};
	return n;
}

/* What the heading above says of a word: below one of ours there may be others of ours. */
static enum list_kind below(enum list_kind section, enum list_kind form)
{
	bool of_files = section == KIND_MD5 || section == KIND_FILE;
	if (of_files || section == KIND_NONE)
		return section;
	if (may_be(form, section))
		return section;
	return is_longer(form) ? KIND_NONE : form;
}

static void look_at_word(enum list_kind section, struct line_hashes *found, struct slice line,
			 const struct word *word)
{
	struct slice hash = word->text;
	enum list_kind form = word->form;
	struct list_label label = list_label_of(line, hash);
	if (label.kind == KIND_NONE && !is_longer(form) && !found->any && !may_stand(line, hash.at))
		return;
	enum list_kind said = label.kind != KIND_NONE ? label.kind : below(section, form);
	/* What has a prefix says itself what it is. */
	bool bare = label.kind == KIND_NONE && (form == KIND_IMPHASH || form == KIND_IMPFUZZY);
	found->by_label |= label.kind != KIND_NONE;
	if (bare && !section && !found->by_label)
		found->bare = hash;
	/* Beside hashes with labels one without may be anything. */
	if (bare && found->by_label)
		found->unsaid = hash;
	else
		take_word(found, word, said);
	if (!found->first && (!is_longer(form) || said != KIND_NONE))
		found->first = label.start;
	found->behind = label.end;
	if (label.file.length)
		found->file = label.file;
}

void line_look(struct line_hashes *found, struct slice line, enum list_kind section)
{
	bool starts = true;
	*found = (struct line_hashes){0};
	for (size_t i = 0; i < line.length;) {
		struct slice rest = slice_from(line, i);
		struct word word = {.form = KIND_NONE};
		size_t n = starts ? word_at(rest, &word) : 0;
		if (word.form != KIND_NONE)
			look_at_word(section, found, line, &word);
		if ((word.form == KIND_NONE || is_longer(word.form)) && !is_separator(*rest.at) &&
		    starts)
			found->separator = '\0';
		n = max_of(n, (size_t)1);
		char last = line.at[i + n - 1];
		starts = is_separator(last) || last == ':' || last == '\xa0' || last == '\x8b' ||
			 last == '\xbf' || last == '\x9c' || (last == '\\' && !i);
		if (last == ',' || last == ';' || last == '\t' || last == '|')
			found->separator = last;
		i += n;
	}
	found->sample.unlabelled = !found->labelled;
	/* The same of one that stands before them. */
	if (!found->by_label || !found->bare.length)
		return;
	found->unsaid = found->bare;
	found->sample = (struct list_sample){0};
	found->any = false;
}

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

#define PART_DIGITS 17 /* a hash that is cut has so many at least; dates and IDs have fewer */
#define PART_RUN    7  /* characters in a row of ssdeep's, more than a time of day has */

/* "24:Ab+cd/Ef:gH" with something in it that a hash does not have. */
static bool is_like_fuzzy(struct slice field)
{
	const char *first = field.length ? memchr(field.at, ':', field.length) : NULL;
	const char *last = first ? memrchr(field.at, ':', field.length) : NULL;
	size_t run = 0, most = 0;
	for (const char *at = first; at && at < last; at++) {
		bool base64 = is_alphanumeric(*at) || *at == '+' || *at == '/';
		if (*at == '\\')
			return false;
		run = base64 ? run + 1 : 0;
		most = max_of(most, run);
	}
	return most >= PART_RUN;
}

bool line_has_part(struct slice line)
{
	size_t fields = 0;
	bool part = false;
	for (const char *at = line.at, *end = line.at + line.length; at <= end;) {
		const char *start = at;
		while (at < end && !memchr(",;|\t", *at, 4))
			at++;
		struct slice field = slice_clean(slice_upto(start, at++));
		size_t digits = slice_hex(field);
		bool cut = digits >= PART_DIGITS && digits != IMPHASH_LENGTH;
		struct fuzzy_shape shape;
		enum list_kind kind;
		part |= cut || (is_like_fuzzy(field) && !list_hash_at(field, &kind, &shape));
		fields++;
	}
	return part && fields > 1;
}

/* A name that says nothing of the hash before it, and is none itself. */
static bool is_simple_name(struct slice name)
{
	if (!name.length || !is_alphanumeric(*name.at))
		return false;
	for (size_t i = 1; i < name.length; i++) {
		char c = name.at[i];
		if (!is_alphanumeric(c) && c != '.' && c != '_' && c != '-' && c != '/' &&
		    c != '\\')
			return false;
	}
	bool label = list_may_be_kind(name) && list_label_kind(name) != KIND_NONE;
	return slice_hex(name) < IMPHASH_LENGTH && !label;
}

bool line_is_simple(struct slice line, struct list_sample *sample)
{
	struct word word = {.form = KIND_NONE};
	size_t n = list_hash_at(line, &word.form, &word.shape);
	struct slice name = slice_from(line, min_of(n + 1, line.length));
	if (!n || (n < line.length && (line.at[n] != ' ' || !is_simple_name(name))))
		return false;
	struct line_hashes found = {0};
	word.text = (struct slice){line.at, n};
	keep_hash(&found, &word, word.form);
	*sample = found.sample;
	sample->unlabelled = true;
	sample->name = name;
	return true;
}

/* A name without what joins it to the hash. */
static struct slice name_of(struct slice s)
{
	static const char joins[] = ",;|:=#-";
	for (;;) {
		size_t before = s.length;
		s = slice_visible(s);
		while (s.length && strchr(joins, *s.at) && *s.at)
			s = slice_trim(slice_from(s, 1));
		if (slice_begins(s, "//"))
			s = slice_from(s, 2);
		while (s.length && strchr(",;|:=", s.at[s.length - 1]) && s.at[s.length - 1])
			s = slice_trim((struct slice){s.at, s.length - 1});
		if (s.length == before)
			return s;
	}
}

/* Without backticks or quotes around a name, see slice_unquoted(). */
static struct slice unquoted(struct slice s, struct text *buffer)
{
	if (s.length >= 2 && *s.at == '`' && s.at[s.length - 1] == '`')
		return (struct slice){s.at + 1, s.length - 2};
	return slice_unquoted(s, buffer);
}

/* Does it name no sample, but what any value is called? */
static bool is_key(struct slice s)
{
	static const char *const keys[] = {"hash", "value", "indicator", "ioc"};
	for (size_t i = 0; i < array_size(keys); i++)
		if (slice_is(s, keys[i]))
			return true;
	return false;
}

struct slice line_name(const struct line_hashes *found, struct slice line, struct text *buffer)
{
	const char *end = line.at + line.length;
	struct slice behind = slice_upto(found->behind, end);
	/* The quote that ends the hash's own, and blanks. */
	while (behind.length && (*behind.at == '"' || *behind.at == '\'' || *behind.at == '`'))
		behind = slice_from(behind, 1);
	struct slice before = slice_upto(line.at, found->first);
	/* "**imphash**: " */
	while (found->labelled && before.length && before.at[before.length - 1] == '*')
		before.length--;
	before = name_of(slice_clean(before));
	/* Of what a label that stood behind, in brackets, has left. */
	while (found->labelled && behind.length && (*behind.at == ')' || *behind.at == ']'))
		behind = slice_from(behind, 1);
	behind = name_of(behind);
	if (found->file.length)
		return found->file;
	if (before.length && list_label_kind(before) == KIND_NONE && !is_key(before) &&
	    !slice_is(before, "\\"))
		return unquoted(before, buffer);
	return slice_clean(behind).length ? unquoted(behind, buffer) : (struct slice){0};
}

static bool is_name_of_file(struct slice name)
{
	struct slice end = slice_from(name, name.length - min_of(name.length, (size_t)6));
	const char *dot = memrchr(end.at, '.', end.length);
	bool extension = dot && dot > name.at && dot + 1 < name.at + name.length &&
			 ((dot[1] | 0x20) >= 'a' && (dot[1] | 0x20) <= 'z');
	return extension || memchr(name.at, '/', name.length) ||
	       memchr(name.at, '\\', name.length) || slice_hex(name) >= IMPHASH_LENGTH;
}

/* The file behind a hash of so many digits that a line begins with, joined to it so; empty: it is
   another line. */
static struct slice summed(struct slice line, size_t digits, const char *join)
{
	if (line.length && *line.at == '\\')
		line = slice_from(line, 1);
	if (line.length <= digits + 2 || memcmp(line.at + digits, join, 2) != 0 ||
	    slice_hex(line) != digits)
		return (struct slice){0};
	return slice_from(line, digits + 2);
}

/* "hash  file", in lower case. */
static bool is_sum(struct slice line, size_t digits)
{
	struct slice name = summed(line, digits, "  ");
	if (!name.length || *name.at == ' ' || !is_name_of_file(name))
		return false;
	for (size_t i = 0; i < digits; i++)
		if (line.at[i] >= 'A' && line.at[i] <= 'F')
			return false;
	return true;
}

/* "hash *file" */
static bool is_binary_sum(struct slice line, size_t digits)
{
	struct slice name = summed(line, digits, " *");
	return name.length && *name.at != ' ' && *name.at != '*' && name.at[name.length - 1] != '*';
}

bool line_is_md5sum(struct slice line)
{
	return is_sum(line, IMPHASH_LENGTH);
}

bool line_is_md5sum_binary(struct slice line)
{
	return is_binary_sum(line, IMPHASH_LENGTH);
}

bool line_is_sha256sum(struct slice line)
{
	return is_sum(line, SHA256_LENGTH) || is_binary_sum(line, SHA256_LENGTH);
}

bool line_is_feed_cache(struct slice line)
{
	size_t digits = 0, dashes = 0, others = 0, start = slice_hex(line);
	if (start < IMPHASH_LENGTH - 4)
		return false;
	for (size_t i = start; others <= 6 && i < line.length; i++) {
		bool digit = slice_hex((struct slice){line.at + i, 1}) > 0;
		digits += digit;
		dashes += line.at[i] == '-';
		others += !digit && line.at[i] != '-';
	}
	return digits + 5 >= UUID_DIGITS && dashes >= 3 && others <= 6;
}
