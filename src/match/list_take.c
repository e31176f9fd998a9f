/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Judging what a list says: which values are hashes, which mean nothing, and what is to be told.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "fuzzy.h"
#include "index.h"
#include "list.h"

#define TOLD_LINES 5

/* From this block size on most are hashes of files, and from the second on all are (doubt.c). */
#define BLOCK_SIZE_DOUBTFUL 384
#define BLOCK_SIZE_FILES    6144

/* MD5 of nothing, and what Sysmon writes where there are no imports. */
static const char *const empty_imphashes[] = {
	"d41d8cd98f00b204e9800998ecf8427e",
	"00000000000000000000000000000000",
};

static const char *const left_names[] = {
	[LIST_LEFT_EMPTY] = "empty",
	[LIST_LEFT_EQUAL] = "the same as one before",
	[LIST_LEFT_FILE_HASH] = "hashes of files",
	[LIST_LEFT_EXCLUDED] = "excluded by their rule",
	[LIST_LEFT_UNNAMED] = "that their rule's condition does not use",
	[LIST_LEFT_UNDECIDED] = "that their rule may want or exclude",
	[LIST_LEFT_PARTIAL] = "only parts of hashes",
	[LIST_LEFT_DELETED] = "deleted",
	[LIST_LEFT_UNREAD] = "not understood",
};

const char *list_left_name(enum list_left left)
{
	return left_names[left];
}

void list_report_free(struct list_report *report)
{
	text_free(&report->form);
	text_free(&report->lines);
}

void list_tell(struct list *list, const char *format, ...)
{
	_cleanup_free_ char *sentence = NULL;
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&sentence, format, arguments) < 0)
		sentence = NULL;
	va_end(arguments);
	text_add_printable(&list->report->lines, list->label);
	text_add_string(&list->report->lines, ": ");
	text_add_printable(&list->report->lines, sentence ? sentence : format);
	text_add_char(&list->report->lines, '\n');
}

void list_unread(struct list *list, const char *format, ...)
{
	_cleanup_free_ char *sentence = NULL;
	va_list arguments;
	list_leave(list, LIST_LEFT_UNREAD);
	if (list->report->left[LIST_LEFT_UNREAD] > TOLD_LINES)
		return;
	va_start(arguments, format);
	if (vasprintf(&sentence, format, arguments) < 0)
		sentence = NULL;
	va_end(arguments);
	text_add_printable(&list->report->lines, list->label);
	text_add_format(&list->report->lines, ":%zu: ", list->line);
	text_add_printable(&list->report->lines, sentence ? sentence : format);
	text_add_char(&list->report->lines, '\n');
}

/* "1.23E+31", which spreadsheets make of a hash of digits, or with one e between digits. */
static bool is_spreadsheet_number(struct slice s)
{
	size_t i = 0;
	if (s.length > 24 || !s.length || !isdigit((unsigned char)s.at[0]))
		return false;
	while (i < s.length &&
	       (isdigit((unsigned char)s.at[i]) || s.at[i] == '.' || s.at[i] == ','))
		i++;
	if (i + 2 >= s.length || (s.at[i] != 'e' && s.at[i] != 'E') ||
	    (s.at[i + 1] != '+' && s.at[i + 1] != '-'))
		return false;
	for (i += 2; i < s.length; i++)
		if (!isdigit((unsigned char)s.at[i]))
			return false;
	return true;
}

static bool is_empty_imphash(struct slice s)
{
	for (size_t i = 0; i < array_size(empty_imphashes); i++)
		if (slice_is(s, empty_imphashes[i]))
			return true;
	return false;
}

/* ssdeep's block sizes are 3, 6, 12 ...: a time of day is no hash. */
static bool is_block_size(uint32_t n)
{
	while (n > 3 && n % 2 == 0)
		n /= 2;
	return n == 3;
}

