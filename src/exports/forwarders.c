/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where an import leads, and which exports lead to an address, through forwarders.
 *
 * Of a DLL's exports only the forwarders depend on the process: their DLL is found by its name
 * there. They are followed all at once, when an address is first looked up (most processes need
 * none), and kept by the address that they lead to.
 */
#include <impscan/export_map.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/search.h>

#include "exports/export_map_struct.h"
#include "exports/export_table.h"

enum { FORWARD_DEPTH = 8 }; /* forwarders from one to the next */

/* Called for each DLL that is looked up on the way to an export. */
struct passing {
	export_map_passed *passed;
	void *context;
};

/*
 * Returns the address of an export of `module`, by name or (NULL) by ordinal, behind up to
 * FORWARD_DEPTH forwarders; 0 when there is none.
 */
static uint64_t follow(const struct export_map *map, const struct export_module *module,
		       const char *name, uint32_t ordinal, unsigned int depth,
		       const struct passing *passing);

/*
 * Returns the address that a forwarder such as "NTDLL.RtlAllocateHeap" or "OLEAUT32.#2" of the
 * module `from` leads to, or 0.
 */
static uint64_t follow_forwarder(const struct export_map *map, const struct export_module *from,
				 const char *forwarder, unsigned int depth,
				 const struct passing *passing)
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
	const struct export_module *to = export_map_dll_for(map, dll, from->name);
	if (passing)
		passing->passed(passing->context, dll, from->name, to);
	return follow(map, to, name, ordinal, depth + 1, passing);
}

static uint64_t follow(const struct export_map *map, const struct export_module *module,
		       const char *name, uint32_t ordinal, unsigned int depth,
		       const struct passing *passing)
{
	if (!module || !module->table || depth > FORWARD_DEPTH)
		return 0;
	const struct pe_export *e = name ? export_table_named(module->table, name)
					 : export_table_ordinal(module->table, ordinal);
	if (!e)
		return 0;
	if (e->forwarder)
		return follow_forwarder(map, module, e->forwarder, depth, passing);
	return e->rva < module->size ? module->base + e->rva : 0;
}

uint64_t export_map_resolve(const struct export_map *map, const char *dll, const char *name,
			    uint32_t ordinal)
{
	return follow(map, export_map_dll(map, dll), name, ordinal, 0, NULL);
}

void export_map_follow(const struct export_map *map, const char *dll, const char *name,
		       uint32_t ordinal, export_map_passed *passed, void *context)
{
	const struct export_module *module = export_map_dll(map, dll);
	passed(context, dll, NULL, module);
	follow(map, module, name, ordinal, 0, &(struct passing){passed, context});
}

static int compare_forwarders(const void *a, const void *b)
{
	const struct forwarder *x = a, *y = b;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->module != y->module)
		return x->module < y->module ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

/* Follows all forwarders of the process, the first time that it is called. */
static const struct forwarders *follow_all(const struct export_map *map)
{
	struct forwarders *forwarders = map->forwarders;
	size_t followed = 0;
	if (forwarders->known)
		return forwarders;
	forwarders->known = true;
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
			*array_push(forwarders->items, forwarders->count, forwarders->capacity) =
				(struct forwarder){address, m, t->forwards[i]};
		}
	}
	if (forwarders->count)
		qsort(forwarders->items, forwarders->count, sizeof(*forwarders->items),
		      compare_forwarders);
	return forwarders;
}

/* Returns the position of the first forwarder to `address` or to a higher one. */
static size_t first_forwarder(const struct forwarders *forwarders, uint64_t address)
{
	return search_first(i, 0, forwarders->count, forwarders->items[i].address >= address);
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
	const struct export_index *index = export_table_by_rva(t);
	for (size_t i = export_table_lower_bound(t, rva);
	     i < t->direct_count && index->rvas[i] == rva; i++, count++)
		if (count < limit)
			candidates[count] = (struct export_candidate){
				.module = module,
				.export = &t->exports.items[index->direct[i]],
			};
	if (!count)
		return 0;
	const struct forwarders *forwarders = follow_all(map);
	for (size_t i = first_forwarder(forwarders, address);
	     i < forwarders->count && forwarders->items[i].address == address; i++, count++) {
		const struct forwarder *forwarder = &forwarders->items[i];
		const struct export_module *by = &map->modules[forwarder->module];
		if (count < limit)
			candidates[count] = (struct export_candidate){
				.module = by,
				.export = &by->table->exports.items[forwarder->item],
				.forwarded = true,
			};
	}
	return count;
}
