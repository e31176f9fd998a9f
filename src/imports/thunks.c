/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two tables of an import descriptor and the names that they lead to, read as pefile 2023.2.7
 * does (get_import_table, parse_imports).
 *
 * A table ends at a zero, at the descriptor's limit, after 0x2000 thunks of all tables, or at a
 * thunk that points back into the table. A table is dropped when it runs out of the file, repeats
 * 15 thunks, spreads its RVAs over more than 128 MiB, or has an ordinal above 0xffff. The table of
 * names (OriginalFirstThunk) is used; when it is empty, the table of addresses (FirstThunk). A
 * name's RVA outside the file drops the descriptor; a name with invalid characters is skipped.
 *
 * In memory the loader has overwritten the second table with addresses. So the two can't be
 * compared there, and where the first table is missing the names are lost. In kernel modules the
 * first table may have addresses of the names: see name_addresses.c.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/hash_table.h>

#include "imports/import_names.h"
#include "imports/reading.h"

static bool is_used(const void *slot, const void *key)
{
	const struct value_set *set = key;
	return ((const struct value_place *)slot)->generation == set->generation;
}

static bool matches(const void *slot, const void *key)
{
	const struct value_set *set = key;
	return ((const struct value_place *)slot)->value == set->wanted;
}

static uint64_t place_hash(const void *slot)
{
	return hash_number(((const struct value_place *)slot)->value);
}

static const struct hash_kind values = {
	sizeof(struct value_place),
	is_used,
	matches,
	place_hash,
};

static void set_clear(struct value_set *set)
{
	set->generation++;
	set->table.count = 0;
}

/* Adds a value; false when it was there. */
static bool set_add(struct value_set *set, uint64_t value)
{
	set->wanted = value;
	struct value_place *place = hash_table_place(&set->table, &values, hash_number(value), set);
	if (place->generation == set->generation)
		return false;
	*place = (struct value_place){value, set->generation};
	set->table.count++;
	return true;
}

/* The lowest and the highest of some addresses. */
struct spread {
	uint64_t low;
	uint64_t high;
};

static void spread_add(struct spread *spread, uint64_t value)
{
	if (!spread->high) {
		*spread = (struct spread){value, value};
		return;
	}
	spread->low = min_of(spread->low, value);
	spread->high = max_of(spread->high, value);
}

static uint64_t ordinal_flag(const struct import_reading *r)
{
	return r->pe->pe32_plus ? UINT64_C(1) << 63 : UINT64_C(1) << 31;
}

/* Is a value in memory one that no file has in a table of names: an address? */
static bool is_address(const struct import_reading *r, uint64_t value)
{
	if (value & ordinal_flag(r))
		return (value & 0x7fffffff) > 0xffff;
	return value >= r->pe->reader->size || value >= PE_RVA_END;
}

/*
 * How a table ended. The values of a table that was dropped or ran outside don't count.
 */
enum table_end {
	TABLE_ENDED,	 /* by a zero or a limit; may be empty */
	TABLE_DROPPED,	 /* it broke one of pefile's rules */
	TABLE_OUTSIDE,	 /* it ran out of what can be read */
	TABLE_ABSENT,	 /* in memory: it reached a page that is not present or no table */
	TABLE_ADDRESSES, /* in memory: it has addresses, which the loader wrote over the names */
};

/*
 * Reads a table at the RVA `start`, at most `max_length` bytes. `addresses`: in memory, addresses
 * may stand where the file has names' RVAs.
 */
static enum table_end table_read(struct import_reading *r, struct thunk_table *table,
				 uint32_t start, int64_t max_length, bool addresses)
{
	unsigned int size = pe_pointer_size(r->pe);
	uint64_t flag = ordinal_flag(r);
	struct spread spread[2] = {0}; /* below 4 GiB and above */
	unsigned int repeated = 0;
	bool found_address = false;
	table->count = 0;
	set_clear(&r->scratch->set);
	for (uint64_t rva = start; rva; rva += size) {
		if ((int64_t)(rva - start) >= max_length || r->thunks > THUNKS_MAX)
			break;
		r->thunks++;
		if (repeated >= REPEATED_MAX || spread[0].high - spread[0].low > SPREAD_MAX ||
		    spread[1].high - spread[1].low > SPREAD_MAX)
			return TABLE_DROPPED;
		enum pe_read how;
		const uint8_t *p = pe_cursor_data(&r->cursor, rva, size, &how);
		if (!p && how == PE_READ_ABSENT) {
			trouble_absent(r, "import table", rva);
			return TABLE_ABSENT;
		}
		if (!p)
			return TABLE_OUTSIDE;
		uint64_t value = le_pointer(p, size);
		if (!value) {
			if (r->memory && page_is_zero(r, rva))
				trouble_damage(r, "import table", rva, "in a page of zeros");
			break;
		}
		uint64_t in_file;
		if (!addresses && names_is_address(r, value) && names_rva(r, value, &in_file)) {
			value = in_file;
			r->imports->name_addresses = true;
		}
		if (r->memory && !found_address && is_address(r, value)) {
			if (!addresses) {
				trouble_damage(r, "import table", rva, "neither name nor ordinal");
				return TABLE_ABSENT;
			}
			found_address = true;
		}
		if (found_address) {
			*array_push(table->values, table->count, table->capacity) = value;
			continue;
		}
		if (value >= start && value <= rva)
			break;
		if (value & flag) {
			if ((value & 0x7fffffff) > 0xffff)
				return TABLE_DROPPED;
		} else {
			spread_add(&spread[value >> 32 != 0], value);
			repeated += !set_add(&r->scratch->set, value);
		}
		*array_push(table->values, table->count, table->capacity) = value;
	}
	return found_address ? TABLE_ADDRESSES : TABLE_ENDED;
}

