/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plain lists: a sample a line, its hash or hashes and maybe a name before or behind them, as
 * people write them down: "hash name", "hash # comment", "hash;name", "name: hash", "name,hash", in
 * quotes, in backticks, in a table of Markdown. Nothing else than their form says what the hashes
 * are, so a line that is none of these ends the list.
 *
 * Where lines or headings have labels ("MD5: ...", "Imphash: ...", "imphash = ...", "## SHA-256"),
 * these say it: then text without a hash is passed over, and a hash of which nothing is said is
 * told.
 */
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "index.h"
#include "list_form.h"
#include "list_label.h"
#include "list_line.h"

#define HEX_WORD 16 /* so many hex digits are meant to be a hash, or a part of one */

/* What the list has said so far. */
struct reader {
	struct list *list;
	struct text name;
	bool labels;		/* some hash has a label, or stands below a heading */
	bool lost;		/* below a heading that is not understood */
	bool says_imphash;	/* a comment does */
	bool own;		/* the heading of impscan's own table: its names are escaped */
	size_t lines;		/* that are no comments */
	enum list_kind section; /* what the heading above says */
	/* Hashes without a label, those in a line as md5sum writes it, and the first of these. */
	size_t bare, like_md5sum, like_md5sum_line;
	size_t either, either_line; /* 64 digits and nothing else, and the first of these lines */
	bool files;		    /* hashes of files stood beside others */
};

/* Does it look like the names of columns? */
static bool is_heading_line(struct slice line)
{
	size_t cells = 0, length = 0;
	for (size_t i = 0; i <= line.length; i++) {
		bool ends = i == line.length || memchr(",;|\t", line.at[i], 4);
		if (!ends && ++length > 24)
			return false;
		if (!ends)
			continue;
		if (!length)
			return false;
		cells++;
		length = 0;
	}
	return cells > 1 && !slice_find(line, ".") && !slice_find(line, ":");
}

static struct error *refuse(const struct reader *reader, struct slice line,
			    const struct line_hashes *found)
{
	const struct list *list = reader->list;
	if (found->longer)
		return error_new("%s:%zu: has hashes of files (MD5, SHA-1, SHA-256), not of import "
				 "lists: an imphash has the form of an MD5, and nothing here says "
				 "which is which (a header line would: imphash,sha256)",
				 list->label, list->line);
	if (found->other.length)
		return error_new(
			"%s:%zu: two hashes of 32 digits, and no header says which of them "
			"is the imphash: put a header line before the list (imphash,name)",
			list->label, list->line);
	if (reader->lines == 1 && is_heading_line(line))
		return error_new("%s:%zu: '%.*s' looks like a line of headings, and none of them "
				 "says which column has import hashes: call it imphash, impfuzzy, "
				 "typerefhash, gimphash or the like",
				 list->label, list->line, (int)min_of(line.length, (size_t)60),
				 line.at);
	return error_prefix(known_not_a_hash(line), "%s:%zu", list->label, list->line);
}

/* "imphash: n/a", "impfuzzy = 12": a value that should be a hash. */
static struct error *take_value(struct list *list, struct slice line, bool *taken)
{
	size_t n = 0;
	while (n < line.length && !strchr(":=", line.at[n]))
		n++;
	enum list_kind kind =
		n < line.length ? list_label_kind((struct slice){line.at, n}) : KIND_NONE;
	struct slice value = slice_clean(slice_from(line, min_of(n + 1, line.length)));
	*taken = value.length && kind != KIND_NONE;
	if (!*taken || kind == KIND_MD5 || kind == KIND_FILE)
		return NULL;
	struct list_sample sample = {0};
	sample.of[kind_text(kind)] = value;
	return list_take(list, &sample);
}

/* Is there something in it that was a hash, perhaps? */
static bool has_digits(struct slice line)
{
	for (size_t i = 0; i < line.length;) {
		size_t n = slice_hex(slice_from(line, i));
		if (n >= HEX_WORD)
			return true;
		i += n + 1;
	}
	return false;
}

/* A line without a hash: a heading, a value, text; or the list's end. */
static struct error *take_text(struct reader *reader, struct slice line,
			       const struct line_hashes *found)
{
	struct list *list = reader->list;
	bool taken;
	enum list_kind heading = list_heading_kind(line);
	if (heading != KIND_NONE) {
		reader->section = heading;
		reader->labels = true;
		reader->lost = false;
		return NULL;
	}
	if (!reader->labels)
		return refuse(reader, line, found);
	try_(take_value(list, line, &taken));
	if (taken)
		return NULL;
	if (has_digits(line))
		list_unread(list, "nothing that can be read as a hash: '%.*s'",
			    (int)min_of(line.length, (size_t)60), line.at);
	reader->section = KIND_NONE;
	reader->lost = true;
	return NULL;
}

