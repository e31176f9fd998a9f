/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The set of known hashes: adding hashes to it. The index is index.c's, searching find.c's.
 *
 * All texts lie in one piece of memory, each hash followed by its name. An entry is 16 bytes and
 * has the position of its text. A set of a million hashes takes some 180 MB, half of it texts.
 */
#include "known.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/text.h>

#include "index.h"
#include "list.h"
#include "sample_imports.h"
#include "seen.h"

struct known *known_new(void)
{
	return alloc_new(struct known);
}

void known_free(struct known *known)
{
	if (!known)
		return;
	index_free(&known->index);
	sample_imports_free(known->imports);
	known_seen_free(&known->seen);
	free(known->text);
	free(known->entries);
	free(known);
}

void known_set_password(struct known *known, const char *password)
{
	known->password = password;
}

size_t known_count(const struct known *known)
{
	return known->count;
}

void known_seal(struct known *known)
{
	if (known->sealed)
		return;
	known_seen_free(&known->seen);
	/* What doubling has left over. */
	known->text = alloc_resize(known->text, known->text_length, 1);
	known->text_capacity = known->text_length;
	known->entries = alloc_resize(known->entries, known->count, sizeof(*known->entries));
	known->capacity = known->count;
	index_build(known);
	sample_imports_seal(known);
	known->sealed = true;
}

/* Does nothing more of a word follow? */
static bool word_ends(struct slice s, size_t n)
{
	return n == s.length || slice_is_blank(s.at[n]) || s.at[n] == ',';
}

/* The imphash that `s` begins with: IMPHASH_LENGTH, or 0. */
static size_t imphash_at(struct slice s)
{
	size_t n = slice_hex((struct slice){s.at, min_of(s.length, (size_t)IMPHASH_LENGTH)});
	return n == IMPHASH_LENGTH && word_ends(s, n) ? n : 0;
}

/* The same for an impfuzzy. */
static size_t impfuzzy_at(struct slice s, struct fuzzy_shape *shape)
{
	size_t n = fuzzy_parse(s.at, s.length, shape);
	return n && word_ends(s, n) ? n : 0;
}

#define PREFIX_LENGTH (sizeof(IMPSET_PREFIX) - 1)

static bool has_prefix(struct slice s)
{
	return s.length >= PREFIX_LENGTH && !memcmp(s.at, IMPSET_PREFIX, PREFIX_LENGTH);
}

/* The same for an impset, which has its prefix; the shape is of what stands behind it. */
static size_t impset_at(struct slice s, struct fuzzy_shape *shape)
{
	size_t n = has_prefix(s) ? impfuzzy_at(slice_from(s, PREFIX_LENGTH), shape) : 0;
	return n ? PREFIX_LENGTH + n : 0;
}

#define HASHES_A_SAMPLE 3

/* Takes the hash that `s` begins with. Returns its length; 0: none, or one of its kind is there. */
static size_t take_hash(struct hashes_parsed *parsed, struct slice s)
{
	struct hash_texts *texts = &parsed->texts;
	struct slice *kind = NULL;
	size_t n;
	if (!texts->imphash.length && (n = imphash_at(s)))
		kind = &texts->imphash;
	else if (!texts->impfuzzy.length && (n = impfuzzy_at(s, &parsed->impfuzzy)))
		kind = &texts->impfuzzy;
	else if (!texts->impset.length && (n = impset_at(s, &parsed->impset)))
		kind = &texts->impset;
	if (!kind)
		return 0;
	*kind = (struct slice){s.at, n};
	return n;
}

struct error *known_not_a_hash(struct slice text)
{
	const size_t most = 60;
	text = slice_trim(text);
	_cleanup_free_ char *start =
		alloc_strndup(text.at, text.length < most ? text.length : most);
	return error_new("'%s%s' is neither an imphash (32 hex digits) nor an impfuzzy hash "
			 "(BLOCKSIZE:TEXT:TEXT) nor an impset hash (" IMPSET_PREFIX
			 "BLOCKSIZE:TEXT:TEXT)",
			 start, text.length > most ? "..." : "");
}

