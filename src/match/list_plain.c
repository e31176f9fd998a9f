/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plain lists: a sample a line, its hash or hashes and maybe a name before or behind them, as people
 * write them down: "hash name", "hash # comment", "hash;name", "name: hash", "name,hash", in quotes,
 * in backticks, in a table of Markdown. Nothing else than their form says what the hashes are, so a
 * line that is none of these ends the list.
 */
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "index.h"
#include "list_form.h"

#define UUID_DIGITS 32

/* What a line holds beside words. */
struct found {
	struct list_sample sample;
	const char *first;  /* where the first hash begins ... */
	const char *behind; /* ... and the last one ends */
	char separator;	    /* before the hash found last, no blank; '\0': only blanks */
	bool longer;	    /* there is a word of more digits, a SHA-1 or SHA-256 */
	struct slice other; /* a second imphash */
	bool file;	    /* a label says that it is a hash of a file */
};

static bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == ',' || c == ';' || c == '|' || c == '"' || c == '\'' ||
	       c == '`' || c == '=' || c == '(' || c == '[' || c == '<' || c == '\r' || c == '#';
}

/* The word right before `at`, without what joins it to the value: "imphash: " gives "imphash". */
static struct slice label_before(struct slice line, const char *at)
{
	struct slice before = slice_clean(slice_upto(line.at, at));
	while (before.length &&
	       (before.at[before.length - 1] == ':' || before.at[before.length - 1] == '='))
		before = slice_clean((struct slice){before.at, before.length - 1});
	size_t n = before.length;
	while (n && !is_separator(before.at[n - 1]))
		n--;
	return slice_from(before, n);
}

