/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parses the API set schema and searches it. Microsoft does not document its structures. Names and
 * layout are those of API_SET_NAMESPACE and its forms _V2 and _V4 in the public symbols, and in
 * ntdll's headers as several projects reconstructed them (phnt: ntpebteb.h, apisetschema):
 *
 *	V2 (Windows 7, 8)  namespace {Version, Count, entries}, entry {NameOffset, NameLength,
 *			   DataOffset}, data {Count, values}, value {NameOffset, NameLength,
 *			   ValueOffset, ValueLength}
 *	V4 (Windows 8.1)   namespace {Version, Size, Flags, Count, entries}, entry {Flags,
 *			   NameOffset, NameLength, AliasOffset, AliasLength, DataOffset}, data {Flags,
 *			   Count, values}, value {Flags, NameOffset, NameLength, ValueOffset,
 *			   ValueLength}
 *	V6 (Windows 10 on) namespace {Version, Size, Flags, Count, EntryOffset, HashOffset,
 *			   HashFactor}, entry {Flags, NameOffset, NameLength, HashedLength,
 *			   ValueOffset, ValueCount}, value as V4
 *
 * All members have 32 bits, offsets are relative to the namespace, names are UTF-16 without a NUL.
 * V2 and V4 leave out the "api-" or "ext-" in front. The number behind the last hyphen is not
 * compared, since later revisions of an API set contain the earlier ones. A value with a name is
 * the host for importers of that name only.
 */
#include <impscan/api_set.h>

#include <ctype.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <impscan/address_map.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>
#include <impscan/page_size.h>

#include "exports/api_set_common.h"

enum {
	SCHEMA_MAX = 1 << 20,	  /* bytes; the schema of Windows 11 has about 130 KB */
	SCHEMA_UNSIZED = 1 << 18, /* bytes read of V2, which has no size; Windows 7's has 8 KB */
	ENTRIES_MAX = 0x8000,
	VALUES_MAX = 32,
	NAME_MAX_CHARS = 255,
	HEAD_SIZE = 28, /* of the longest namespace header */
};

struct set_host {
	const char *importer; /* "": all that have no host of their own */
	const char *host;
};

struct api_set {
	char *name;	     /* lower case, without the number behind the last hyphen */
	size_t first, count; /* its hosts, in `values` of struct api_sets */
};

struct api_sets {
	atomic_uint references;
	struct api_set *entries; /* sorted by name */
	size_t count;
	struct set_host *values;
	size_t value_count;
	char *text; /* all names, in no more bytes than the schema has */
	bool bare;  /* names are without "api-" and "ext-" */
};

/* Offsets and sizes of a version's members, in bytes. */
struct schema_version {
	uint32_t version;
	uint32_t count, entries, entry_size; /* in the namespace; entries 0: by EntryOffset */
	uint32_t name, name_length;	     /* in an entry */
	uint32_t data;			     /* in an entry: offset of the values or their header */
	uint32_t data_count, data_values;    /* in that header; 0: it has none */
	uint32_t value_size, importer, value; /* in a value: a name's offset, then its length */
};

static const struct schema_version versions[] = {
	{2, 4, 8, 12, 0, 4, 8, 0, 4, 16, 0, 8},
	{4, 12, 16, 24, 4, 8, 20, 4, 8, 20, 4, 12},
	{6, 12, 0, 24, 4, 8, 16, 0, 0, 20, 4, 12},
};

struct schema {
	const uint8_t *data;
	uint32_t size;
	const struct schema_version *v;
	struct api_sets *sets;
	size_t used;		  /* bytes of sets->text */
	size_t values;		  /* read so far */
	struct address_map names; /* places in sets->text by a name's offset and length */
	bool overlapping;	  /* names or values are larger than the schema: not a real one */
};

static uint32_t get(const struct schema *s, uint64_t offset)
{
	return range_within(offset, 4, s->size) ? le32(s->data + offset) : 0;
}

