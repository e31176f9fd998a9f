/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The result of rebuilding: its entries and tables, and their names. The lists made of them are in
 * candidate_lists.c.
 */
#include <impscan/rebuild.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "rebuild/rebuilding.h"

/* Bytes of a list's memory that are kept for the next area: more than any real list has. */
#define KEPT_TEXT  ((size_t)256 << 10)
#define KEPT_ORDER 8192

const char *rebuilt_source_name(enum rebuilt_source source)
{
	static const char *const names[REBUILT_SOURCES] = {"names", "iat", "table", "call"};
	return names[source];
}

const char *rebuilt_dll(const struct rebuilt *rebuilt, const struct rebuilt_entry *entry)
{
	return entry->kind == IMPORT_UNKNOWN && !entry->dll ? "" : rebuilt->names.data + entry->dll;
}

const char *rebuilt_name(const struct rebuilt *rebuilt, const struct rebuilt_entry *entry)
{
	return entry->kind == IMPORT_NAME ? rebuilt->names.data + entry->name : NULL;
}

void rebuilt_clear(struct rebuilt *rebuilt)
{
	rebuilt->count = 0;
	rebuilt->table_count = 0;
	for (size_t i = 0; i < REBUILT_LISTS_MAX; i++) {
		if (rebuilt->lists[i].string.capacity > KEPT_TEXT)
			text_free(&rebuilt->lists[i].string);
		text_clear(&rebuilt->lists[i].string);
		if (rebuilt->lists[i].order_capacity > KEPT_ORDER) {
			free(rebuilt->lists[i].order);
			rebuilt->lists[i].order = NULL;
			rebuilt->lists[i].order_capacity = 0;
		}
		rebuilt->lists[i].count = 0;
		rebuilt->lists[i].order_count = 0;
	}
	rebuilt->list_count = 0;
	memset(rebuilt->sources, 0, sizeof(rebuilt->sources));
	rebuilt->hooked = 0;
	rebuilt->unknown = 0;
	rebuilt->pages = 0;
	rebuilt->pages_found = 0;
	rebuilt->differs = false;
	rebuilt->cut = NULL;
	text_clear(&rebuilt->names);
	if (!rebuilt->scratch)
		rebuilt->scratch = alloc_new(struct rebuild_scratch);
}

void rebuilt_free(struct rebuilt *rebuilt)
{
	struct rebuild_scratch *s = rebuilt->scratch;
	if (s) {
		free(s->slots);
		free(s->runs);
		free(s->known);
		free(s->called);
		free(s->noted);
		address_set_free(&s->called_set);
		address_set_free(&s->distinct);
		text_free(&s->low);
		free(s);
	}
	for (size_t i = 0; i < REBUILT_LISTS_MAX; i++) {
		text_free(&rebuilt->lists[i].string);
		free(rebuilt->lists[i].order);
	}
	free(rebuilt->entries);
	free(rebuilt->tables);
	text_free(&rebuilt->names);
	*rebuilt = (struct rebuilt){0};
}

/* Returns the offset of a name among the names. Offset 0 has "", for entries without a DLL. */
static uint32_t keep(struct rebuilt *rebuilt, const char *name)
{
	if (!rebuilt->names.length)
		text_add(&rebuilt->names, "", 1);
	if (!*name)
		return 0;
	size_t start = rebuilt->names.length;
	text_add(&rebuilt->names, name, strlen(name) + 1);
	return (uint32_t)start;
}

/* What both kinds of areas begin with. */
static void begin(struct rebuilding *r, struct rebuilt *rebuilt, const struct export_map *map,
		  const struct rebuild_memory *memory)
{
	keep(rebuilt, "");
	*r = (struct rebuilding){
		.rebuilt = rebuilt,
		.scratch = rebuilt->scratch,
		.map = map,
		.memory = memory,
		.pointer_size = export_map_pointer_size(map),
	};
	r->scratch->known_count = 0;
	r->scratch->called_count = 0;
	r->scratch->near_looks = 0;
	r->scratch->run_count = 0;
}

bool rebuild_begin(struct rebuilding *r, struct rebuilt *rebuilt, const struct export_map *map,
		   const struct rebuild_memory *memory, const struct rebuild_area *area)
{
	rebuilt_clear(rebuilt);
	begin(r, rebuilt, map, memory);
	r->area = area;
	r->pe = area->pe && area->pe->status == PE_OK ? area->pe : NULL;
	r->linker = rebuild_find_linker(r);
	r->imports = area->declared && area->declared->count;
	r->start = area->base;
	if (__builtin_add_overflow(area->base, area->size, &r->end))
		return false;
	return rebuild_spend(r, STEPS_SLOT);
}

bool rebuild_begin_private(struct rebuilding *r, struct rebuilt *rebuilt,
			   const struct export_map *map, const struct rebuild_memory *memory,
			   uint64_t start, uint64_t size)
{
	if (!rebuilt->scratch)
		rebuilt_clear(rebuilt);
	begin(r, rebuilt, map, memory);
	r->start = start;
	return !__builtin_add_overflow(start, size, &r->end) && !rebuilt->cut;
}

struct rebuilt_entry *rebuild_add(struct rebuilding *r, uint64_t address, uint64_t value)
{
	struct rebuilt *rebuilt = r->rebuilt;
	struct rebuilt_entry *entry =
		array_push(rebuilt->entries, rebuilt->count, rebuilt->capacity);
	entry->slot = address;
	entry->value = value;
	entry->present = true;
	entry->kind = IMPORT_UNKNOWN;
	entry->table = REBUILT_NO_TABLE;
	return entry;
}

void rebuild_set_name(struct rebuilding *r, struct rebuilt_entry *entry, const char *dll,
		      const char *name, uint32_t ordinal)
{
	struct rebuilt *rebuilt = r->rebuilt;
	if (rebuilt->names.length > REBUILT_TEXT_MAX) {
		rebuild_too_many(r);
		return;
	}
	/* the entry before is most often one of the same DLL */
	bool same = entry > rebuilt->entries && entry[-1].kind != IMPORT_UNKNOWN &&
		    !strcmp(rebuilt->names.data + entry[-1].dll, dll);
	entry->dll = same ? entry[-1].dll : keep(rebuilt, dll);
	entry->kind = name ? IMPORT_NAME : IMPORT_ORDINAL;
	if (name)
		entry->name = keep(rebuilt, name);
	else
		entry->ordinal = (uint16_t)ordinal;
}

uint32_t rebuild_next_group(const struct rebuilding *r)
{
	const struct rebuilt *rebuilt = r->rebuilt;
	return rebuilt->count ? rebuilt->entries[rebuilt->count - 1].group + 1 : 0;
}

struct rebuilt_table *rebuild_add_table(struct rebuilding *r, size_t first)
{
	struct rebuilt *rebuilt = r->rebuilt;
	uint32_t number = (uint32_t)rebuilt->table_count;
	struct rebuilt_table *table =
		array_push(rebuilt->tables, rebuilt->table_count, rebuilt->table_capacity);
	table->start = UINT64_MAX;
	table->first = first;
	table->count = rebuilt->count - first;
	for (size_t i = first; i < rebuilt->count; i++) {
		struct rebuilt_entry *entry = &rebuilt->entries[i];
		entry->table = number;
		table->start = min_of(table->start, entry->slot);
		table->end = max_of(table->end, entry->slot + r->pointer_size);
		table->imports += entry->kind != IMPORT_UNKNOWN;
	}
	table->section = r->area ? rebuild_section(r, table->start) : UINT32_MAX;
	return table;
}
