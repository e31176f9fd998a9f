/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables in private memory of the process, as injected code makes them: one belongs to the area
 * that refers to it. A reference is the address of any of its slots, or of up to REFERENCE_SPAN
 * bytes before it, where a structure may begin that has the table in it; on x64 also relative to
 * the instruction behind.
 */
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/relative_operand.h>
#include <impscan/search.h>

#include "rebuild/rebuilding.h"

enum { REFERENCE_SPAN = 64 };

struct table_reference {
	uint64_t start, end; /* addresses that refer to it */
	size_t table;	     /* its number */
	bool used;	     /* the area has such an address */
};

static int compare_references(const void *a, const void *b)
{
	const struct table_reference *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* Marks the tables to which an address refers. */
static void use(struct rebuilding *r, struct table_reference *references, size_t count,
		uint64_t value)
{
	size_t at = search_first(i, 0, count, references[i].end > value);
	/* the bytes before a table may belong to another one */
	for (; at < count && references[at].start <= value && rebuild_spend(r, STEPS_SLOT); at++)
		references[at].used = true;
}

/* Marks the tables to which the area refers, in its data or within an instruction. */
static void find_references(struct rebuilding *r, struct table_reference *references, size_t count)
{
	uint64_t low = references[0].start, high = references[count - 1].end;
	for (uint64_t a = r->start; (a = rebuild_present(r, a, r->end)) < r->end;) {
		size_t available;
		uint64_t here = min_of(PAGE_SIZE - a % PAGE_SIZE, r->end - a);
		const uint8_t *p = r->memory->at(r->memory, a, &available);
		size_t n = p ? (size_t)min_of(here, (uint64_t)available) : 0;
		if (!rebuild_spend(r, STEPS_BYTES))
			return;
		for (size_t i = 0; p && i + r->pointer_size <= n; i++) {
			uint64_t value = le_pointer(p + i, r->pointer_size);
			if (value >= low && value < high)
				use(r, references, count, value);
		}
		for (size_t i = 0; r->pointer_size == 8 && i < n; i++) {
			if (i % RELATIVE_OPERAND_BLOCK == 0)
				i = relative_operand_next(p, n, i);
			uint64_t value = relative_operand(p + i, n - i, a + i);
			if (value >= low && value < high)
				use(r, references, count, value);
		}
		a += here;
	}
}

/* Adds a table of another place, with the names that it has there. */
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
	uint32_t group = rebuild_next_group(r);
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
	struct rebuilt_table *table = rebuild_add_table(r, first);
	table->outside = true;
	table->section = UINT32_MAX;
}

void rebuild_take_others(struct rebuilding *r)
{
	const struct rebuilt *others = r->area->others;
	if (others->cut)
		r->rebuilt->cut = others->cut;
	/* They are sorted for each area: with many of both that is a lot of work. */
	if (!rebuild_spend(r, others->table_count * STEPS_OTHER))
		return;
	struct table_reference *references = NULL;
	size_t count = 0, capacity = 0;
	for (size_t t = 0; t < others->table_count; t++) {
		const struct rebuilt_table *table = &others->tables[t];
		/* one in the area itself has been found by its search */
		if (table->start - r->area->base < r->area->size || (!r->pe && table->elsewhere))
			continue;
		struct table_reference *reference = array_push(references, count, capacity);
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
