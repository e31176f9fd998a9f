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
#include <impscan/sample.h>
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

/* The digits that `s` begins with: `length` of them, or 0. */
static size_t digits_at(struct slice s, size_t length)
{
	size_t n = slice_hex((struct slice){s.at, min_of(s.length, length)});
	return n == length && word_ends(s, n) ? n : 0;
}

/* The same for ssdeep's form. */
static size_t fuzzy_at(struct slice s, struct fuzzy_shape *shape)
{
	size_t n = fuzzy_parse(s.at, s.length, shape);
	return n && word_ends(s, n) ? n : 0;
}

static bool has_prefix(struct slice s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.length >= n && !memcmp(s.at, prefix, n);
}

/*
 * The hash number `text` that `s` begins with, with its prefix; the shape is of what stands behind
 * it.
 */
static size_t text_at(struct slice s, unsigned int text, struct fuzzy_shape *shape)
{
	unsigned int type = text_type(text);
	size_t prefix = prefix_length(type);
	if (prefix && !has_prefix(s, type_prefix(type)))
		return 0;
	struct slice bare = slice_from(s, prefix);
	size_t n = hash_type_is_fuzzy(type) ? fuzzy_at(bare, shape)
					    : digits_at(bare, digits_length(type));
	return n ? prefix + n : 0;
}

/* Takes the hash that `s` begins with. Returns its length; 0: none, or one of its type is there. */
static size_t take_hash(struct hashes_parsed *parsed, struct slice s)
{
	for (unsigned int text = 0; text <= TEXT_EITHER; text++) {
		struct fuzzy_shape shape = {0};
		size_t n = parsed->texts.of[text].length ? 0 : text_at(s, text, &shape);
		if (!n)
			continue;
		parsed->texts.of[text] = (struct slice){s.at, n};
		if (text < HASH_TYPES)
			parsed->shapes[text] = shape;
		return n;
	}
	return 0;
}

struct error *known_not_a_hash(struct slice text)
{
	const size_t most = 60;
	text = slice_trim(text);
	_cleanup_free_ char *start =
		alloc_strndup(text.at, text.length < most ? text.length : most);
	return error_new("'%s%s' is neither an imphash (32 hex digits) nor an impfuzzy hash "
			 "(BLOCKSIZE:TEXT:TEXT) nor an impset hash (" IMPSET_PREFIX
			 "BLOCKSIZE:TEXT:TEXT) nor one of " TYPEREFHASH_PREFIX
			 ", " TYPEREFUZZY_PREFIX ", " GIMPHASH_PREFIX " and " GIMPFUZZY_PREFIX,
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

/* The longest text that is kept of a hash: digits are shorter. */
#define KEPT_MAX (sizeof(TYPEREFUZZY_PREFIX) + IMPFUZZY_SIZE)

/* The hashes of one sample as they are kept: with their prefixes, digits in lower case. */
struct kept {
	size_t count;
	struct slice texts[TEXTS];
	uint8_t numbers[TEXTS]; /* in struct hash_texts */
	char buffers[TEXTS][KEPT_MAX];
};

/* Digits as they are kept, in `buffer`. */
static struct slice keep_digits(char buffer[KEPT_MAX], unsigned int type, struct slice hash)
{
	size_t prefix = prefix_length(type), digits = digits_length(type);
	memcpy(buffer, type_prefix(type), prefix);
	const char *from = hash.at + (hash.length - digits);
	for (size_t i = 0; i < digits; i++)
		buffer[prefix + i] =
			(char)(from[i] >= 'A' && from[i] <= 'F' ? from[i] | 0x20 : from[i]);
	return (struct slice){buffer, prefix + digits};
}

/* A hash of ssdeep's form as it is kept: in `buffer`, unless it has its prefix already. */
static struct slice keep_fuzzy(char buffer[KEPT_MAX], unsigned int type, struct slice hash)
{
	size_t prefix = prefix_length(type);
	if (!prefix || has_prefix(hash, type_prefix(type)))
		return hash;
	assert(prefix + hash.length <= KEPT_MAX);
	memcpy(buffer, type_prefix(type), prefix);
	memcpy(buffer + prefix, hash.at, hash.length);
	return (struct slice){buffer, prefix + hash.length};
}

static void keep(struct kept *kept, const struct hash_texts *texts)
{
	kept->count = 0;
	for (unsigned int number = 0; number < TEXTS; number++) {
		struct slice hash = texts->of[number];
		if (!hash.length)
			continue;
		unsigned int type = text_type(number);
		char *buffer = kept->buffers[kept->count];
		kept->texts[kept->count] = hash_type_is_fuzzy(type)
						   ? keep_fuzzy(buffer, type, hash)
						   : keep_digits(buffer, type, hash);
		kept->numbers[kept->count++] = (uint8_t)number;
	}
}

/* Adds hashes; `shapes` are those of the ones of ssdeep's form, without their prefixes. */
static struct error *add_kept(struct known *known, const struct kept *kept,
			      const struct fuzzy_shape shapes[HASH_TYPES], struct slice name,
			      struct slice comment)
{
	assert(!known->sealed);
	if (known->count > KNOWN_MAX - TEXTS || known->text_length > KNOWN_TEXT_MAX)
		return error_new("more than %u hashes, or %llu bytes of hashes and names",
				 KNOWN_MAX, KNOWN_TEXT_MAX);
	for (size_t i = 0; i < kept->count; i++) {
		unsigned int type = text_type(kept->numbers[i]);
		struct known_entry *entry = add_entry(known, kept->texts[i], name, comment);
		entry->type = type & 7;
		entry->prefix = prefix_length(type) & 31;
		entry->place = i & 7;
		known->types |= 1u << type;
		if (!hash_type_is_fuzzy(type))
			continue;
		const struct fuzzy_shape *shape = &shapes[type];
		entry->block_size = shape->block_size;
		entry->prefix = (shape->prefix + prefix_length(type)) & 31;
		entry->length0 = shape->length[0] & 127u;
		entry->length1 = shape->length[1] & 127u;
		entry->folds = shape->folds;
	}
	return NULL;
}

struct error *known_add_new(struct known *known, const struct hashes_parsed *hashes,
			    struct slice name, struct slice comment, bool *equal)
{
	struct kept kept;
	keep(&kept, &hashes->texts);
	name.length = strnlen(name.at ? name.at : "", name.length);
	*equal = kept.count && known_seen(known, kept.texts, kept.count, name);
	return *equal ? NULL : add_kept(known, &kept, hashes->shapes, name, comment);
}

static struct slice string_slice(const char *string)
{
	return (struct slice){string, strlen(string)};
}

struct error *known_add_hashes(struct known *known, const struct hashes *hashes, const char *name)
{
	struct hashes_parsed parsed = {0};
	struct kept kept;
	for (unsigned int type = 0; type < HASH_TYPES; type++) {
		struct slice *hash = &parsed.texts.of[type];
		*hash = string_slice(hash_of_type(hashes, (enum hash_type)type));
		if (hash_type_is_fuzzy(type))
			fuzzy_parse(hash->at, hash->length, &parsed.shapes[type]);
	}
	parsed.texts.of[TEXT_ORDINAL] = string_slice(hashes->typerefhash_ordinal);
	keep(&kept, &parsed.texts);
	return add_kept(known, &kept, parsed.shapes, string_slice(name), (struct slice){0});
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
	struct kept kept;
	keep(&kept, &parsed.texts);
	return add_kept(known, &kept, parsed.shapes, rest, (struct slice){0});
}
