/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rebuilt list: the import directory slot by slot, then what it does not describe.
 *
 * A slot that the directory names is hooked when the export of that name is known and the slot
 * leads elsewhere, unless that has the same name: another copy of the DLL, or another host of an
 * API set.
 */
#include <impscan/rebuild.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "rebuild/rebuilding.h"

enum {
	DELAY_DESCRIPTOR_SIZE = 32, /* IMAGE_DELAYLOAD_DESCRIPTOR */
	DELAY_DESCRIPTORS_MAX = 1024,
	DELAY_SLOTS_MAX = 0x2000,
	IAT_MAX = 1 << 20,	  /* bytes of an address table that a header may name */
	UNRESOLVED_MAX = 0x10000, /* below: no address, but the file's RVA of a name */
	NAME_LENGTH = 512,
	REFERENCE_SPAN = 64, /* a pointer to a table may be one to the structure it stands in */
};

/* Memory of a list kept for the next one: more than any but made-up ones need. */
#define KEPT_TEXT ((size_t)256 << 10)

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
		rebuilt->lists[i].count = 0;
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
		free(s->covered);
		free(s->called);
		address_set_free(&s->called_set);
		address_set_free(&s->distinct);
		text_free(&s->low);
		free(s);
	}
	for (size_t i = 0; i < REBUILT_LISTS_MAX; i++)
		text_free(&rebuilt->lists[i].string);
	free(rebuilt->entries);
	free(rebuilt->tables);
	text_free(&rebuilt->names);
	*rebuilt = (struct rebuilt){0};
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

/* Offset 0 of the names is an empty one, that of entries without a DLL. */
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

void rebuild_set_name(struct rebuilding *r, struct rebuilt_entry *entry, const char *dll,
		      const char *name, uint32_t ordinal)
{
	struct rebuilt *rebuilt = r->rebuilt;
	if (rebuilt->names.length > REBUILT_TEXT_MAX) {
		rebuild_too_many(r);
		return;
	}
	/* the entry before is most often one of the same DLL */
	const struct rebuilt_entry *last = entry > rebuilt->entries ? entry - 1 : NULL;
	if (last && last->kind != IMPORT_UNKNOWN && !strcmp(rebuilt->names.data + last->dll, dll))
		entry->dll = last->dll;
	else
		entry->dll = keep(rebuilt, dll);
	entry->kind = name ? IMPORT_NAME : IMPORT_ORDINAL;
	if (name)
		entry->name = keep(rebuilt, name);
	else
		entry->ordinal = (uint16_t)ordinal;
}

/* Of what leads to `value`: the name it has in `dll`, which may be an API set or pass it on. */
static const struct pe_export *name_in(struct rebuilding *r, uint64_t value, const char *dll)
{
	struct export_candidate candidates[CANDIDATES_MAX];
	size_t n = export_map_find(r->map, value, candidates, CANDIDATES_MAX);
	n = min_of(n, (size_t)CANDIDATES_MAX);
	const struct export_module *module = export_map_dll(r->map, dll);
	const struct pe_export *e = module ? rebuild_best_name(candidates, n, module) : NULL;
	/* the host of an API set differs by build: then any will do */
	if (!e && n && (!module || api_set_is(dll)))
		e = rebuild_best_name(candidates, n, candidates[0].module);
	return e;
}

