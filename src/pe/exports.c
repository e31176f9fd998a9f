/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading the export directory: addresses, names, forwarders. Entries that can't be read are
 * counted.
 *
 * Facts: IMAGE_EXPORT_DIRECTORY of "PE Format".
 */
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/hash_table.h>
#include <impscan/pe.h>
#include <impscan/pe_cursor.h>
#include <impscan/pe_exports.h>
#include <impscan/text.h>

#include <stdlib.h>
#include <string.h>

struct export_directory {
	uint32_t name;
	uint32_t base;
	uint32_t functions;
	uint32_t names;
	uint32_t address_of_functions;
	uint32_t address_of_names;
	uint32_t address_of_ordinals;
};

static bool read_directory(const struct pe *pe, struct export_directory *d)
{
	uint8_t h[40];
	uint32_t rva = pe->directory[PE_DIRECTORY_EXPORT].rva;
	if (pe->status != PE_OK || !rva || pe_copy(pe, rva, h, sizeof(h)) != PE_READ_OK)
		return false;
	*d = (struct export_directory){
		.name = le32(h + 12),
		.base = le32(h + 16),
		.functions = le32(h + 20),
		.names = le32(h + 24),
		.address_of_functions = le32(h + 28),
		.address_of_names = le32(h + 32),
		.address_of_ordinals = le32(h + 36),
	};
	return true;
}

bool pe_export_name(const struct pe *pe, char *buffer, size_t size)
{
	struct export_directory d;
	buffer[0] = '\0';
	return read_directory(pe, &d) && d.name &&
	       pe_string(pe, d.name, buffer, size) == PE_READ_OK && buffer[0];
}

/* One of the three tables, and the part of it that was read last. */
struct export_array {
	struct pe_cursor *cursor;
	uint64_t rva;
	const uint8_t *bytes;
	uint64_t start; /* offset of `bytes` in the table */
	size_t size;
};

/* Returns the entry at an offset in the table; NULL when it can't be read. */
static inline const uint8_t *table_entry(struct export_array *table, uint64_t offset, size_t size)
{
	enum pe_read how;
	if (offset - table->start < table->size && table->size - (offset - table->start) >= size)
		return table->bytes + (offset - table->start);
	table->bytes = pe_cursor_bytes(table->cursor, table->rva + offset, &table->size);
	table->start = offset;
	if (!table->bytes)
		table->size = 0;
	return table->size >= size ? table->bytes
				   : pe_cursor_data(table->cursor, table->rva + offset, size, &how);
}

/* Read entry number `i`. Return false when it can't be read. */
static inline bool table32(struct export_array *table, uint32_t i, uint32_t *value)
{
	const uint8_t *p = table_entry(table, (uint64_t)i * 4, 4);
	if (p)
		*value = le32(p);
	return p != NULL;
}

static inline bool table16(struct export_array *table, uint32_t i, uint16_t *value)
{
	const uint8_t *p = table_entry(table, (uint64_t)i * 2, 2);
	if (p)
		*value = le16(p);
	return p != NULL;
}

/* The tables of a directory. */
struct export_arrays {
	struct pe_cursor cursor;
	struct export_array functions, names, ordinals;
};

static void tables_init(struct export_arrays *t, const struct pe *pe,
			const struct export_directory *d)
{
	pe_cursor_init(&t->cursor, pe);
	t->functions = (struct export_array){.cursor = &t->cursor, .rva = d->address_of_functions};
	t->names = (struct export_array){.cursor = &t->cursor, .rva = d->address_of_names};
	t->ordinals = (struct export_array){.cursor = &t->cursor, .rva = d->address_of_ordinals};
}

static bool is_forwarder(const struct pe *pe, uint32_t rva)
{
	const struct pe_data_directory *directory = &pe->directory[PE_DIRECTORY_EXPORT];
	return rva >= directory->rva && rva - directory->rva < directory->size;
}

/* The string of an RVA. */
struct known_string {
	uint32_t rva;
	uint32_t offset; /* in the strings, + 1; 0: a free slot */
};

static bool string_is_used(const void *slot, const void *key)
{
	(void)key;
	return ((const struct known_string *)slot)->offset;
}

static bool string_matches(const void *slot, const void *key)
{
	return ((const struct known_string *)slot)->rva == *(const uint32_t *)key;
}

static uint64_t string_hash(const void *slot)
{
	return hash_number(((const struct known_string *)slot)->rva);
}

static const struct hash_kind known_strings = {
	sizeof(struct known_string),
	string_is_used,
	string_matches,
	string_hash,
};

