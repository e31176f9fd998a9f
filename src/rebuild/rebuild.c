/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rebuilding a list, step by step: the slots of the import directory, tables, single slots that
 * code uses, tables of other places; then the lists.
 */
#include <impscan/rebuild.h>

#include <impscan/alloc.h>

#include "rebuild/rebuilding.h"

static void take_tables(struct rebuilding *r)
{
	for (size_t i = 0; i < r->scratch->run_count && !r->rebuilt->cut; i++) {
		const struct slot_run *run = &r->scratch->runs[i];
		if (r->rebuilt->count + run->count > REBUILT_ENTRIES_MAX)
			rebuild_too_many(r);
		else
			rebuild_name_run(r, run, run->header ? REBUILT_IAT : REBUILT_TABLE);
	}
}

/*
 * Leaves in `called` of the scratch only slots that have no entry yet, and will have none by a
 * table of another place: code that uses a slot of one refers to it.
 */
static void drop_known_called(struct rebuilding *r)
{
	struct rebuild_scratch *s = r->scratch;
	const struct rebuilt *others = r->area->others;
	address_set_free(&s->distinct);
	for (size_t i = 0; i < r->rebuilt->count; i++)
		address_set_add(&s->distinct, r->rebuilt->entries[i].slot);
	for (size_t i = 0; others && i < others->count; i++)
		address_set_add(&s->distinct, others->entries[i].slot);
	size_t kept = 0;
	for (size_t i = 0; i < s->called_count; i++)
		if (!address_set_has(&s->distinct, s->called[i]))
			s->called[kept++] = s->called[i];
	s->called_count = kept;
	address_set_free(&s->distinct);
}

/*
 * Adds single slots that code uses, as one table. A slot alone is believed only where it stands as
 * that of a module's only import.
 */
static void take_called(struct rebuilding *r)
{
	struct rebuild_scratch *s = r->scratch;
	s->slot_count = 0;
	s->run_count = 0;
	size_t others = r->area->others ? r->area->others->count : 0;
	if (!s->called_count ||
	    !rebuild_spend(r, (r->rebuilt->count + s->called_count + others) * STEPS_SLOT))
		return;
	drop_known_called(r);
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
	rebuild_name_run(r, &(struct slot_run){.count = s->slot_count}, REBUILT_CALL);
}

/* Counts the entries that have a name or an ordinal. */
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

void rebuild(struct rebuilt *rebuilt, const struct export_map *map,
	     const struct rebuild_memory *memory, const struct rebuild_area *area)
{
	struct rebuilding r;
	if (!rebuild_begin(&r, rebuilt, map, memory, area))
		return;
	if (r.pe && area->declared && area->declared->entry_count)
		rebuild_take_directory(&r);
	r.directory = rebuilt->count;
	if (r.directory)
		rebuild_add_table(&r, 0)->directory = true;
	if (!rebuilt->cut)
		rebuild_find_tables(&r);
	take_tables(&r);
	if (!r.directory && !rebuilt->cut)
		take_called(&r);
	if (area->others && !r.directory && !rebuilt->cut)
		rebuild_take_others(&r);
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
	struct rebuilding r;
	if (!rebuild_begin_private(&r, rebuilt, map, memory, start, size))
		return;
	rebuild_find_tables(&r);
	take_tables(&r);
}