/* Returns a name in lower case; NULL when it is not printable ASCII. */
static char *get_name(struct schema *s, uint32_t offset, uint32_t bytes)
{
	if (bytes % 2 || bytes / 2 > NAME_MAX_CHARS || !range_within(offset, bytes, s->size))
		return NULL;
	if (bytes / 2 + 1 > s->size - s->used) {
		s->overlapping = true;
		return NULL;
	}
	char *name = s->sets->text + s->used;
	for (uint32_t i = 0; i < bytes / 2; i++) {
		uint16_t c = le16(s->data + offset + i * 2);
		if (c <= ' ' || c > '~')
			return NULL;
		name[i] = (char)tolower(c);
	}
	name[bytes / 2] = '\0';
	s->used += bytes / 2 + 1;
	return name;
}

/* The same for a name whose offset stands at `at`. Values share names: each is stored once. */
static const char *get_shared_name(struct schema *s, uint64_t at)
{
	uint32_t offset = get(s, at), bytes = get(s, at + 4);
	uint64_t key = (uint64_t)offset << 32 | bytes, where;
	if (!bytes)
		return "";
	if (bytes / 2 > NAME_MAX_CHARS)
		return NULL;
	if (address_map_get(&s->names, key, &where))
		return s->sets->text + where;
	const char *name = get_name(s, offset, bytes);
	if (name)
		address_map_add(&s->names, key, (uint64_t)(name - s->sets->text));
	return name;
}

static void read_values(struct schema *s, uint64_t entry, struct api_set *e)
{
	struct api_sets *sets = s->sets;
	uint32_t data = get(s, entry + s->v->data);
	uint32_t count = s->v->data_values ? get(s, (uint64_t)data + s->v->data_count)
					   : get(s, entry + s->v->data + 4);
	uint64_t value = (uint64_t)data + s->v->data_values;
	count = min_of(count, (uint32_t)VALUES_MAX);
	e->first = sets->value_count;
	for (uint32_t i = 0; i < count && !s->overlapping; i++, value += s->v->value_size) {
		if (s->values++ == s->size / s->v->value_size) {
			s->overlapping = true;
			return;
		}
		const char *importer = get_shared_name(s, value + s->v->importer);
		const char *host = get_shared_name(s, value + s->v->value);
		if (!importer || !host || !*host)
			continue;
		sets->values[sets->value_count++] = (struct set_host){importer, host};
		e->count++;
	}
}

/* Cuts the number behind the last hyphen. */
static void cut_revision(char *name)
{
	char *hyphen = strrchr(name, '-');
	if (hyphen)
		*hyphen = '\0';
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct api_set *)a)->name, ((const struct api_set *)b)->name);
}

static struct api_sets *parse(struct schema *s)
{
	struct api_sets *sets = s->sets = alloc_new(struct api_sets);
	atomic_init(&sets->references, 1);
	size_t capacity = 0;
	uint32_t count = min_of(get(s, s->v->count), (uint32_t)ENTRIES_MAX);
	uint64_t entry = s->v->entries ? s->v->entries : get(s, 16);
	sets->bare = s->v->version < 6;
	sets->text = alloc_zero(s->size, 1);
	sets->values = alloc_zero(s->size / s->v->value_size, sizeof(*sets->values));
	for (uint32_t i = 0; i < count && !s->overlapping; i++, entry += s->v->entry_size) {
		char *name =
			get_name(s, get(s, entry + s->v->name), get(s, entry + s->v->name_length));
		if (!name || !*name)
			continue;
		cut_revision(name);
		struct api_set *e = array_push(sets->entries, sets->count, capacity);
		*e = (struct api_set){.name = name};
		read_values(s, entry, e);
	}
	address_map_free(&s->names);
	if (!sets->count || s->overlapping) {
		api_sets_unref(sets);
		return NULL;
	}
	sets->values = alloc_resize(sets->values, max_of(sets->value_count, (size_t)1),
				    sizeof(*sets->values));
	qsort(sets->entries, sets->count, sizeof(*sets->entries), compare_entries);
	return sets;
}