/*
 * The state of reading a directory. While strings may move, names are offsets into them, plus 1.
 *
 * Linkers write strings in the order of the names, so that none of them comes twice. They are found
 * by their RVAs only from the first one on that is not above all before.
 */
struct exports_reader {
	const struct pe *pe;
	struct pe_exports *exports;
	struct export_arrays tables;
	struct text strings;
	struct known_string *ordered; /* those that were read in order */
	size_t ordered_count, ordered_capacity;
	struct hash_table known; /* of struct known_string, by RVA; empty while all are in order */
	size_t capacity;
	/* The bytes in memory that the last string was in, and their RVA; NULL: none. */
	const char *bytes;
	size_t bytes_size;
	uint32_t bytes_rva;
};

/* Returns the place of a string that may be known, since its RVA is not above all before. */
static struct known_string *known_place(struct exports_reader *r, uint32_t rva)
{
	for (size_t i = 0; i < r->ordered_count; i++) {
		const struct known_string *string = &r->ordered[i];
		*(struct known_string *)hash_table_place(&r->known, &known_strings,
							 hash_number(string->rva), &string->rva) =
			*string;
		r->known.count++;
	}
	r->ordered_count = 0;
	return hash_table_place(&r->known, &known_strings, hash_number(rva), &rva);
}

/*
 * Returns the string at an RVA where it lies wholly in the page of memory that the last one was in,
 * and sets `*length`; else NULL. As read_string() reads it.
 */
static const char *string_nearby(const struct exports_reader *r, uint32_t rva, size_t *length)
{
	size_t offset = rva - r->bytes_rva;
	if (!r->bytes || rva < r->bytes_rva || offset >= r->bytes_size)
		return NULL;
	const char *string = r->bytes + offset;
	size_t most = min_of(r->bytes_size - offset, (size_t)PE_EXPORT_NAME_MAX);
	const char *end = memchr(string, 0, most);
	*length = end ? (size_t)(end - string) : 0;
	return end;
}

/* Reads the string at an RVA, and adds it to the strings with its NUL. */
static bool read_string(struct exports_reader *r, uint32_t rva)
{
	char buffer[PE_EXPORT_NAME_MAX];
	enum pe_read how;
	size_t length, available;
	const char *end = string_nearby(r, rva, &length);
	if (!end && r->pe->reader->layout == PE_LAYOUT_MEMORY) {
		r->bytes = (const char *)pe_at(r->pe, rva, &available, &how);
		r->bytes_size = r->bytes ? available : 0;
		r->bytes_rva = rva;
		end = string_nearby(r, rva, &length);
	}
	if (end) {
		text_add(&r->strings, end - length, length + 1);
		return true;
	}
	if (pe_string(r->pe, rva, buffer, sizeof(buffer)) != PE_READ_OK)
		return false;
	text_add(&r->strings, buffer, strlen(buffer) + 1);
	return true;
}

/* The string at an RVA, added to the strings; its offset + 1, or 0 when it can't be read. */
static size_t add_string(struct exports_reader *r, uint32_t rva)
{
	struct known_string *place = NULL;
	const struct known_string string = {rva, (uint32_t)r->strings.length + 1};
	if (r->known.count || (r->ordered_count && rva <= r->ordered[r->ordered_count - 1].rva)) {
		place = known_place(r, rva);
		if (place->offset)
			return place->offset;
	}
	if (r->strings.length > PE_EXPORT_STRINGS_MAX || !read_string(r, rva))
		return 0;
	if (place) {
		*place = string;
		r->known.count++;
	} else {
		*array_push(r->ordered, r->ordered_count, r->ordered_capacity) = string;
	}
	return string.offset;
}

/* Adds an export; false when it can't be read. `name` is an offset + 1, 0 for none. */
static bool add_export(struct exports_reader *r, uint32_t base, uint32_t index, uint32_t rva,
		       size_t name)
{
	size_t forwarder = 0;
	if (is_forwarder(r->pe, rva)) {
		forwarder = add_string(r, rva);
		if (!forwarder)
			return false;
	}
	struct pe_exports *e = r->exports;
	*array_push(e->items, e->count, r->capacity) = (struct pe_export){
		.rva = rva,
		.ordinal = base + index,
		.name = (const char *)(uintptr_t)name,
		.forwarder = (const char *)(uintptr_t)forwarder,
	};
	return true;
}