static void add_text(struct known *known, const char *text, size_t length)
{
	if (length >= known->text_capacity - known->text_length) {
		known->text_capacity = known->text_capacity * 2 + length + 4096;
		known->text = alloc_resize(known->text, known->text_capacity, 1);
	}
	if (length)
		memcpy(known->text + known->text_length, text, length);
	known->text_length += length;
	known->text[known->text_length++] = '\0';
}

static void add_string(struct known *known, struct slice s)
{
	add_text(known, s.at, strnlen(s.at ? s.at : "", s.length));
}

static struct known_entry *add_entry(struct known *known, struct slice hash, struct slice name,
				     struct slice comment)
{
	struct known_entry *entry = array_push(known->entries, known->count, known->capacity);
	entry->text = known->text_length & (2 * KNOWN_TEXT_MAX - 1);
	add_text(known, hash.at, hash.length);
	add_string(known, name);
	add_string(known, comment);
	return entry;
}

/* Hex digits as they are kept. */
static void lower_imphash(char lower[IMPHASH_LENGTH], struct slice hash)
{
	for (size_t i = 0; i < IMPHASH_LENGTH; i++)
		lower[i] = (char)(hash.at[i] >= 'A' && hash.at[i] <= 'F' ? hash.at[i] | 0x20
									 : hash.at[i]);
}

static void add_imphash(struct known *known, struct slice hash, struct slice name,
			struct slice comment)
{
	char lower[IMPHASH_LENGTH];
	lower_imphash(lower, hash);
	add_entry(known, (struct slice){lower, IMPHASH_LENGTH}, name, comment);
}

static void add_fuzzy(struct known *known, struct slice hash, const struct fuzzy_shape *shape,
		      struct slice name, struct slice comment)
{
	struct known_entry *entry = add_entry(known, hash, name, comment);
	entry->is_fuzzy = true;
	entry->is_set = shape->set;
	entry->block_size = shape->block_size;
	entry->prefix = shape->prefix & 31u;
	entry->length0 = shape->length[0] & 127u;
	entry->length1 = shape->length[1] & 127u;
	entry->folds = shape->folds;
}

/* The text has its prefix. */
static void add_impset(struct known *known, struct slice hash, const struct fuzzy_shape *shape,
		       struct slice name, struct slice comment)
{
	struct fuzzy_shape set = *shape;
	set.prefix = (uint8_t)(shape->prefix + PREFIX_LENGTH);
	set.set = true;
	add_fuzzy(known, hash, &set, name, comment);
	known->has_sets = true;
}

/* Adds hashes that have been parsed; an impset has its prefix. */
static struct error *add_parsed(struct known *known, const struct hashes_parsed *parsed,
				struct slice name, struct slice comment)
{
	const struct hash_texts *texts = &parsed->texts;
	assert(!known->sealed);
	if (known->count > KNOWN_MAX - HASHES_A_SAMPLE || known->text_length > KNOWN_TEXT_MAX)
		return error_new("more than %u hashes, or %llu bytes of hashes and names",
				 KNOWN_MAX, KNOWN_TEXT_MAX);
	size_t first = known->count;
	if (texts->imphash.length)
		add_imphash(known, texts->imphash, name, comment);
	if (texts->impfuzzy.length)
		add_fuzzy(known, texts->impfuzzy, &parsed->impfuzzy, name, comment);
	if (texts->impset.length)
		add_impset(known, texts->impset, &parsed->impset, name, comment);
	for (size_t i = first; i < known->count; i++)
		known->entries[i].place = (i - first) & 3;
	return NULL;
}