/* Can a hash stand here? First, behind a separator or a label, or behind one word. */
static bool may_stand(struct slice line, const char *at)
{
	struct slice before = slice_upto(line.at, at), clean = slice_clean(before);
	struct slice label = label_before(line, at);
	if (!clean.length || list_kind_of(label) != KIND_NONE || slice_is(label, "imp"))
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

static void take_hash(struct found *found, struct slice line, struct slice hash,
		      enum list_kind kind, const struct fuzzy_shape *shape)
{
	enum list_kind label = list_kind_of(label_before(line, hash.at));
	struct slice *place = kind == KIND_IMPHASH    ? &found->sample.imphash
			      : kind == KIND_IMPFUZZY ? &found->sample.impfuzzy
						      : &found->sample.impset;
	found->file |= label == KIND_MD5 || label == KIND_FILE;
	/* In CSV without a header the 32 digits behind an impfuzzy are an MD5 of the file. */
	if (kind == KIND_IMPHASH && found->separator && found->sample.impfuzzy.length) {
		found->sample.md5 = hash;
		return;
	}
	if (place->length) {
		if (kind == KIND_IMPHASH &&
		    (place->length != hash.length || strncasecmp(place->at, hash.at, hash.length)))
			found->other = hash;
		return;
	}
	*place = hash;
	if (kind == KIND_IMPFUZZY)
		found->sample.impfuzzy_shape = *shape;
	if (kind == KIND_IMPSET)
		found->sample.impset_shape = *shape;
	if (!found->first)
		found->first = hash.at;
	found->behind = hash.at + hash.length;
}

/* Looks at every word of a line. */
static void look(struct found *found, struct slice line)
{
	bool starts = true;
	*found = (struct found){.sample.unlabelled = true};
	for (size_t i = 0; i < line.length;) {
		struct slice rest = slice_from(line, i);
		struct fuzzy_shape shape;
		enum list_kind kind;
		size_t n = starts ? list_hash_at(rest, &kind, &shape) : 0;
		if (n && (found->first || may_stand(line, rest.at)))
			take_hash(found, line, (struct slice){rest.at, n}, kind, &shape);
		size_t hex = starts && !n ? slice_hex(rest) : 0;
		bool whole = hex == rest.length || (hex && is_separator(rest.at[hex]));
		found->longer |= whole && hex > IMPHASH_LENGTH + 4;
		if (!n && !is_separator(*rest.at) && starts)
			found->separator = '\0';
		n = max_of(max_of(n, hex), (size_t)1);
		char last = line.at[i + n - 1];
		starts = is_separator(last) || last == ':' || last == '\xa0' || last == '\x8b' ||
			 last == '\xbf' || last == '\x9c';
		if (last == ',' || last == ';' || last == '\t' || last == '|')
			found->separator = last;
		i += n;
	}
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

/* Is it only what a value is called: "imphash", "IMP"? */
static bool is_label(struct slice s)
{
	s = slice_clean(s);
	return list_kind_of(s) != KIND_NONE || slice_is(s, "imp");
}

static struct slice find_name(const struct found *found, struct slice line, struct text *buffer)
{
	const char *end = line.at + line.length;
	struct slice behind = slice_upto(found->behind, end);
	/* The quote that ends the hash's own, and blanks. */
	while (behind.length && (*behind.at == '"' || *behind.at == '\'' || *behind.at == '`'))
		behind = slice_from(behind, 1);
	struct slice before = slice_upto(line.at, found->first);
	before = name_of(slice_clean(before));
	behind = name_of(behind);
	if (before.length && !is_label(before))
		return unquoted(before, buffer);
	return slice_clean(behind).length ? unquoted(behind, buffer) : (struct slice){0};
}

static struct error *refuse(const struct list *list, struct slice line, const struct found *found)
{
	if (found->file || found->longer)
		return error_new("%s:%zu: has hashes of files (MD5, SHA-1, SHA-256), not of import "
				 "lists: an imphash has the form of an MD5, and nothing here says "
				 "which is which (a header line would: imphash,sha256)",
				 list->label, list->line);
	if (found->other.length)
		return error_new(
			"%s:%zu: two hashes of 32 digits, and no header says which of them "
			"is the imphash: put a header line before the list (imphash,name)",
			list->label, list->line);
	return error_prefix(known_not_a_hash(line), "%s:%zu", list->label, list->line);
}

static struct error *take_line(struct list *list, struct slice line, struct text *buffer)
{
	struct found found;
	look(&found, line);
	bool any = found.first != NULL;
	bool files = found.file || (found.longer && !found.sample.impfuzzy.length);
	if (!any || files || found.other.length)
		return refuse(list, line, &found);
	if (found.sample.md5.length)
		list_leave(list, LIST_LEFT_FILE_HASH);
	found.sample.md5.length = 0;
	text_clear(buffer);
	found.sample.name = find_name(&found, line, buffer);
	return list_take(list, &found.sample);
}

/*
 * "md5 of a value,UUID of its event": MISP's cache of a feed. Also where a character or two are
 * damaged: no name looks like a UUID.
 */
static bool is_feed_cache(struct slice line)
{
	size_t digits = 0, dashes = 0, others = 0;
	if (slice_hex(line) < IMPHASH_LENGTH - 4)
		return false;
	for (size_t i = slice_hex(line); i < line.length; i++) {
		bool digit = slice_hex((struct slice){line.at + i, 1}) > 0;
		digits += digit;
		dashes += line.at[i] == '-';
		others += !digit && line.at[i] != '-';
	}
	return digits + 5 >= UUID_DIGITS && dashes >= 3 && others <= 6;
}

/* The bars and dashes under the heading of a table of Markdown, and frames. */
static bool is_rule(struct slice line)
{
	for (size_t i = 0; i < line.length; i++)
		if (!strchr("|-:+= ", line.at[i]) || !line.at[i])
			return false;
	return true;
}

struct error *list_read_plain(struct list *list)
{
	_cleanup_text_ struct text buffer = {0};
	bool empty = true;
	for (;;) {
		struct slice line;
		try_(list_next_line(list, &line));
		if (!line.at)
			break;
		struct slice clean = slice_clean(line);
		/* A quote that the line ends with may be a name's. */
		line = slice_trim(line);
		if (slice_begins(line, "\xef\xbb\xbf"))
			line = slice_trim(slice_from(line, 3));
		if (!clean.length || *clean.at == '#' || is_rule(line))
			continue;
		empty = false;
		if (is_feed_cache(line))
			return error_new(
				"%s:%zu: this is the hashes.csv of a MISP feed: MD5 hashes "
				"of the attributes' values, and UUIDs of events. It has no "
				"import hashes: take the events themselves",
				list->label, list->line);
		if (slice_is(line, "no results") || slice_means_nothing(clean)) {
			list_leave(list, LIST_LEFT_EMPTY);
			continue;
		}
		try_(take_line(list, line, &buffer));
	}
	list->report->nothing = empty;
	return NULL;
}