/* Does `value` have this name in any DLL? */
static bool has_name(struct rebuilding *r, uint64_t value, const char *name, uint32_t ordinal)
{
	struct export_candidate candidates[CANDIDATES_MAX];
	size_t n = export_map_find(r->map, value, candidates, CANDIDATES_MAX);
	for (size_t i = 0; i < min_of(n, (size_t)CANDIDATES_MAX); i++) {
		const struct pe_export *e = candidates[i].export;
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
	/* On 32-bit Windows private memory may lie as low as that. */
	char is[NAME_LENGTH];
	size_t length = name ? strlen(name) + 1 : 0;
	return length > sizeof(is) || !rebuild_read(r, r->area->base + value + 2, is, length) ||
	       !memcmp(is, name ? name : "", length);
}

/* A slot that the directory names. */
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

/* A slot below a descriptor, its name gone. */
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

void rebuild_cover(struct rebuilding *r, uint64_t start, uint64_t end)
{
	struct rebuild_scratch *s = r->scratch;
	struct range *last = s->covered_count ? &s->covered[s->covered_count - 1] : NULL;
	if (last && last->end == start)
		last->end = end;
	else
		*array_push(s->covered, s->covered_count, s->covered_capacity) =
			(struct range){start, end};
}

/* The directory's slots. Those of a DLL without a name are left to the tables. */
static void take_directory(struct rebuilding *r)
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
		rebuild_cover(r, slot, slot + r->pointer_size);
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

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* Sorted, and none within another. */
static void sort_covered(struct rebuild_scratch *s)
{
	if (!s->covered_count)
		return;
	qsort(s->covered, s->covered_count, sizeof(*s->covered), compare_ranges);
	size_t kept = 1;
	for (size_t i = 1; i < s->covered_count; i++) {
		struct range *last = &s->covered[kept - 1];
		if (s->covered[i].start <= last->end)
			last->end = max_of(last->end, s->covered[i].end);
		else
			s->covered[kept++] = s->covered[i];
	}
	s->covered_count = kept;
}

/* Delay-load tables are not part of an import list, resolved or not. */
static void cover_delay_tables(struct rebuilding *r)
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
		/* Attributes bit 0: RVAs; else addresses, as old linkers wrote them. */
		uint64_t slots = le32(d + 12), names = le32(d + 16);
		if (!(le32(d) & 1)) {
			slots -= r->pe->image_base;
			names -= r->pe->image_base;
		}
		uint64_t end = slots;
		for (int n = 0; n < DELAY_SLOTS_MAX && end < r->area->size; n++) {
			uint64_t value;
			uint64_t name = names + (uint64_t)n * r->pointer_size;
			if (name >= r->area->size ||
			    !rebuild_slot(r, r->area->base + name, &value) || !value)
				break;
			end += r->pointer_size;
		}
		if (!rebuild_spend(r, (end - slots) / r->pointer_size / 4))
			return;
		if (slots < r->area->size && end > slots)
			rebuild_cover(r, r->area->base + slots, r->area->base + end);
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

static uint32_t section_of(const struct rebuilding *r, uint64_t address)
{
	uint64_t rva = address - r->area->base;
	for (size_t i = 0; r->pe && i < r->pe->section_count; i++) {
		const struct pe_section *section = &r->pe->sections[i];
		uint64_t size = max_of(section->virtual_size, section->size_of_raw_data);
		if (rva >= section->virtual_address && rva - section->virtual_address < size)
			return (uint32_t)i;
	}
	return UINT32_MAX;
}

/* Makes a table of the entries from `first` on. */
static void add_table(struct rebuilding *r, size_t first, uint32_t number)
{
	struct rebuilt *rebuilt = r->rebuilt;
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
	table->section = r->area ? section_of(r, table->start) : UINT32_MAX;
}

/*
 * Counts what naming a run costs: every name of each slot is weighed against the others, and where a
 * DLL has several, they are looked for in the module.
 */
static bool spend_names(struct rebuilding *r, const struct run *run)
{
	const struct rebuild_scratch *s = r->scratch;
	uint64_t steps = run->count * STEPS_SLOT + rebuild_section_steps(r);
	size_t looks = s->near_looks;
	for (size_t i = run->first; i < run->first + run->count; i++) {
		if (!s->slots[i].target)
			continue;
		uint64_t n = export_map_find(r->map, s->slots[i].target, NULL, 0);
		n = min_of(n, (uint64_t)CANDIDATES_MAX);
		steps += STEPS_SLOT + n * n;
		for (; n > 1 && looks < NEAR_LOOKS_MAX; n--, looks++)
			steps += STEPS_NEAR;
	}
	return rebuild_spend(r, steps);
}

static void take_runs(struct rebuilding *r)
{
	for (size_t i = 0; i < r->scratch->run_count && !r->rebuilt->cut; i++) {
		size_t first = r->rebuilt->count;
		if (first + r->scratch->runs[i].count > REBUILT_ENTRIES_MAX)
			rebuild_too_many(r);
		else
			spend_names(r, &r->scratch->runs[i]);
		if (r->rebuilt->cut)
			return;
		uint32_t number = (uint32_t)r->rebuilt->table_count;
		rebuild_name_run(r, &r->scratch->runs[i], number,
				 r->scratch->runs[i].header ? REBUILT_IAT : REBUILT_TABLE);
		if (r->rebuilt->count > first)
			add_table(r, first, number);
	}
}

bool rebuild_stands_alone(struct rebuilding *r, uint64_t slot)
{
	uint64_t next;
	uint32_t section = section_of(r, slot);
	if (section == UINT32_MAX || !rebuild_slot(r, slot + r->pointer_size, &next) || next)
		return false;
	const struct pe_section *s = &r->pe->sections[section];
	return !(s->characteristics & IMAGE_SCN_MEM_WRITE) || !strcmp(s->name, ".idata");
}

/* Single slots that code calls through; one alone is believed only in a module. */
static void take_called(struct rebuilding *r)
{
	struct rebuild_scratch *s = r->scratch;
	s->slot_count = 0;
	s->run_count = 0;
	/* first the slots that are known already, then the targets */
	address_set_free(&s->distinct);
	for (size_t i = 0; i < r->rebuilt->count; i++)
		address_set_add(&s->distinct, r->rebuilt->entries[i].slot);
	size_t known = 0;
	for (size_t i = 0; i < s->called_count; i++)
		if (!address_set_has(&s->distinct, s->called[i]))
			s->called[known++] = s->called[i];
	s->called_count = known;
	address_set_free(&s->distinct);
	if (!rebuild_spend(r, (r->rebuilt->count + s->called_count) * STEPS_SLOT))
		return;
	for (size_t i = 0; i < s->called_count; i++) {
		uint64_t value;
		if (!rebuild_slot(r, s->called[i], &value))
			continue;
		struct slot *slot = array_push(s->slots, s->slot_count, s->slot_capacity);
		slot->address = s->called[i];
		slot->value = value;
		slot->target = value;
		address_set_add(&s->distinct, value);
	}
	if (address_set_count(&s->distinct) < CALLED_TABLE_MIN &&
	    (!s->slot_count || !rebuild_stands_alone(r, s->slots[0].address)))
		return;
	size_t first = r->rebuilt->count;
	uint32_t number = (uint32_t)r->rebuilt->table_count;
	struct run run = {.count = s->slot_count};
	if (!spend_names(r, &run))
		return;
	rebuild_name_run(r, &run, number, REBUILT_CALL);
	if (r->rebuilt->count > first)
		add_table(r, first, number);
}

struct reference {
	uint64_t start, end; /* of a table, and what lies just before it */
	size_t table;
	bool used;
};

static int compare_references(const void *a, const void *b)
{
	const struct reference *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static void use(struct rebuilding *r, struct reference *references, size_t count, uint64_t value)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (references[middle].end <= value)
			low = middle + 1;
		else
			high = middle;
	}
	/* the space before a table may overlap the one before */
	for (; low < count && references[low].start <= value && rebuild_spend(r, STEPS_SLOT); low++)
		references[low].used = true;
}

