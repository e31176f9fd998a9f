/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the headers say of a module's address tables: the slots of the import directory with their
 * names, the address table that a header names, and delay-load tables, which are no part of an
 * import list.
 *
 * A slot of the import directory is hooked when the export of its name is known and the slot leads
 * elsewhere, unless that has the same name: another copy of the DLL, or another host of an API set.
 */
#include <string.h>

#include <impscan/bytes.h>

#include "rebuild/naming.h"
#include "rebuild/rebuilding.h"

enum {
	DELAY_DESCRIPTOR_SIZE = 32, /* IMAGE_DELAYLOAD_DESCRIPTOR */
	DELAY_DESCRIPTORS_MAX = 1024,
	DELAY_SLOTS_MAX = 0x2000,
	IAT_MAX = 1 << 20,	  /* bytes of an address table that a header may name */
	UNRESOLVED_MAX = 0x10000, /* below it a value is no address, but the RVA of a name */
	NAME_LENGTH = 512,
};

/*
 * Returns the export of `dll` that leads to the address `value`. `dll` may be an API set, or pass
 * the export on. NULL when there is none.
 */
static const struct pe_export *name_in(struct rebuilding *r, uint64_t value, const char *dll)
{
	struct candidates candidates;
	candidates_find(r->map, value, &candidates);
	const struct export_module *module = export_map_dll(r->map, dll);
	const struct pe_export *e = module ? name_choose_plain(&candidates, module) : NULL;
	/* the host of an API set differs by build: then any module is right */
	if (!e && candidates.count && (!module || api_set_is(dll)))
		e = name_choose_plain(&candidates, candidates.items[0].module);
	return e;
}

/* Has any DLL an export of this name, or ordinal, that leads to `value`? */
static bool has_name(struct rebuilding *r, uint64_t value, const char *name, uint32_t ordinal)
{
	struct candidates candidates;
	candidates_find(r->map, value, &candidates);
	for (size_t i = 0; i < candidates.count; i++) {
		const struct pe_export *e = candidates.items[i].export;
		if (name ? e->name && !strcmp(e->name, name) : e->ordinal == ordinal)
			return true;
	}
	return false;
}

/* Does a slot still hold what it has in the file: the RVA of its name, or an ordinal? */
static bool is_unresolved(struct rebuilding *r, uint64_t value, const char *name)
{
	if (value >> (r->pointer_size * 8 - 1))
		return true;
	if (value >= r->area->size)
		return false;
	/* On 32-bit Windows such a value may be an address as well: compare the name. */
	char is[NAME_LENGTH];
	size_t length = name ? strlen(name) + 1 : 0;
	return length > sizeof(is) || !rebuild_read(r, r->area->base + value + 2, is, length) ||
	       !memcmp(is, name ? name : "", length);
}

/* Finds the target of a slot that has its name, and whether it is hooked. */
static void check_named(struct rebuilding *r, struct rebuilt_entry *entry, const char *dll,
			const char *name)
{
	uint64_t expected = export_map_resolve(r->map, dll, name, entry->ordinal);
	entry->target = expected;
	if (!entry->present || !expected || entry->value < UNRESOLVED_MAX ||
	    entry->value == expected)
		return;
	if (is_unresolved(r, entry->value, name))
		return;
	entry->hooked = !has_name(r, entry->value, name, entry->ordinal);
}

/* Names a slot by its address; its descriptor has the DLL. */
static void check_unnamed(struct rebuilding *r, struct rebuilt_entry *entry, const char *dll)
{
	entry->source = REBUILT_IAT;
	entry->target = entry->present ? rebuild_target(r, entry->value) : 0;
	const struct pe_export *e = entry->target ? name_in(r, entry->target, dll) : NULL;
	if (!e) {
		entry->target = 0;
		r->rebuilt->unknown++;
		return;
	}
	entry->hooked = entry->target != entry->value;
	rebuild_set_name(r, entry, dll, e->name, e->ordinal);
}

/* Slots of a DLL whose name is missing are left to the search for tables. */
void rebuild_take_directory(struct rebuilding *r)
{
	const struct imports *declared = r->area->declared;
	for (size_t i = 0; i < declared->entry_count; i++) {
		const struct import_entry *from = &declared->entries[i];
		const char *dll = imports_entry_dll(declared, from);
		uint64_t slot = r->area->base + from->slot;
		if (!*dll || from->slot >= r->area->size)
			continue;
		uint64_t value = 0;
		bool present = rebuild_slot(r, slot, &value);
		if (!rebuild_spend(r, STEPS_NAMED))
			return;
		if (from->kind == IMPORT_UNKNOWN && !present) {
			r->rebuilt->unknown++;
			continue;
		}
		struct rebuilt_entry *entry = rebuild_add(r, slot, value);
		entry->present = present;
		entry->group = from->descriptor;
		rebuild_add_known(r, slot, slot + r->pointer_size);
		if (from->kind == IMPORT_UNKNOWN) {
			check_unnamed(r, entry, dll);
			continue;
		}
		entry->source = REBUILT_NAMES;
		entry->ordinal = from->ordinal;
		const char *name = imports_entry_name(declared, from);
		rebuild_set_name(r, entry, dll, name, from->ordinal);
		check_named(r, entry, dll, name);
	}
}

/* Returns the RVA where a delay-load table ends: it has as many slots as its table of names. */
static uint64_t delay_table_end(struct rebuilding *r, uint64_t slots, uint64_t names)
{
	uint64_t end = slots;
	for (int n = 0; n < DELAY_SLOTS_MAX && end < r->area->size; n++) {
		uint64_t value;
		uint64_t name = names + (uint64_t)n * r->pointer_size;
		if (name >= r->area->size || !rebuild_slot(r, r->area->base + name, &value) ||
		    !value)
			break;
		end += r->pointer_size;
	}
	return end;
}

static void add_delay_tables(struct rebuilding *r)
{
	const struct pe_data_directory *directory = &r->pe->directory[PE_DIRECTORY_DELAY_IMPORT];
	uint64_t rva = directory->rva;
	for (int i = 0; rva && i < DELAY_DESCRIPTORS_MAX; i++, rva += DELAY_DESCRIPTOR_SIZE) {
		uint8_t d[DELAY_DESCRIPTOR_SIZE];
		if (rva >= r->area->size || !rebuild_read(r, r->area->base + rva, d, sizeof(d)) ||
		    !le32(d + 4))
			break;
		if (!rebuild_spend(r, STEPS_SLOT))
			return;
		/* Attributes, bit 0: these are RVAs; else addresses, as old linkers wrote them. */
		uint64_t slots = le32(d + 12), names = le32(d + 16);
		if (!(le32(d) & 1)) {
			slots -= r->pe->image_base;
			names -= r->pe->image_base;
		}
		uint64_t end = delay_table_end(r, slots, names);
		if (!rebuild_spend(r, (end - slots) / r->pointer_size / 4))
			return;
		if (slots < r->area->size && end > slots)
			rebuild_add_known(r, r->area->base + slots, r->area->base + end);
	}
}

static void set_header_table(struct rebuilding *r)
{
	const struct pe_data_directory *iat = &r->pe->directory[PE_DIRECTORY_IAT];
	if (!iat->rva || iat->size > IAT_MAX || !range_within(iat->rva, iat->size, r->area->size) ||
	    (r->area->base + iat->rva) % 4)
		return;
	r->iat_start = r->area->base + iat->rva;
	r->iat_end = r->iat_start + iat->size;
}

void rebuild_read_headers(struct rebuilding *r)
{
	if (!r->pe)
		return;
	add_delay_tables(r);
	set_header_table(r);
}