/* An impset with its prefix, in `buffer` where it had none. */
static struct slice with_prefix(struct slice impset, struct text *buffer)
{
	if (!impset.length || has_prefix(impset))
		return impset;
	text_add_string(buffer, IMPSET_PREFIX);
	text_add(buffer, impset.at, impset.length);
	return (struct slice){buffer->data, buffer->length};
}

struct error *known_add_new(struct known *known, const struct hashes_parsed *hashes,
			    struct slice name, struct slice comment, bool *equal)
{
	_cleanup_text_ struct text buffer = {0};
	struct slice texts[HASHES_A_SAMPLE];
	size_t count = 0;
	char lower[IMPHASH_LENGTH];
	struct hashes_parsed parsed = *hashes;
	parsed.texts.impset = with_prefix(parsed.texts.impset, &buffer);
	if (parsed.texts.imphash.length) {
		lower_imphash(lower, parsed.texts.imphash);
		texts[count++] = (struct slice){lower, IMPHASH_LENGTH};
	}
	if (parsed.texts.impfuzzy.length)
		texts[count++] = parsed.texts.impfuzzy;
	if (parsed.texts.impset.length)
		texts[count++] = parsed.texts.impset;
	name.length = strnlen(name.at ? name.at : "", name.length);
	*equal = count && known_seen(known, texts, count, name);
	return *equal ? NULL : add_parsed(known, &parsed, name, comment);
}

static struct slice string_slice(const char *string)
{
	return (struct slice){string, strlen(string)};
}

struct error *known_add_hashes(struct known *known, const struct hashes *hashes, const char *name)
{
	_cleanup_text_ struct text buffer = {0};
	struct hashes_parsed parsed = {
		.texts.imphash = string_slice(hashes->imphash),
		.texts.impfuzzy = string_slice(hashes->impfuzzy),
		.texts.impset = string_slice(hashes->impset),
	};
	struct hash_texts *texts = &parsed.texts;
	fuzzy_parse(texts->impfuzzy.at, texts->impfuzzy.length, &parsed.impfuzzy);
	fuzzy_parse(texts->impset.at, texts->impset.length, &parsed.impset);
	texts->impset = with_prefix(texts->impset, &buffer);
	return add_parsed(known, &parsed, string_slice(name), (struct slice){0});
}

struct error *known_add_sample(struct known *known, const struct sample *sample)
{
	size_t entry = known->count;
	try_(known_add_hashes(known, &sample->hashes, sample->path));
	if (sample->entry_count && *sample->hashes.imphash && *sample->hashes.impfuzzy)
		sample_imports_add(known, sample, entry);
	return NULL;
}

/* What stands between two words of a line: blanks and at most one comma. */
static struct slice skip_separator(struct slice s)
{
	s = slice_trim(s);
	if (s.length && s.at[0] == ',')
		s = slice_trim(slice_from(s, 1));
	return s;
}

/* "IMPHASH=...", as Sysmon writes it, "imphash: ...": without what the hash is called. */
static struct slice without_label(struct slice line)
{
	size_t n = 0;
	while (n < line.length && line.at[n] != ':' && line.at[n] != '=')
		n++;
	enum list_kind kind = list_kind_of((struct slice){line.at, n});
	if (n == line.length || (kind != KIND_IMPHASH && kind != KIND_IMPFUZZY))
		return line;
	return slice_trim(slice_from(line, n + 1));
}

struct error *known_add(struct known *known, const char *text, size_t length, const char *name)
{
	struct slice line = without_label(slice_trim((struct slice){text, length}));
	struct slice rest = line;
	struct hashes_parsed parsed = {0};
	for (size_t n; (n = take_hash(&parsed, rest));)
		rest = skip_separator(slice_from(rest, n));
	if (rest.at == line.at)
		return known_not_a_hash(line);
	_cleanup_text_ struct text buffer = {0};
	rest = slice_unquoted(rest, &buffer);
	if (!rest.length && name)
		rest = (struct slice){name, strlen(name)};
	return add_parsed(known, &parsed, rest, (struct slice){0});
}
