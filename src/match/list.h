/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: what the readers of lists share. list.c knows the forms; each form is a
 * file, list_NAME.c. They get what they read from the input (list_input.c), and give what they find
 * to list_take() (list_take.c), which judges the values and counts.
 */
#ifndef IMPSCAN_MATCH_LIST_H
#define IMPSCAN_MATCH_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>
#include <impscan/match.h>
#include <impscan/text.h>

#include "known.h"

/* Lines and records are no longer; a file without newlines is not read to its end for one. */
#define LIST_LINE_MAX (1u << 20)

/* So much of a list is looked at to tell its form. */
#define LIST_HEAD_SIZE (256u << 10)

/* Bytes of one document (JSON, XML, YAML, rules) that is read as a whole. */
#define LIST_DOCUMENT_MAX (256u << 20)

/* Bytes of a name or comment; a list may have a name of any length for each hash, or for all. */
#define LIST_NAME_MAX 1024

/* Where bytes come from. Returns how many were read, 0 at the end, -1 with `*error` set. */
struct list_bytes {
	ssize_t (*read)(void *context, void *to, size_t size, struct error **error);
	void *context;
};

enum list_encoding { LIST_UTF8, LIST_UTF16_LE, LIST_UTF16_BE };

/* A list that is being read. */
struct list {
	struct known *known;
	struct list_report *report;
	const char *label; /* for sentences */
	const char *path;  /* of a file that can be read again from its start; NULL: none */
	struct list_bytes bytes;
	enum list_encoding encoding;
	struct text raw; /* UTF-16 that is not yet converted */
	char *buffer;
	size_t capacity;
	size_t start; /* what is not yet taken: buffer[start, end) */
	size_t end;
	bool at_end;
	size_t line; /* number of the line, or of the record's or document's first, taken last */
	size_t next_line;
	bool cut; /* that names are cut was told */
};

/* As known_add_list(), of a text. `label` is its name for sentences. */
struct error *known_add_text(struct known *known, const char *label, struct slice text,
			     struct list_report *report);

/* --- list_input.c --- */

/* Releases what reading takes. */
void list_input_free(struct list *list);

/* Reads until `want` bytes are there, or the end is. */
struct error *list_need(struct list *list, size_t want);

/* What has been read and not taken. */
static inline struct slice list_rest(const struct list *list)
{
	return (struct slice){list->buffer + list->start, list->end - list->start};
}

/* Takes `count` bytes of it, in which `lines` newlines are. */
static inline void list_skip(struct list *list, size_t count, size_t lines)
{
	list->start += count;
	list->next_line += lines;
}

size_t list_newlines(struct slice s);

/* The next line, without its newline; `line->at` is NULL at the end of the list. */
struct error *list_next_line(struct list *list, struct slice *line);

/* The same, but a line longer than LIST_LINE_MAX is told and passed over. */
struct error *list_next_short_line(struct list *list, struct slice *line);

/* Passes over what is left of the line, however long it is. */
struct error *list_skip_line(struct list *list);

/* All of it, up to LIST_DOCUMENT_MAX. */
struct error *list_whole(struct list *list, struct slice *text);

/* --- list_take.c --- */

/* What a list says of one sample; empty slices are left out. */
struct list_sample {
	union {
		struct slice of[TEXTS]; /* as in struct hash_texts */
		struct {
			struct slice imphash, impfuzzy, impset, typerefhash, typerefuzzy, gimphash,
				gimpfuzzy, either, ordinal;
		};
	};
	struct slice md5; /* of the file: an imphash equal to it is none */
	struct slice name;
	struct slice comment;
	/* Of hashes that list_hash_at() found; all zero: whoever judges them has to parse. */
	struct fuzzy_shape shapes[HASH_TYPES];
	bool unlabelled; /* nothing but their form says what the hashes are */
};

/*
 * Adds a sample. What is empty, equal to one before, of a file or no hash is counted as left out.
 * Fails where the set is full, and on a number that a spreadsheet has made of a hash.
 */
struct error *list_take(struct list *list, const struct list_sample *sample);