/*
 * Marks the tables whose address the area holds, be it as data or within an instruction, or that of
 * a structure that begins just before.
 */
static void find_references(struct rebuilding *r, struct reference *references, size_t count)
{
	uint64_t low = references[0].start, high = references[count - 1].end;
	for (uint64_t a = r->start; (a = rebuild_present(r, a, r->end)) < r->end;) {
		size_t available;
		uint64_t here = min_of(PAGE_SIZE - a % PAGE_SIZE, r->end - a);
		const uint8_t *p = r->memory->at(r->memory, a, &available);
		size_t n = p ? (size_t)min_of(here, (uint64_t)available) : 0;
		if (!rebuild_spend(r, STEPS_BYTES))
			return;
		for (size_t i = 0; i + r->pointer_size <= n; i++) {
			uint64_t value = le_pointer(p + i, r->pointer_size);
			if (value >= low && value < high)
				use(r, references, count, value);
		}
		a += here;
	}
}

/* Adds one table of another place, as it was named there. */
static void take_other(struct rebuilding *r, const struct rebuilt *others,
		       const struct rebuilt_table *from)
{
	size_t first = r->rebuilt->count;
	if (first + from->count > REBUILT_ENTRIES_MAX) {
		rebuild_too_many(r);
		return;
	}
	if (!rebuild_spend(r, from->count * STEPS_SLOT))
		return;
	uint32_t group = first ? r->rebuilt->entries[first - 1].group + 1 : 0;
	for (size_t i = from->first; i < from->first + from->count; i++) {
		const struct rebuilt_entry *e = &others->entries[i];
		struct rebuilt_entry *entry = rebuild_add(r, e->slot, e->value);
		entry->target = e->target;
		entry->source = e->source;
		entry->hooked = e->hooked;
		entry->group = group + (e->group - others->entries[from->first].group);
		if (e->kind != IMPORT_UNKNOWN)
			rebuild_set_name(r, entry, rebuilt_dll(others, e), rebuilt_name(others, e),
					 e->ordinal);
		else
			r->rebuilt->unknown++;
	}
	uint32_t number = (uint32_t)r->rebuilt->table_count;
	add_table(r, first, number);
	r->rebuilt->tables[number].outside = true;
	r->rebuilt->tables[number].section = UINT32_MAX;
}

