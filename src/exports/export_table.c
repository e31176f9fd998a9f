/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The exports of one DLL, indexed to be found by RVA, by name and by ordinal.
 */
#include "exports/export_table.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/hash_table.h>
#include <impscan/search.h>

/* An export to be sorted, by `key` and then by its position among the exports. */
struct keyed {
	uint32_t key;
	uint32_t item;
};

/* Values of one digit of a key. */
#define DIGITS 256

/* Returns how many digits the keys differ in, from the last one on; 0: they are in order. */
static unsigned int digits(const struct keyed *items, size_t count)
{
	uint32_t differ = 0;
	bool ordered = true;
	for (size_t i = 1; i < count; i++) {
		differ |= items[i].key ^ items[i - 1].key;
		ordered &= items[i].key >= items[i - 1].key;
	}
	unsigned int n = 0;
	for (; !ordered && differ; differ /= DIGITS)
		n++;
	return n;
}

/*
 * Sorts by a digit after the other, from the last on: tables have some thousand exports, whose
 * comparing by qsort() took longer than all else of a table. Each of `items` and `other` has room
 * for `count` items; returns the one that has the result.
 */
static struct keyed *sort(struct keyed *items, struct keyed *other, size_t count)
{
	unsigned int n = digits(items, count);
	for (unsigned int digit = 0; digit < n; digit++) {
		const unsigned int shift = digit * 8;
		uint32_t places[DIGITS] = {0}, place = 0;
		for (size_t i = 0; i < count; i++)
			places[items[i].key >> shift & (DIGITS - 1)]++;
		for (size_t i = 0; i < DIGITS; i++) {
			uint32_t here = places[i];
			places[i] = place;
			place += here;
		}
		for (size_t i = 0; i < count; i++)
			other[places[items[i].key >> shift & (DIGITS - 1)]++] = items[i];
		struct keyed *sorted = other;
		other = items;
		items = sorted;
	}
	return items;
}

static bool is_direct(const struct export_table *t, const struct pe_export *export)
{
	return !export->forwarder && export->rva < t->size;
}

/* Sorts `count` keys, and sets `keys` (NULL: not wanted) and `positions` to what comes out. */
static void sort_into(struct keyed *memory, size_t count, uint32_t *keys, uint32_t *positions)
{
	const struct keyed *sorted = sort(memory, memory + count, count);
	for (size_t i = 0; i < count; i++) {
		if (keys)
			keys[i] = sorted[i].key;
		positions[i] = sorted[i].item;
	}
}

static void index_rvas(const struct export_table *t, struct export_index *index)
{
	const size_t n = t->direct_count;
	_cleanup_free_ struct keyed *memory = alloc_resize(NULL, 2 * n, sizeof(*memory));
	size_t count = 0;
	for (uint32_t i = 0; i < t->exports.count; i++)
		if (is_direct(t, &t->exports.items[i]))
			memory[count++] = (struct keyed){t->exports.items[i].rva, i};
	index->rvas = alloc_resize(NULL, n, sizeof(*index->rvas));
	index->direct = alloc_resize(NULL, n, sizeof(*index->direct));
	sort_into(memory, n, index->rvas, index->direct);
}

static void index_ordinals(const struct export_table *t, struct export_index *index)
{
	const size_t n = t->exports.count;
	_cleanup_free_ struct keyed *memory = alloc_resize(NULL, 2 * n, sizeof(*memory));
	for (uint32_t i = 0; i < n; i++)
		memory[i] = (struct keyed){t->exports.items[i].ordinal, i};
	index->by_ordinal = alloc_resize(NULL, n, sizeof(*index->by_ordinal));
	sort_into(memory, n, NULL, index->by_ordinal);
}

/* Marks where exports start, and counts them. */
static void mark_starts(struct export_table *t)
{
	uint32_t last = 0;
	for (size_t i = 0; i < t->exports.count; i++) {
		const struct pe_export *e = &t->exports.items[i];
		if (is_direct(t, e)) {
			last = max_of(last, e->rva);
			t->direct_count++;
		}
		t->forward_count += e->forwarder != NULL;
	}
	if (!t->direct_count)
		return;
	t->starts_end = min_of(last, (uint32_t)STARTS_MAX) / START_SIZE + 1;
	t->starts = alloc_zero(t->starts_end / 8 + 1, 1);
	for (size_t i = 0; i < t->exports.count; i++) {
		uint32_t start = t->exports.items[i].rva / START_SIZE;
		if (is_direct(t, &t->exports.items[i]) && start < t->starts_end)
			t->starts[start / 8] |= (uint8_t)(1u << start % 8);
	}
}

struct name_key {
	const struct export_table *table;
	const char *name;
	uint32_t hash;
};

/* Compares 32 bits of the hash before the names. */
static struct name_key make_key(const struct export_table *t, const char *name)
{
	return (struct name_key){t, name, (uint32_t)hash_string(name)};
}

static bool name_is_used(const void *slot, const void *key)
{
	(void)key;
	return ((const struct export_name *)slot)->item;
}