/* Counts what is left out. */
static inline void list_leave(struct list *list, enum list_left kind)
{
	list->report->left[kind]++;
}

/* Counts a line that is not understood, at list->line; the first five are told, with why. */
void list_unread(struct list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a sentence that is told of the list. */
void list_tell(struct list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- list_words.c --- */

/* Without blanks, invisible characters, quotes and backticks around it. */
struct slice slice_clean(struct slice s);
struct slice slice_visible(struct slice s); /* blanks and invisible characters only */
struct slice slice_trim(struct slice s);    /* blanks only */

bool slice_is_blank(char c); /* also a newline */

/*
 * A name in quotes without them, in `buffer`. A quote inside is doubled in CSV and has a backslash
 * before it in what ssdeep writes; a name that only begins with a quote is left as it is.
 */
struct slice slice_unquoted(struct slice s, struct text *buffer);

/* A name of impscan's own tables and CSV as it was before it was printed, maybe in `buffer`. */
struct slice slice_unescaped(struct slice s, struct text *buffer);

static inline struct slice slice_of(const char *string)
{
	return (struct slice){string, string ? __builtin_strlen(string) : 0};
}

static inline struct slice slice_upto(const char *at, const char *end)
{
	return (struct slice){at, (size_t)(end - at)};
}

bool slice_is(struct slice s, const char *text);	  /* letters in any case */
bool slice_begins(struct slice s, const char *text);	  /* the same */
bool slice_ends(struct slice s, const char *text);	  /* the same */
const char *slice_find(struct slice s, const char *text); /* the same; NULL: not there */

/* How many hex digits `s` begins with. */
size_t slice_hex(struct slice s);

/* The length of the blank that `s` begins with, or of the comment as C has them; 0: neither. */
size_t slice_blank(struct slice s);

/* "n/a", "none", "-" ..., or nothing: no value. */
bool slice_means_nothing(struct slice s);

enum list_kind {
	KIND_NONE,
	KIND_IMPHASH, /* from here on 1 + enum hash_type */
	KIND_IMPFUZZY,
	KIND_IMPSET,
	KIND_TYPEREFHASH,
	KIND_TYPEREFUZZY,
	KIND_GIMPHASH,
	KIND_GIMPFUZZY,
	KIND_EITHER, /* 64 digits of which nothing says what they are */
	KIND_FILE,
	KIND_MD5,
};

/* Is it one of our hashes, as a name says it? */
static inline bool kind_is_ours(enum list_kind kind)
{
	return kind >= KIND_IMPHASH && kind <= KIND_GIMPFUZZY;
}

/* Is it one of ours that has ssdeep's form? */
static inline bool kind_is_fuzzy(enum list_kind kind)
{
	return kind_is_ours(kind) && hash_type_is_fuzzy((unsigned int)(kind - KIND_IMPHASH));
}

/* Where in a sample a hash of ours, or KIND_EITHER, stands. */
static inline unsigned int kind_text(enum list_kind kind)
{
	return (unsigned int)(kind - KIND_IMPHASH);
}

/* The same the other way round. */
static inline enum list_kind text_kind(unsigned int text)
{
	return (enum list_kind)(text + KIND_IMPHASH);
}

/*
 * What a column, key or label of this name holds: one of our hashes, a hash of a file (KIND_FILE;
 * MD5 apart), or something else. Case, `_`, `-`, blanks and what stands before the last point are
 * ignored.
 */
enum list_kind list_kind_of(struct slice name);

/* False where list_kind_of() has nothing to say, also without its last words: quickly. */
bool list_may_be_kind(struct slice name);

/* "imphash", "impfuzzy", "impset", ...; NULL: no hash of ours. */
const char *list_kind_name(enum list_kind kind);

/*
 * The hash that `s` begins with, whole up to a separator: its length, its kind, and where the
 * pieces of one of ssdeep's form lie, without its prefix. 0: none.
 */
size_t list_hash_at(struct slice s, enum list_kind *kind, struct fuzzy_shape *shape);

/* The next line of a text; false at its end. */
bool slice_next_line(struct slice *rest, struct slice *line);

#endif