/* "12:34:56" */
static bool is_time(struct slice s, const struct fuzzy_shape *shape)
{
	for (size_t i = 0; i < s.length; i++)
		if (s.at[i] != ':' && !isdigit((unsigned char)s.at[i]))
			return false;
	return shape->length[0] <= 2 && shape->length[1] <= 2 && shape->length[0] &&
	       shape->length[1];
}

enum verdict { VERDICT_NOTHING, VERDICT_GOOD, VERDICT_FILE, VERDICT_BAD };

/* A sample that is being judged. */
struct judged {
	struct list *list;
	const struct list_sample *sample;
	struct hashes_parsed hashes; /* those that are good so far */
	enum verdict worst;
};

static enum verdict judge_imphash(struct slice s, const struct list_sample *sample)
{
	if (slice_hex(s) != IMPHASH_LENGTH || s.length != IMPHASH_LENGTH)
		return VERDICT_BAD;
	if (is_empty_imphash(s))
		return VERDICT_NOTHING;
	struct slice md5 = slice_clean(sample->md5);
	if (md5.length == s.length && !strncasecmp(md5.at, s.at, s.length))
		return VERDICT_FILE;
	return VERDICT_GOOD;
}

/* 64 digits. */
static enum verdict judge_sha256(struct slice s)
{
	static const char empty[] =
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	if (slice_hex(s) != SHA256_LENGTH || s.length != SHA256_LENGTH)
		return VERDICT_BAD;
	return slice_is(s, empty) ? VERDICT_NOTHING : VERDICT_GOOD;
}

/* A hash of ssdeep's form without its prefix; its shape is filled where it has not been. */
static enum verdict judge_fuzzy(struct judged *judged, enum list_kind kind, struct slice s)
{
	struct fuzzy_shape *shape = &judged->hashes.shapes[kind_text(kind)];
	bool counts = kind == KIND_IMPFUZZY && !judged->hashes.texts.of[HASH_IMPHASH].length;
	struct list_report *report = judged->list->report;
	if (!shape->prefix && fuzzy_parse(s.at, s.length, shape) != s.length)
		return VERDICT_BAD;
	if (*s.at == '0' || !is_block_size(shape->block_size) || is_time(s, shape))
		return VERDICT_BAD;
	if (!shape->length[0] && !shape->length[1])
		return VERDICT_NOTHING;
	if (counts) {
		report->fuzzy++;
		report->fuzzy_large += shape->block_size >= BLOCK_SIZE_DOUBTFUL;
	}
	if (kind == KIND_IMPFUZZY && judged->sample->unlabelled &&
	    shape->block_size >= BLOCK_SIZE_FILES)
		return VERDICT_FILE;
	return VERDICT_GOOD;
}

static struct slice without_prefix(struct slice s, enum list_kind kind)
{
	size_t n = prefix_length(kind_text(kind));
	return n && s.length > n && !memcmp(s.at, type_prefix(kind_text(kind)), n)
		       ? slice_from(s, n)
		       : s;
}

/* "imphash: 0123...", in a cell of its own. */
static struct slice without_label(struct slice s, enum list_kind kind)
{
	const char *colon = s.length ? memchr(s.at, ':', s.length) : NULL;
	if (!colon || list_kind_of(slice_clean(slice_upto(s.at, colon))) != kind)
		return s;
	return slice_clean(slice_upto(colon + 1, s.at + s.length));
}

static enum verdict judge_kind(struct judged *judged, enum list_kind kind, struct slice s)
{
	if (kind == KIND_IMPHASH)
		return judge_imphash(s, judged->sample);
	s = without_prefix(s, kind);
	return kind_is_fuzzy(kind) ? judge_fuzzy(judged, kind, s) : judge_sha256(s);
}

/* May a label stand before a value of this kind, in the same cell? Prefixes are no labels. */
static bool may_have_label(const struct judged *judged, enum list_kind kind)
{
	return kind == KIND_IMPHASH || kind == KIND_TYPEREFHASH || kind == KIND_GIMPHASH ||
	       (kind == KIND_IMPFUZZY && !judged->hashes.shapes[HASH_IMPFUZZY].prefix);
}

