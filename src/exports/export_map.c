/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process's modules and what they export, by address.
 *
 * Nothing of a DLL is copied: an address is looked for among the modules, then among the DLL's own
 * sorted RVAs. Only forwarders depend on the process; they are followed once, when a name is first
 * asked for (in most processes none is), and kept by the address that they lead to.
 */
#include <impscan/export_map.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "exports/export_table.h"

enum { FORWARD_DEPTH = 8, DLL_NAME_MAX = 260 };

struct forward {
	uint64_t address;
	uint32_t module;
	uint32_t item;
};

/* Where forwarders lead; filled when first asked for. */
struct forwards {
	bool known;
	struct forward *items; /* by address */
	size_t count, capacity;
};

struct export_map {
	unsigned int pointer_size;
	struct api_sets *sets;	       /* a reference */
	struct export_module *modules; /* by base, once finished */
	struct export_table **tables;  /* the references, in the order of addition */
	size_t count, capacity;
	size_t table_count, table_capacity;
	uint32_t *by_name; /* positions in `modules`, by name */
	struct forwards *forwards;
	uint64_t low, high;
};

struct export_map *export_map_new(unsigned int pointer_size, struct api_sets *sets)
{
	struct export_map *map = alloc_new(struct export_map);
	map->pointer_size = pointer_size;
	map->sets = sets ? api_sets_ref(sets) : NULL;
	map->low = UINT64_MAX;
	map->forwards = alloc_new(struct forwards);
	return map;
}

void export_map_free(struct export_map *map)
{
	if (!map)
		return;
	for (size_t i = 0; i < map->count; i++)
		free((char *)map->modules[i].name);
	for (size_t i = 0; i < map->table_count; i++)
		export_table_unref(map->tables[i]);
	api_sets_unref(map->sets);
	free(map->modules);
	free(map->tables);
	free(map->by_name);
	free(map->forwards->items);
	free(map->forwards);
	free(map);
}

void export_map_add(struct export_map *map, uint64_t base, uint64_t size, const char *name,
		    struct export_table *table)
{
	if (!size || base + size < base)
		return;
	if (!name || !*name)
		name = table ? table->exports.name : "";
	char *lower = alloc_strdup(name);
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (table)
		*array_push(map->tables, map->table_count, map->table_capacity) =
			export_table_ref(table);
	*array_push(map->modules, map->count, map->capacity) = (struct export_module){
		.base = base,
		.size = size,
		.name = lower,
		.table = table,
	};
}