static bool name_matches(const void *slot, const void *key)
{
	const struct export_name *entry = slot;
	const struct name_key *wanted = key;
	return entry->hash == wanted->hash &&
	       !strcmp(wanted->table->exports.items[entry->item - 1].name, wanted->name);
}

static uint64_t entry_hash(const void *slot)
{
	return ((const struct export_name *)slot)->hash;
}

static const struct hash_kind names = {
	sizeof(struct export_name),
	name_is_used,
	name_matches,
	entry_hash,
};

/* Indexes the names. Of exports with one name the first one is found. */
static void index_names(const struct export_table *t, struct export_index *index)
{
	hash_table_reserve(&index->names, &names, NULL, t->exports.count);
	for (uint32_t i = 0; i < t->exports.count; i++) {
		const char *name = t->exports.items[i].name;
		if (!name)
			continue;
		struct name_key key = make_key(t, name);
		struct export_name *entry = hash_table_place(&index->names, &names, key.hash, &key);
		if (entry->item)
			continue;
		*entry = (struct export_name){key.hash, i + 1};
		index->names.count++;
	}
}

/* Makes a part of the index, unless it is made. */
static const struct export_index *index_with(const struct export_table *t, atomic_bool *known,
					     void (*make)(const struct export_table *t,
							  struct export_index *index))
{
	struct export_index *index = t->index;
	if (atomic_load_explicit(known, memory_order_acquire))
		return index;
	pthread_mutex_lock(&index->lock);
	if (!atomic_load_explicit(known, memory_order_relaxed))
		make(t, index);
	atomic_store_explicit(known, true, memory_order_release);
	pthread_mutex_unlock(&index->lock);
	return index;
}

const struct export_index *export_table_by_rva(const struct export_table *t)
{
	return index_with(t, &t->index->rvas_known, index_rvas);
}

struct export_table *export_table_new(struct pe_exports *exports, uint32_t size)
{
	struct export_table *t = alloc_new(struct export_table);
	atomic_init(&t->references, 1);
	t->exports = *exports;
	*exports = (struct pe_exports){0};
	t->size = size;
	t->index = alloc_new(struct export_index);
	pthread_mutex_init(&t->index->lock, NULL);
	mark_starts(t);
	t->forwards = alloc_resize(NULL, t->forward_count, sizeof(*t->forwards));
	size_t forwards = 0;
	for (uint32_t i = 0; i < t->exports.count; i++) {
		const struct pe_export *e = &t->exports.items[i];
		if (e->forwarder)
			t->forwards[forwards++] = i;
		t->name_bytes += e->name ? strlen(e->name) : 0;
	}
	return t;
}

struct export_table *export_table_read(const struct pe *pe)
{
	_cleanup_pe_exports_ struct pe_exports exports = {0};
	pe_exports_read(pe, &exports);
	if (!exports.count)
		return NULL;
	struct export_table *table = export_table_new(&exports, pe->size_of_image);
	table->movable = pe->dll_characteristics & IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE;
	return table;
}

bool export_table_movable(const struct export_table *table)
{
	return table->movable;
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
	struct export_index *index = table->index;
	pthread_mutex_destroy(&index->lock);
	free(index->rvas);
	free(index->direct);
	free(index->names.slots);
	free(index->by_ordinal);
	free(index);
	pe_exports_free(&table->exports);
	free(table->forwards);
	free(table->starts);
	free(table);
}

const struct pe_exports *export_table_exports(const struct export_table *table)
{
	return &table->exports;
}

uint64_t export_table_cost(const struct export_table *t)
{
	return t->exports.count + t->name_bytes / 64;
}

/* With all of its index, whether that is made or not: the same is counted whatever was asked for. */
size_t export_table_memory(const struct export_table *t)
{
	size_t n = t->exports.count;
	return sizeof(*t) + sizeof(*t->index) +
	       n * (sizeof(*t->exports.items) + sizeof(*t->index->by_ordinal)) +
	       t->forward_count * sizeof(*t->forwards) +
	       t->direct_count * (sizeof(*t->index->rvas) + sizeof(*t->index->direct)) +
	       (size_t)t->starts_end / 8 + hash_table_capacity(n) * sizeof(struct export_name) +
	       t->exports.strings_size;
}

const struct pe_export *export_table_named(const struct export_table *t, const char *name)
{
	const struct export_index *index = index_with(t, &t->index->names_known, index_names);
	struct name_key key = make_key(t, name);
	const struct export_name *entry = hash_table_find(&index->names, &names, key.hash, &key);
	return entry ? &t->exports.items[entry->item - 1] : NULL;
}

const struct pe_export *export_table_ordinal(const struct export_table *t, uint32_t ordinal)
{
	const struct export_index *index = index_with(t, &t->index->ordinals_known, index_ordinals);
	for (size_t low = 0, high = t->exports.count; low < high;) {
		size_t middle = low + (high - low) / 2;
		const struct pe_export *e = &t->exports.items[index->by_ordinal[middle]];
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
	const uint32_t *rvas = export_table_by_rva(t)->rvas;
	return search_first(i, 0, t->direct_count, rvas[i] >= rva);
}