/*
 * Where labels say what other hashes are, one that has none, or an unknown one, may be anything.
 */
static bool is_doubtful(const struct reader *reader, const struct line_hashes *found,
			struct slice line)
{
	if (!reader->labels || found->labelled ||
	    (!found->sample.imphash.length && !found->sample.impfuzzy.length))
		return false;
	struct slice before = slice_clean(slice_upto(line.at, found->first));
	return reader->lost || (before.length && strchr(":=", before.at[before.length - 1]));
}

/* JPCERT's CSV: a file's name, its impfuzzy, and then the hashes of the file. */
static bool is_behind_impfuzzy(const struct line_hashes *found)
{
	const struct list_sample *sample = &found->sample;
	return sample->impfuzzy.length && !sample->imphash.length &&
	       sample->impfuzzy.at < found->longer_at;
}

/* A hash of which only the form says what it is, in a line that was damaged. */
static bool is_damaged(const struct line_hashes *found, struct slice line)
{
	return !found->labelled && found->sample.imphash.length && line_has_part(line);
}

/* Counts what is left out of a line, and tells what is wrong in it. */
static void leave(struct reader *reader, const struct line_hashes *found)
{
	struct list *list = reader->list;
	size_t files = found->files + (found->longer && reader->labels);
	for (size_t i = 0; i < files; i++)
		list_leave(list, LIST_LEFT_FILE_HASH);
	if (found->unsaid.length)
		list_unread(list, "nothing says which hash this is: '%.*s'",
			    (int)min_of(found->unsaid.length, (size_t)60), found->unsaid.at);
	if (found->bad.length)
		list_unread(list, "'%.*s' is no %s", (int)min_of(found->bad.length, (size_t)60),
			    found->bad.at, list_kind_name(found->bad_kind));
}

static void count_bare(struct reader *reader, const struct line_hashes *found, struct slice line)
{
	if (found->labelled || !found->sample.imphash.length)
		return;
	reader->bare++;
	if (found->sample.impfuzzy.length || !line_is_md5sum(line))
		return;
	if (!reader->like_md5sum++)
		reader->like_md5sum_line = reader->list->line;
}

/* 64 digits, and nothing says what they are: maybe of types or functions. */
static bool is_either(const struct reader *reader, const struct line_hashes *found,
		      struct slice line)
{
	if (!found->either.length)
		return false;
	const char *end = found->either.at + found->either.length;
	bool opened = found->either.at > line.at && found->either.at[-1] == '"';
	bool closed = end < line.at + line.length && *end == '"';
	/* A quote that is not closed: the line was cut. */
	if (opened != closed || has_digits(slice_upto(line.at, found->either.at)) ||
	    has_digits(slice_upto(end, line.at + line.length)))
		return false;
	return found->longer_count == 1 && !found->any && !found->files && !found->bad.length &&
	       !reader->labels && !reader->files && !line_is_sha256sum(line);
}

static struct error *take_either(struct reader *reader, struct line_hashes *found,
				 struct slice line)
{
	found->first = found->either.at;
	found->behind = found->either.at + found->either.length;
	text_clear(&reader->name);
	if (!reader->either++)
		reader->either_line = reader->list->line;
	const struct list_sample sample = {.either = found->either,
					   .name = line_name(found, line, &reader->name)};
	return list_take(reader->list, &sample);
}

static struct error *take_line(struct reader *reader, struct slice line)
{
	struct list *list = reader->list;
	struct line_hashes found;
	line_look(&found, line, reader->section);
	if (is_either(reader, &found, line))
		return take_either(reader, &found, line);
	reader->labels |= found.labelled;
	reader->files |= found.files || found.longer;
	leave(reader, &found);
	if (!found.any && (found.files || found.bad.length || (found.longer && reader->labels)))
		return NULL;
	if (!found.any && !found.longer)
		return take_text(reader, line, &found);
	bool longer = found.longer && !is_behind_impfuzzy(&found);
	if ((longer || found.other.length) && !reader->labels)
		return refuse(reader, line, &found);
	if (found.other.length || is_doubtful(reader, &found, line) || is_damaged(&found, line)) {
		list_unread(list, "nothing says which hash this is: '%.*s'",
			    (int)min_of(line.length, (size_t)60), line.at);
		return NULL;
	}
	bool md5sum = line_is_md5sum_binary(line);
	if (md5sum && !found.labelled && !reader->says_imphash) {
		list_leave(list, LIST_LEFT_FILE_HASH);
		return NULL;
	}
	count_bare(reader, &found, line);
	text_clear(&reader->name);
	found.sample.name = line_name(&found, line, &reader->name);
	if (reader->own)
		found.sample.name = slice_unescaped(found.sample.name, &reader->name);
	if (md5sum && slice_begins(found.sample.name, "*"))
		found.sample.name = slice_from(found.sample.name, 1);
	return list_take(list, &found.sample);
}