static int compare_base(const void *a, const void *b)
{
	const struct export_module *x = a, *y = b;
	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	/* Of two at one place the one that exports something, then the longer, comes first. */
	if (!x->table != !y->table)
		return x->table ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void sort_modules(struct export_map *map)
{
	if (!map->count)
		return;
	qsort(map->modules, map->count, sizeof(*map->modules), compare_base);
	size_t kept = 1;
	for (size_t i = 1; i < map->count; i++) {
		const struct export_module *last = &map->modules[kept - 1];
		if (map->modules[i].base - last->base < last->size)
			free((char *)map->modules[i].name);
		else
			map->modules[kept++] = map->modules[i];
	}
	map->count = kept;
	map->low = map->modules[0].base;
	map->high = map->modules[kept - 1].base + map->modules[kept - 1].size;
}

static int compare_module_names(const void *a, const void *b, void *context)
{
	const struct export_module *modules = context;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int order = strcmp(modules[x].name, modules[y].name);
	return order ? order : x < y ? -1 : x > y;
}

/* A module by its lower-case name; of several the lowest in memory that exports something. */
static const struct export_module *find_name(const struct export_map *map, const char *name)
{
	size_t low = 0, high = map->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(map->modules[map->by_name[middle]].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	const struct export_module *first = NULL;
	for (; low < map->count; low++) {
		const struct export_module *m = &map->modules[map->by_name[low]];
		if (strcmp(m->name, name) != 0)
			break;
		if (m->table)
			return m;
		first = first ? first : m;
	}
	return first;
}

/* Lower case, and ".dll" where it has no extension. False when that is too long. */
static bool normalise(const char *dll, char name[DLL_NAME_MAX])
{
	size_t length = strlen(dll);
	if (!length || length + 5 > DLL_NAME_MAX)
		return false;
	for (size_t i = 0; i <= length; i++)
		name[i] = (char)tolower((unsigned char)dll[i]);
	if (!strchr(name, '.'))
		memcpy(name + length, ".dll", 5);
	return true;
}

static const struct export_module *find_dll(const struct export_map *map, const char *dll,
					    const char *importer)
{
	char name[DLL_NAME_MAX];
	if (!normalise(dll, name))
		return NULL;
	const struct export_module *module = find_name(map, name);
	if (module && module->table)
		return module;
	const char *host = api_set_host(map->sets, name, importer);
	const struct export_module *hosting = host ? find_name(map, host) : NULL;
	return hosting ? hosting : module;
}

const struct export_module *export_map_dll(const struct export_map *map, const char *dll)
{
	return find_dll(map, dll, NULL);
}

const struct export_module *export_map_dll_for(const struct export_map *map, const char *dll,
					       const char *importer)
{
	return find_dll(map, dll, importer);
}

/* Who is told of the DLLs on the way; NULL: nobody. */
struct way {
	export_map_passed *passed;
	void *context;
};

static uint64_t follow(const struct export_map *map, const struct export_module *module,
		       const char *name, uint32_t ordinal, unsigned int depth,
		       const struct way *way);

/* Splits "NTDLL.RtlAllocateHeap" or "OLEAUT32.#2" and follows it. */
static uint64_t follow_forwarder(const struct export_map *map, const struct export_module *from,
				 const char *forwarder, unsigned int depth, const struct way *way)
{
	char dll[DLL_NAME_MAX];
	const char *dot = strrchr(forwarder, '.');
	if (!dot || dot == forwarder || (size_t)(dot - forwarder) >= sizeof(dll) || !dot[1])
		return 0;
	memcpy(dll, forwarder, (size_t)(dot - forwarder));
	dll[dot - forwarder] = '\0';
	const char *name = dot + 1;
	uint32_t ordinal = 0;
	if (*name == '#') {
		char *end;
		unsigned long number = strtoul(name + 1, &end, 10);
		if (end == name + 1 || *end || number > UINT16_MAX)
			return 0;
		ordinal = (uint32_t)number;
		name = NULL;
	}
	const struct export_module *to = find_dll(map, dll, from->name);
	if (way)
		way->passed(way->context, dll, from->name, to);
	return follow(map, to, name, ordinal, depth + 1, way);
}

static uint64_t follow(const struct export_map *map, const struct export_module *module,
		       const char *name, uint32_t ordinal, unsigned int depth,
		       const struct way *way)
{
	if (!module || !module->table || depth > FORWARD_DEPTH)
		return 0;
	const struct pe_export *e = name ? export_table_named(module->table, name)
					 : export_table_ordinal(module->table, ordinal);
	if (!e)
		return 0;
	if (e->forwarder)
		return follow_forwarder(map, module, e->forwarder, depth, way);
	return e->rva < module->size ? module->base + e->rva : 0;
}

uint64_t export_map_resolve(const struct export_map *map, const char *dll, const char *name,
			    uint32_t ordinal)
{
	return follow(map, find_dll(map, dll, NULL), name, ordinal, 0, NULL);
}

void export_map_follow(const struct export_map *map, const char *dll, const char *name,
		       uint32_t ordinal, export_map_passed *passed, void *context)
{
	const struct export_module *module = find_dll(map, dll, NULL);
	passed(context, dll, NULL, module);
	follow(map, module, name, ordinal, 0, &(struct way){passed, context});
}

static int compare_forwards(const void *a, const void *b)
{
	const struct forward *x = a, *y = b;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->module != y->module)
		return x->module < y->module ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

static const struct forwards *follow_all(const struct export_map *map)
{
	struct forwards *forwards = map->forwards;
	size_t followed = 0;
	if (forwards->known)
		return forwards;
	forwards->known = true;
	for (uint32_t m = 0; m < map->count; m++) {
		const struct export_module *module = &map->modules[m];
		const struct export_table *t = module->table;
		for (size_t i = 0; t && i < t->forward_count; i++) {
			if (followed++ >= EXPORT_FORWARDERS_MAX)
				break;
			const struct pe_export *e = &t->exports.items[t->forwards[i]];
			uint64_t address = follow_forwarder(map, module, e->forwarder, 0, NULL);
			if (!address)
				continue;
			*array_push(forwards->items, forwards->count, forwards->capacity) =
				(struct forward){address, m, t->forwards[i]};
		}
	}
	if (forwards->count)
		qsort(forwards->items, forwards->count, sizeof(*forwards->items), compare_forwards);
	return forwards;
}

void export_map_finish(struct export_map *map)
{
	sort_modules(map);
	map->by_name = alloc_zero(map->count, sizeof(*map->by_name));
	for (uint32_t i = 0; i < map->count; i++)
		map->by_name[i] = i;
	if (map->count)
		qsort_r(map->by_name, map->count, sizeof(*map->by_name), compare_module_names,
			map->modules);
}

unsigned int export_map_pointer_size(const struct export_map *map)
{
	return map->pointer_size;
}

struct api_sets *export_map_api_sets(const struct export_map *map)
{
	return map->sets;
}

size_t export_map_count(const struct export_map *map)
{
	return map->count;
}

const struct export_module *export_map_module(const struct export_map *map, size_t i)
{
	return &map->modules[i];
}

void export_map_range(const struct export_map *map, uint64_t *low, uint64_t *high)
{
	*low = map->low;
	*high = map->high;
}

void export_map_set_range(struct export_map *map, uint64_t low, uint64_t high)
{
	map->low = min_of(map->low, low);
	map->high = max_of(map->high, high);
}

const struct export_module *export_map_module_at(const struct export_map *map, uint64_t address)
{
	if (address < map->low || address >= map->high || !map->count)
		return NULL;
	size_t low = 0, high = map->count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (map->modules[middle].base <= address)
			low = middle;
		else
			high = middle;
	}
	const struct export_module *module = &map->modules[low];
	/* below the first one the difference is huge */
	return address - module->base < module->size ? module : NULL;
}

bool export_map_hit(const struct export_map *map, uint64_t address)
{
	const struct export_module *module = export_map_module_at(map, address);
	if (!module || !module->table)
		return false;
	const struct export_table *t = module->table;
	uint64_t rva = address - module->base;
	if (!export_table_maybe(t, rva))
		return false;
	size_t i = export_table_lower_bound(t, (uint32_t)rva);
	return i < t->direct_count && t->rvas[i] == rva;
}

static size_t first_forward(const struct forwards *forwards, uint64_t address)
{
	size_t low = 0, high = forwards->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (forwards->items[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t export_map_find(const struct export_map *map, uint64_t address,
		       struct export_candidate *candidates, size_t limit)
{
	const struct export_module *module = export_map_module_at(map, address);
	if (!module || !module->table || address - module->base >= module->table->size)
		return 0;
	const struct export_table *t = module->table;
	uint32_t rva = (uint32_t)(address - module->base);
	size_t count = 0;
	for (size_t i = export_table_lower_bound(t, rva); i < t->direct_count && t->rvas[i] == rva;
	     i++, count++)
		if (count < limit)
			candidates[count] = (struct export_candidate){
				.module = module,
				.export = &t->exports.items[t->direct[i]],
			};
	if (!count)
		return 0;
	const struct forwards *forwards = follow_all(map);
	for (size_t i = first_forward(forwards, address);
	     i < forwards->count && forwards->items[i].address == address; i++, count++) {
		const struct forward *forward = &forwards->items[i];
		const struct export_module *by = &map->modules[forward->module];
		if (count < limit)
			candidates[count] = (struct export_candidate){
				.module = by,
				.export = &by->table->exports.items[forward->item],
				.forwarded = true,
			};
	}
	return count;
}