static void add_named(struct exports_reader *r, const struct export_directory *d, uint32_t count,
		      uint8_t *named)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t name_rva;
		uint16_t index;
		uint32_t rva;
		if (!table32(&r->tables.names, i, &name_rva) ||
		    !table16(&r->tables.ordinals, i, &index) || index >= d->functions ||
		    !table32(&r->tables.functions, index, &rva)) {
			r->exports->unreadable++;
			continue;
		}
		size_t name = add_string(r, name_rva);
		if (!name || !add_export(r, d->base, index, rva, name))
			r->exports->unreadable++;
		named[index / 8] |= (uint8_t)(1u << index % 8);
	}
}

static void add_unnamed(struct exports_reader *r, const struct export_directory *d, uint32_t count,
			const uint8_t *named)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t rva;
		if (named[i / 8] & 1u << i % 8)
			continue;
		bool read = table32(&r->tables.functions, i, &rva);
		if (read && !rva) /* a gap in the ordinals */
			continue;
		if (!read || !add_export(r, d->base, i, rva, 0))
			r->exports->unreadable++;
	}
}

void pe_exports_read(const struct pe *pe, struct pe_exports *exports)
{
	*exports = (struct pe_exports){0};
	struct export_directory d;
	if (!read_directory(pe, &d))
		return;
	pe_export_name(pe, exports->name, sizeof(exports->name));
	struct exports_reader r = {.pe = pe, .exports = exports};
	tables_init(&r.tables, pe, &d);
	uint32_t names = min_of(d.names, (uint32_t)PE_EXPORTS_MAX);
	uint32_t functions = min_of(d.functions, (uint32_t)PE_EXPORTS_MAX);
	/* Linkers write the strings into the directory, and most exports have one name. */
	text_reserve(&r.strings, min_of(pe->directory[PE_DIRECTORY_EXPORT].size,
					(uint32_t)PE_EXPORT_STRINGS_MAX));
	r.capacity = max_of(names, functions) + 1;
	exports->items = alloc_resize(NULL, r.capacity, sizeof(*exports->items));
	uint8_t named[PE_EXPORTS_MAX / 8] = {0};
	add_named(&r, &d, names, named);
	add_unnamed(&r, &d, functions, named);
	free(r.known.slots);
	free(r.ordered);
	exports->unreadable += (d.names - names) + (size_t)(d.functions - functions);

	exports->items = alloc_resize(exports->items, exports->count, sizeof(*exports->items));
	exports->strings = alloc_resize(r.strings.data, r.strings.length + 1, 1);
	exports->strings_size = r.strings.length;
	for (size_t i = 0; i < exports->count; i++) {
		struct pe_export *e = &exports->items[i];
		if (e->name)
			e->name = exports->strings + (uintptr_t)e->name - 1;
		if (e->forwarder)
			e->forwarder = exports->strings + (uintptr_t)e->forwarder - 1;
	}
}

void pe_exports_free(struct pe_exports *exports)
{
	free(exports->items);
	free(exports->strings);
	*exports = (struct pe_exports){0};
}

/* Compares a name with the name of entry `i`. Returns false when that can't be read. */
static bool compare_name(const struct pe *pe, struct export_arrays *tables, uint32_t i,
			 const char *name, int *order)
{
	uint32_t rva;
	char buffer[PE_EXPORT_NAME_MAX];
	if (!table32(&tables->names, i, &rva) ||
	    pe_string(pe, rva, buffer, sizeof(buffer)) != PE_READ_OK)
		return false;
	*order = strcmp(name, buffer);
	return true;
}

/*
 * Returns the number of the entry of a name in the name table, or `count`. Linkers sort the table
 * by strcmp(). Where an entry can't be read or the table is not sorted, all entries are compared;
 * so this search stops early, unlike search_first().
 */
static uint32_t find_name(const struct pe *pe, struct export_arrays *tables, uint32_t count,
			  const char *name)
{
	int order;
	for (uint32_t low = 0, high = count; low < high;) {
		uint32_t middle = low + (high - low) / 2;
		if (!compare_name(pe, tables, middle, name, &order))
			break;
		if (!order)
			return middle;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	for (uint32_t i = 0; i < count; i++)
		if (compare_name(pe, tables, i, name, &order) && !order)
			return i;
	return count;
}

uint32_t pe_export_find(const struct pe *pe, const char *name)
{
	struct export_directory d;
	if (!read_directory(pe, &d))
		return 0;
	struct export_arrays tables;
	tables_init(&tables, pe, &d);
	uint32_t count = min_of(d.names, (uint32_t)PE_EXPORTS_MAX);
	uint32_t i = find_name(pe, &tables, count, name);
	uint16_t index;
	uint32_t rva;
	if (i == count || !table16(&tables.ordinals, i, &index) || index >= d.functions ||
	    !table32(&tables.functions, index, &rva) || is_forwarder(pe, rva))
		return 0;
	return rva;
}