/* Returns the version with which a schema begins; NULL when it is not a known one. */
static const struct schema_version *version_of(const uint8_t *head)
{
	for (size_t i = 0; i < array_size(versions); i++)
		if (versions[i].version == le32(head))
			return &versions[i];
	return NULL;
}

uint8_t *api_sets_copy(api_set_read *read, void *context, uint64_t address, size_t *size,
		       bool *whole)
{
	uint8_t head[HEAD_SIZE];
	if (!address || !read(context, address, head, sizeof(head)))
		return NULL;
	const struct schema_version *v = version_of(head);
	if (!v)
		return NULL;
	uint32_t end = v->version == 2 ? SCHEMA_UNSIZED : le32(head + 4);
	if (end < sizeof(head) || end > SCHEMA_MAX)
		return NULL;
	/* What is not present stays zero: entries there have no name, and are skipped. */
	uint8_t *data = alloc_zero(end, 1);
	uint32_t at = 0;
	*whole = true;
	while (at < end) {
		uint32_t page = (uint32_t)(PAGE_SIZE - (address + at) % PAGE_SIZE);
		uint32_t n = min_of(page, end - at);
		bool present = read(context, address + at, data + at, n);
		if (!present && v->version == 2)
			break;
		*whole &= present;
		at += n;
	}
	*size = at;
	return data;
}

struct api_sets *api_sets_parse(const uint8_t *schema, size_t size)
{
	if (size < HEAD_SIZE || size > SCHEMA_MAX)
		return NULL;
	struct schema s = {.data = schema, .size = (uint32_t)size, .v = version_of(schema)};
	return s.v ? parse(&s) : NULL;
}

struct api_sets *api_sets_read(api_set_read *read, void *context, uint64_t address)
{
	size_t size = 0;
	bool whole;
	_cleanup_free_ uint8_t *schema = api_sets_copy(read, context, address, &size, &whole);
	return schema ? api_sets_parse(schema, size) : NULL;
}

struct api_sets *api_sets_ref(struct api_sets *sets)
{
	atomic_fetch_add_explicit(&sets->references, 1, memory_order_relaxed);
	return sets;
}

void api_sets_unref(struct api_sets *sets)
{
	if (!sets || atomic_fetch_sub_explicit(&sets->references, 1, memory_order_acq_rel) != 1)
		return;
	free(sets->entries);
	free(sets->values);
	free(sets->text);
	free(sets);
}

size_t api_sets_count(const struct api_sets *sets)
{
	return sets->count;
}

bool api_set_is(const char *dll)
{
	return !strncasecmp(dll, "api-", 4) || !strncasecmp(dll, "ext-", 4);
}

static const char *find(const struct api_sets *sets, const char *name, const char *importer)
{
	struct api_set key = {.name = (char *)(sets->bare ? name + 4 : name)};
	const struct api_set *e =
		bsearch(&key, sets->entries, sets->count, sizeof(key), compare_entries);
	const char *host = NULL;
	for (size_t i = 0; e && i < e->count; i++) {
		const struct set_host *v = &sets->values[e->first + i];
		if (!*v->importer)
			host = host ? host : v->host;
		else if (importer && !strcasecmp(v->importer, importer))
			return v->host;
	}
	return host;
}

const char *api_set_host(const struct api_sets *sets, const char *dll, const char *importer)
{
	char name[NAME_MAX_CHARS + 1];
	size_t length = strlen(dll);
	if (!api_set_is(dll) || length >= sizeof(name))
		return NULL;
	for (size_t i = 0; i <= length; i++)
		name[i] = (char)tolower((unsigned char)dll[i]);
	if (length > 4 && !strcmp(name + length - 4, ".dll"))
		name[length - 4] = '\0';
	cut_revision(name);
	const char *host = strlen(name) > 4 && sets ? find(sets, name, importer) : NULL;
	return host ? host : api_set_common_host(name);
}