/* Judges one value; it becomes the hash of its kind if it is one. */
static struct error *judge(struct judged *judged, enum list_kind kind, struct slice value,
			   struct slice *hash)
{
	struct list *list = judged->list;
	if (!value.length)
		return NULL;
	struct slice s = slice_clean(value);
	if (may_have_label(judged, kind))
		s = without_label(s, kind);
	if (slice_means_nothing(s))
		return NULL;
	if (is_spreadsheet_number(s))
		return error_new(
			"%s:%zu: '%.*s' is a number, where a hash should be: was the list "
			"opened in a spreadsheet? It makes numbers of hashes: take the list "
			"as it came",
			list->label, list->line, (int)s.length, s.at);
	enum verdict verdict = judge_kind(judged, kind, s);
	if (verdict == VERDICT_GOOD)
		*hash = s;
	if (verdict == VERDICT_BAD)
		list_unread(list, "'%.*s%s' is no %s", (int)min_of(s.length, (size_t)60), s.at,
			    s.length > 60 ? "..." : "", list_kind_name(kind));
	judged->worst = max_of(judged->worst, verdict);
	return NULL;
}

/* A name without what is beyond LIST_NAME_MAX, and without a part of a character at its end. */
static struct slice cut_name(struct list *list, struct slice name)
{
	if (!name.length)
		return name;
	name = slice_trim(name);
	if (name.length <= LIST_NAME_MAX)
		return name;
	if (!list->cut)
		list_tell(list, "names longer than %d bytes are cut", LIST_NAME_MAX);
	list->cut = true;
	name.length = LIST_NAME_MAX;
	while (name.length > LIST_NAME_MAX - 4 && (name.at[name.length] & 0xc0) == 0x80)
		name.length--;
	return name;
}

/* Which texts there are: bit N for number N of struct hash_texts. */
static unsigned int texts_present(const struct slice texts[TEXTS])
{
	unsigned int present = 0;
	for (unsigned int text = 0; text < TEXTS; text++)
		present |= (unsigned int)(texts[text].length > 0) << text;
	return present;
}

/* Counts the hashes of a sample that were taken. */
static void count_taken(struct list_report *report, unsigned int taken)
{
	for (; taken; taken &= taken - 1) {
		unsigned int text = (unsigned int)__builtin_ctz(taken);
		if (text < HASH_TYPES)
			report->taken[text]++;
		else
			report->either++;
	}
}

struct error *list_take(struct list *list, const struct list_sample *sample)
{
	struct judged judged = {.list = list, .sample = sample, .worst = VERDICT_NOTHING};
	struct slice *texts = judged.hashes.texts.of;
	bool equal;
	memcpy(judged.hashes.shapes, sample->shapes, sizeof(sample->shapes));
	for (unsigned int left = texts_present(sample->of); left; left &= left - 1) {
		unsigned int text = (unsigned int)__builtin_ctz(left);
		try_(judge(&judged, text_kind(text), sample->of[text], &texts[text]));
	}
	unsigned int taken = texts_present(texts);
	if (judged.worst == VERDICT_FILE)
		list_leave(list, LIST_LEFT_FILE_HASH);
	if (!taken) {
		if (judged.worst == VERDICT_NOTHING)
			list_leave(list, LIST_LEFT_EMPTY);
		return NULL;
	}
	struct slice name = cut_name(list, sample->name);
	struct slice comment = cut_name(list, sample->comment);
	if (slice_is(name, "n/a"))
		name.length = 0;
	if (slice_means_nothing(comment))
		comment.length = 0;
	struct error *error = known_add_new(list->known, &judged.hashes, name, comment, &equal);
	if (error)
		return error_prefix(error, "%s:%zu", list->label, list->line);
	if (equal) {
		list_leave(list, LIST_LEFT_EQUAL);
		return NULL;
	}
	count_taken(list->report, taken);
	return NULL;
}
