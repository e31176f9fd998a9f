/*
 * One DLL's exports, sorted for the questions asked of them: what starts at an RVA, what has a name
 * or an ordinal, what is forwarded.
 */
#include "imports/export_table.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

static int compare_rva(const void *a, const void *b, void *context)
{
	const struct pe_export *items = context;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	if (items[x].rva != items[y].rva)
		return items[x].rva < items[y].rva ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int compare_ordinal(const void *a, const void *b, void *context)
{
	const struct pe_export *items = context;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	if (items[x].ordinal != items[y].ordinal)
		return items[x].ordinal < items[y].ordinal ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int compare_name(const void *a, const void *b, void *context)
{
	const struct pe_export *items = context;
	return strcmp(items[*(const uint32_t *)a].name, items[*(const uint32_t *)b].name);
}

static void sort(struct export_table *t, uint32_t *positions, size_t count,
		 int (*compare)(const void *, const void *, void *))
{
	if (count)
		qsort_r(positions, count, sizeof(*positions), compare, t->exports.items);
}

static void mark_starts(struct export_table *t)
{
	if (!t->direct_count)
		return;
	uint32_t last = t->rvas[t->direct_count - 1];
	t->starts_end = min_of(last, (uint32_t)STARTS_MAX) / 8 + 1;
	t->starts = alloc_zero(t->starts_end / 8 + 1, 1);
	for (size_t i = 0; i < t->direct_count && t->rvas[i] / 8 < t->starts_end; i++)
		t->starts[t->rvas[i] / 64] |= (uint8_t)(1u << t->rvas[i] / 8 % 8);
}

struct export_table *export_table_new(struct pe_exports *exports, uint32_t size)
{
	struct export_table *t = alloc_new(struct export_table);
	atomic_init(&t->references, 1);
	t->exports = *exports;
	*exports = (struct pe_exports){0};
	t->size = size;
	size_t n = t->exports.count;
	t->direct = alloc_zero(n, sizeof(*t->direct));
	t->forwards = alloc_zero(n, sizeof(*t->forwards));
	t->by_name = alloc_zero(n, sizeof(*t->by_name));
	t->by_ordinal = alloc_zero(n, sizeof(*t->by_ordinal));
	for (uint32_t i = 0; i < n; i++) {
		const struct pe_export *e = &t->exports.items[i];
		t->by_ordinal[i] = i;
		if (e->name)
			t->by_name[t->named++] = i;
		if (e->forwarder)
			t->forwards[t->forward_count++] = i;
		else if (e->rva < size)
			t->direct[t->direct_count++] = i;
	}
	sort(t, t->direct, t->direct_count, compare_rva);
	sort(t, t->by_name, t->named, compare_name);
	sort(t, t->by_ordinal, n, compare_ordinal);
	t->rvas = alloc_zero(t->direct_count, sizeof(*t->rvas));
	for (size_t i = 0; i < t->direct_count; i++)
		t->rvas[i] = t->exports.items[t->direct[i]].rva;
	mark_starts(t);
	return t;
}

struct export_table *export_table_ref(struct export_table *table)
{
	atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed);
	return table;
}

void export_table_unref(struct export_table *table)
{
	if (!table || atomic_fetch_sub_explicit(&table->references, 1, memory_order_acq_rel) != 1)
		return;
	pe_exports_free(&table->exports);
	free(table->rvas);
	free(table->direct);
	free(table->forwards);
	free(table->by_name);
	free(table->by_ordinal);
	free(table->starts);
	free(table);
}

const struct pe_exports *export_table_exports(const struct export_table *table)
{
	return &table->exports;
}

const struct pe_export *export_table_named(const struct export_table *t, const char *name)
{
	for (size_t low = 0, high = t->named; low < high;) {
		size_t middle = low + (high - low) / 2;
		const struct pe_export *e = &t->exports.items[t->by_name[middle]];
		int order = strcmp(name, e->name);
		if (!order)
			return e;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct pe_export *export_table_ordinal(const struct export_table *t, uint32_t ordinal)
{
	for (size_t low = 0, high = t->exports.count; low < high;) {
		size_t middle = low + (high - low) / 2;
		const struct pe_export *e = &t->exports.items[t->by_ordinal[middle]];
		if (e->ordinal == ordinal)
			return e;
		if (ordinal < e->ordinal)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

size_t export_table_lower_bound(const struct export_table *t, uint32_t rva)
{
	size_t low = 0, high = t->direct_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (t->rvas[middle] < rva)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