static void take_others(struct rebuilding *r)
{
	const struct rebuilt *others = r->area->others;
	if (others->cut)
		r->rebuilt->cut = others->cut;
	/* Each area that is looked at has them sorted: many of both would cost their product. */
	if (!rebuild_spend(r, others->table_count * STEPS_OTHER))
		return;
	struct reference *references = NULL;
	size_t count = 0, capacity = 0;
	for (size_t t = 0; t < others->table_count; t++) {
		const struct rebuilt_table *table = &others->tables[t];
		/* one in the area has been found there */
		if (table->start - r->area->base < r->area->size)
			continue;
		struct reference *reference = array_push(references, count, capacity);
		reference->start = table->start - min_of(table->start, (uint64_t)REFERENCE_SPAN);
		reference->end = table->end;
		reference->table = t;
	}
	if (!count)
		return;
	qsort(references, count, sizeof(*references), compare_references);
	find_references(r, references, count);
	for (size_t i = 0; i < count; i++)
		if (references[i].used && !r->rebuilt->cut)
			take_other(r, others, &others->tables[references[i].table]);
	free(references);
}

static void count_entries(struct rebuilt *rebuilt)
{
	for (size_t i = 0; i < rebuilt->count; i++) {
		const struct rebuilt_entry *entry = &rebuilt->entries[i];
		if (entry->kind == IMPORT_UNKNOWN)
			continue;
		rebuilt->sources[entry->source]++;
		rebuilt->hooked += entry->hooked;
	}
}

bool rebuild_begin(struct rebuilding *r, struct rebuilt *rebuilt, const struct export_map *map,
		   const struct rebuild_memory *memory, const struct rebuild_area *area)
{
	rebuilt_clear(rebuilt);
	keep(rebuilt, "");
	uint64_t end;
	if (__builtin_add_overflow(area->base, area->size, &end))
		return false;
	*r = (struct rebuilding){
		.rebuilt = rebuilt,
		.scratch = rebuilt->scratch,
		.map = map,
		.memory = memory,
		.area = area,
		.pe = area->pe && area->pe->status == PE_OK ? area->pe : NULL,
		.imports = area->declared && area->declared->count,
		.pointer_size = export_map_pointer_size(map),
		.start = area->base,
		.end = end,
	};
	r->scratch->covered_count = 0;
	r->scratch->called_count = 0;
	r->scratch->near_looks = 0;
	r->scratch->run_count = 0;
	return rebuild_spend(r, STEPS_SLOT);
}

void rebuild_find_tables(struct rebuilding *r)
{
	if (r->pe) {
		cover_delay_tables(r);
		set_header_table(r);
	}
	sort_covered(r->scratch);
	rebuild_find_runs(r);
}

void rebuild(struct rebuilt *rebuilt, const struct export_map *map,
	     const struct rebuild_memory *memory, const struct rebuild_area *area)
{
	struct rebuilding r;
	if (!rebuild_begin(&r, rebuilt, map, memory, area))
		return;
	if (r.pe && area->declared && area->declared->entry_count)
		take_directory(&r);
	r.directory = rebuilt->count;
	if (r.directory) {
		add_table(&r, 0, 0);
		rebuilt->tables[0].directory = true;
	}
	if (!rebuilt->cut)
		rebuild_find_tables(&r);
	take_runs(&r);
	if (!r.directory && !rebuilt->cut)
		take_called(&r);
	if (area->others && !r.directory && !rebuilt->cut)
		take_others(&r);
	count_entries(rebuilt);
	if (!rebuilt->cut)
		rebuild_lists(&r);
	if (rebuilt->cut) {
		rebuilt->list_count = 0;
		rebuilt->differs = false;
	}
}

void rebuild_private(struct rebuilt *rebuilt, const struct export_map *map,
		     const struct rebuild_memory *memory, uint64_t start, uint64_t size)
{
	if (!rebuilt->scratch)
		rebuilt_clear(rebuilt);
	keep(rebuilt, "");
	uint64_t end;
	if (__builtin_add_overflow(start, size, &end) || rebuilt->cut)
		return;
	struct rebuilding r = {
		.rebuilt = rebuilt,
		.scratch = rebuilt->scratch,
		.map = map,
		.memory = memory,
		.pointer_size = export_map_pointer_size(map),
		.start = start,
		.end = end,
	};
	r.scratch->covered_count = 0;
	r.scratch->called_count = 0;
	r.scratch->near_looks = 0;
	rebuild_find_runs(&r);
	take_runs(&r);
}
