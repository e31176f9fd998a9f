/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The modules of a process, by address and by name. What leads to an address is in forwarders.c.
 *
 * Nothing of a DLL is copied: an address is searched for among the modules, then among the sorted
 * RVAs of the DLL's table.
 */
#include <impscan/export_map.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/page_size.h>
#include <impscan/search.h>

#include "exports/export_map_struct.h"
#include "exports/export_table.h"

struct export_map *export_map_new(unsigned int pointer_size, struct api_sets *sets)
{
	struct export_map *map = alloc_new(struct export_map);
	map->pointer_size = pointer_size;
	map->sets = sets ? api_sets_ref(sets) : NULL;
	map->low = UINT64_MAX;
	map->forwarders = alloc_new(struct forwarders);
	map->found = alloc_zero(FOUND_DLLS, sizeof(*map->found));
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
	free(map->pages.bits);
	free(map->forwarders->items);
	free(map->forwarders);
	free(map->found);
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

/*
 * Returns the module with a name in lower case; of several the one at the lowest address that
 * exports something.
 */
static const struct export_module *find_name(const struct export_map *map, const char *name)
{
	size_t at = search_first(i, 0, map->count,
				 strcmp(map->modules[map->by_name[i]].name, name) >= 0);
	const struct export_module *first = NULL;
	for (; at < map->count; at++) {
		const struct export_module *m = &map->modules[map->by_name[at]];
		if (strcmp(m->name, name) != 0)
			break;
		if (m->table)
			return m;
		first = first ? first : m;
	}
	return first;
}

/*
 * Makes a DLL's name lower case, and adds ".dll" where it has no extension. Returns false when it
 * is too long.
 */
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

/*
 * Returns where the module of a name is kept once it was found; NULL: nowhere. Lists and forwarders
 * name a few DLLs again and again, a time for each function.
 */
static struct found_dll *found_place(const struct export_map *map, const char *dll)
{
	size_t length = strlen(dll);
	if (!length || length >= sizeof(map->found->name))
		return NULL;
	size_t hash = length + (unsigned char)dll[0] * 3u + (unsigned char)dll[length / 2] * 7u +
		      (unsigned char)dll[length * 3 / 4] * 13u;
	return &map->found[hash % FOUND_DLLS];
}

static const struct export_module *keep_found(struct found_dll *found, const char *dll,
					      const struct export_module *module, bool hosted)
{
	if (found && module) {
		strcpy(found->name, dll);
		found->module = module;
		found->hosted = hosted;
	}
	return module;
}

const struct export_module *export_map_dll_for(const struct export_map *map, const char *dll,
					       const char *importer)
{
	char name[DLL_NAME_MAX];
	struct found_dll *found = found_place(map, dll);
	if (found && found->module && !(found->hosted && importer) && !strcmp(found->name, dll))
		return found->module;
	if (!normalise(dll, name))
		return NULL;
	const struct export_module *module = find_name(map, name);
	if (module && module->table)
		return keep_found(found, dll, module, false);
	const char *host = api_set_host(map->sets, name, importer);
	const struct export_module *hosting = host ? find_name(map, host) : NULL;
	return keep_found(importer ? NULL : found, dll, hosting ? hosting : module, true);
}

const struct export_module *export_map_dll(const struct export_map *map, const char *dll)
{
	return export_map_dll_for(map, dll, NULL);
}

#define PAGES_32 ((UINT64_C(1) << 32) / PAGE_SIZE)

static void mark_pages(struct export_map *map)
{
	struct export_pages *pages = &map->pages;
	*pages = (struct export_pages){
		.bits = alloc_zero(PAGES_32 / 64, sizeof(*pages->bits)),
		.first = UINT32_MAX,
	};
	for (size_t m = 0; m < map->count; m++) {
		const struct export_module *module = &map->modules[m];
		const struct export_table *t = module->table;
		for (size_t i = 0; t && i < t->exports.count; i++) {
			const struct pe_export *e = &t->exports.items[i];
			uint64_t page = (module->base + e->rva) / PAGE_SIZE;
			if (e->forwarder || e->rva >= min_of(module->size, (uint64_t)t->size) ||
			    page >= PAGES_32)
				continue;
			pages->bits[page / 64] |= UINT64_C(1) << page % 64;
			pages->first = min_of(pages->first, (uint32_t)page);
			pages->last = max_of(pages->last, (uint32_t)page);
		}
	}
}

const struct export_pages *export_map_pages(const struct export_map *map)
{
	return map->pages.bits ? &map->pages : NULL;
}

void export_map_finish(struct export_map *map)
{
	sort_modules(map);
	if (map->pointer_size == 4)
		mark_pages(map);
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
	size_t behind = search_first(i, 1, map->count, map->modules[i].base > address);
	const struct export_module *module = &map->modules[behind - 1];
	/* an address below the first module gives a huge difference */
	return address - module->base < module->size ? module : NULL;
}

bool export_map_hit(const struct export_map *map, uint64_t address)
{
	if (map->pages.bits &&
	    (address > UINT32_MAX || !export_pages_maybe(&map->pages, (uint32_t)address)))
		return false;
	const struct export_module *module = export_map_module_at(map, address);
	if (!module || !module->table)
		return false;
	const struct export_table *t = module->table;
	uint64_t rva = address - module->base;
	if (!export_table_maybe(t, rva))
		return false;
	size_t i = export_table_lower_bound(t, (uint32_t)rva);
	return i < t->direct_count && export_table_by_rva(t)->rvas[i] == rva;
}