/* A comment may say what is below it. */
static void note_comment(struct reader *reader, struct slice comment)
{
	enum list_kind heading = has_digits(comment) ? KIND_NONE : list_heading_kind(comment);
	reader->says_imphash |= slice_find(comment, "imphash") != NULL;
	reader->own |= slice_begins(comment, "# imphash  ") && slice_ends(comment, "  Path");
	if (heading == KIND_NONE)
		return;
	reader->section = heading;
	reader->labels = true;
	reader->lost = false;
}

/* All lines are as md5sum writes them, and nothing says that they are something else. */
static void warn_of_md5sum(const struct reader *reader)
{
	struct list *list = reader->list;
	if (!reader->like_md5sum || reader->like_md5sum < reader->bare || reader->says_imphash)
		return;
	list_tell(
		list,
		"its lines are as md5sum writes them (line %zu: a hash, two blanks, a file): an "
		"MD5 "
		"of a file has the form of an imphash, and matches nothing. For the import hashes "
		"of files see -e; a first line '# imphash' says that these are some",
		reader->like_md5sum_line);
}

/* Most hashes of this form are of files. */
static void tell_either(const struct reader *reader)
{
	if (reader->either)
		list_tell(
			reader->list,
			"nothing says what its %zu %s of 64 digits %s (line %zu): compared as "
			"typerefhash and as gimphash; the SHA-256 of a file has the same form, and "
			"matches nothing",
			reader->either, reader->either == 1 ? "hash" : "hashes",
			reader->either == 1 ? "is" : "are", reader->either_line);
}

/* The bars and dashes under the heading of a table of Markdown, and frames. */
static bool is_rule(struct slice line)
{
	for (size_t i = 0; i < line.length; i++)
		if (!strchr("|-:+= ", line.at[i]) || !line.at[i])
			return false;
	return true;
}

/* Takes a line that is but "hash name"; false: it is another. */
static bool take_simple(struct reader *reader, struct slice line, struct error **error)
{
	struct list_sample sample;
	if (reader->labels || reader->own || !line_is_simple(slice_trim(line), &sample))
		return false;
	reader->lines++;
	reader->bare += sample.imphash.length > 0;
	*error = list_take(reader->list, &sample);
	return true;
}

static struct error *take_any(struct reader *reader, struct slice line)
{
	struct list *list = reader->list;
	struct error *error;
	if (take_simple(reader, line, &error))
		return error;
	struct slice clean = slice_clean(line);
	/* A quote that the line ends with may be a name's. */
	line = slice_trim(line);
	if (slice_begins(line, "\xef\xbb\xbf"))
		line = slice_trim(slice_from(line, 3));
	if (!clean.length || is_rule(line))
		return NULL;
	if (*clean.at == '#') {
		note_comment(reader, clean);
		return NULL;
	}
	reader->lines++;
	if (line_is_feed_cache(line))
		return error_new("%s:%zu: this is the hashes.csv of a MISP feed: MD5 hashes "
				 "of the attributes' values, and UUIDs of events. It has no "
				 "import hashes: take the events themselves",
				 list->label, list->line);
	if (slice_is(line, "no results") || slice_means_nothing(clean)) {
		list_leave(list, LIST_LEFT_EMPTY);
		return NULL;
	}
	return take_line(reader, line);
}

/* Has the text a hash with a label? Then all of it is read by labels. */
static bool has_labels(struct reader *reader)
{
	struct slice head = list_rest(reader->list), line;
	head.length = min_of(head.length, (size_t)LIST_HEAD_SIZE);
	while (slice_next_line(&head, &line)) {
		struct line_hashes found;
		struct list_sample sample;
		if (line_is_simple(slice_trim(line), &sample))
			continue;
		struct slice clean = slice_clean(line);
		if (!clean.length || *clean.at == '#')
			continue;
		line_look(&found, line, reader->section);
		if (found.labelled)
			return true;
	}
	return false;
}

struct error *list_read_plain(struct list *list)
{
	struct reader reader = {.list = list};
	struct error *error = NULL;
	reader.labels = has_labels(&reader);
	while (!error) {
		struct slice line;
		error = reader.labels ? list_next_short_line(list, &line)
				      : list_next_line(list, &line);
		if (error || !line.at)
			break;
		error = take_any(&reader, line);
	}
	list->report->nothing = !error && !reader.lines;
	if (!error) {
		warn_of_md5sum(&reader);
		tell_either(&reader);
	}
	text_free(&reader.name);
	return error;
}