/*
 * Reads the name that the RVA `value` leads to. Returns false when pefile drops the descriptor for
 * it.
 */
static bool read_name(struct import_reading *r, uint64_t value, struct thunk *f)
{
	if (!pe_cursor_exists(&r->cursor, value)) {
		if (!r->memory)
			return false;
		trouble_damage(r, "import name", value, "outside the module");
		return true;
	}
	size_t length;
	enum pe_read how;
	const char *name = pe_cursor_string(&r->cursor, value + 2, NAME_MAX_LENGTH, &length, &how);
	if (!name) {
		trouble_absent(r, "import name", value + 2);
		return true;
	}
	if (r->memory && how != PE_READ_OK) {
		trouble_damage(r, "import name", value + 2, "outside the module");
		return true;
	}
	if (r->memory && length < NAME_MAX_LENGTH) {
		/* A page of zeros ends the name where it begins, or took all of it. */
		uint64_t nul = value + 2 + length;
		if ((!length || nul % PAGE_SIZE == 0) && page_is_zero(r, nul)) {
			trouble_damage(r, "import name", value + 2, "in a page of zeros");
			return true;
		}
	}
	if (r->memory && names_garbage(name, length)) {
		trouble_damage(r, "import name", value + 2, "not a name");
		return true;
	}
	f->kind = IMPORT_NAME;
	f->length = (uint16_t)length;
	f->data = name;
	if (name == (const char *)r->cursor.copy) {
		f->data = NULL;
		f->copied = r->scratch->copies.length;
		text_add(&r->scratch->copies, name, length);
	}
	return true;
}

/*
 * Reads the tables and returns the one to be used. Sets `*addresses` when it has addresses instead
 * of names' RVAs and ordinals.
 */
static const struct thunk_table *choose_table(struct import_reading *r, const struct descriptor *d,
					      bool *addresses)
{
	struct thunk_table *by_name = &r->scratch->by_name;
	struct thunk_table *by_address = &r->scratch->by_address;
	size_t before = r->thunks;
	size_t trouble = r->trouble;
	enum table_end end = table_read(r, by_name, d->original_first_thunk, d->max_length, false);
	if (end == TABLE_DROPPED || end == TABLE_OUTSIDE)
		by_name->count = 0;
	*addresses = false;
	by_address->count = 0;
	if (!r->memory) {
		end = table_read(r, by_address, d->first_thunk, d->max_length, false);
		if (end == TABLE_DROPPED || end == TABLE_OUTSIDE)
			by_address->count = 0;
		return by_name->count ? by_name : by_address;
	}
	/* In the file the address table had as many thunks: they count for pefile's limit. */
	if (by_name->count || end == TABLE_DROPPED || end == TABLE_ABSENT ||
	    r->trouble != trouble) {
		size_t same = d->first_thunk ? r->thunks - before : 0;
		r->thunks = min_of(r->thunks + same, (size_t)THUNKS_MAX + 1);
		return by_name;
	}
	trouble = r->trouble;
	end = table_read(r, by_address, d->first_thunk, d->max_length, true);
	if (end == TABLE_ADDRESSES) {
		*addresses = true;
		trouble_damage(r, "import table", d->first_thunk, "names replaced by addresses");
	} else if (end == TABLE_OUTSIDE && d->name && d->first_thunk && r->trouble == trouble) {
		trouble_damage(r, "import table", d->first_thunk, "outside the module");
	}
	if (end == TABLE_DROPPED || end == TABLE_OUTSIDE)
		by_address->count = 0;
	return by_address;
}

size_t thunks_read(struct import_reading *r, const struct descriptor *d, size_t *kept)
{
	struct imports_scratch *s = r->scratch;
	bool addresses;
	const struct thunk_table *table = choose_table(r, d, &addresses);
	bool both = table == &s->by_name && s->by_address.count;
	size_t invalid = 0;
	*kept = 0;
	text_clear(&s->copies);
	for (size_t i = 0; i < table->count; i++) {
		uint64_t value = table->values[i];
		size_t at = i;
		struct thunk *f = array_push(s->thunks, at, s->thunk_capacity);
		f->kind = IMPORT_UNKNOWN;
		f->bound = both && i < s->by_address.count && value != s->by_address.values[i];
		if (addresses)
			continue;
		if (value & ordinal_flag(r)) {
			f->kind = IMPORT_ORDINAL;
			f->ordinal = (uint16_t)value;
			f->hashed = f->ordinal != 0;
		} else {
			if (!read_name(r, value, f)) {
				*kept = 0;
				return i;
			}
			const char *name = f->data ? f->data : text_string(&s->copies) + f->copied;
			bool valid = names_valid_function(name, f->length);
			if (f->kind == IMPORT_NAME && !valid) {
				if (invalid > INVALID_MAX && invalid == i) {
					*kept = 0;
					return i;
				}
				invalid++;
			}
			f->hashed = f->kind == IMPORT_NAME && valid && f->length;
		}
		*kept += f->hashed;
	}
	return table->count;
}
