/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settled lists: rebuilt lists that are the declared list and nothing else. All slots of the import
 * directory are present and lead where their names do, and there is no other table.
 *
 * Most modules are mapped by many processes, and the loader writes the same addresses into their
 * slots in all of them. What one process showed is kept. In another process the list is the same
 * when the slots have the same values, the DLLs that these depend on are the same, and no other
 * table is found.
 */
#include <impscan/rebuild.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "rebuild/naming.h"

/* A DLL that was looked up by its name to resolve an import: by the list, or by a forwarder. */
struct named_dll {
	char *name;
	char *importer; /* the DLL whose forwarder has the name; NULL: the program */
	char *found;	/* name of the module that was found; NULL: none, then all below is 0 */
	uint64_t base, size;
	struct export_table *table;
};

/* A module that slots lead into. Tables are references. */
struct target_module {
	uint64_t base, size;
	struct export_table *table;
};

/* More DLLs than any real module needs. A list with more is not kept. */
#define DLLS_MAX 256

/* A slot of the import directory and what it held. */
struct settled_slot {
	uint64_t rva;
	uint64_t value;
};

struct settled {
	struct settled_slot *slots; /* in the order of the directory */
	size_t slot_count;
	struct named_dll *dlls;
	size_t dll_count, dll_capacity;
	struct target_module *targets;
	size_t target_count, target_capacity;
	struct api_sets *sets; /* with a reference; may be NULL */
};

/* Returns a new reference to a module's table, or NULL. */
static struct export_table *keep_table(const struct export_module *module)
{
	if (!module || !module->table)
		return NULL;
	return export_table_ref((struct export_table *)module->table);
}

/* Keeps a DLL that was looked up: an export_map_passed(). */
static void add_dll(void *context, const char *name, const char *importer,
		    const struct export_module *module)
{
	struct settled *settled = context;
	for (size_t i = settled->dll_count; i-- > 0;) {
		const struct named_dll *dll = &settled->dlls[i];
		if (!strcmp(dll->name, name) && !dll->importer == !importer &&
		    (!importer || !strcmp(dll->importer, importer)))
			return;
	}
	if (settled->dll_count > DLLS_MAX)
		return; /* too many, see settled_new() */
	*array_push(settled->dlls, settled->dll_count, settled->dll_capacity) = (struct named_dll){
		.name = alloc_strdup(name),
		.importer = importer ? alloc_strdup(importer) : NULL,
		.found = module ? alloc_strdup(module->name) : NULL,
		.base = module ? module->base : 0,
		.size = module ? module->size : 0,
		.table = keep_table(module),
	};
}

/* Keeps the module that a slot's value leads into. */
static void add_target(struct settled *settled, const struct export_map *map, uint64_t value)
{
	for (size_t i = settled->target_count; i-- > 0;)
		if (value - settled->targets[i].base < settled->targets[i].size)
			return;
	const struct export_module *module = export_map_module_at(map, value);
	if (!module)
		return;
	*array_push(settled->targets, settled->target_count, settled->target_capacity) =
		(struct target_module){module->base, module->size, keep_table(module)};
}

/*
 * Does what was found out about an entry depend only on the DLLs that were looked up for it and on
 * the module that it leads into? Not where it counts as unhooked only since a forwarder of some
 * other module has its name.
 */
static bool is_self_contained(const struct export_map *map, const struct rebuilt *rebuilt,
			      const struct rebuilt_entry *entry)
{
	struct candidates candidates;
	const char *name = rebuilt_name(rebuilt, entry);
	if (!entry->target || entry->value == entry->target)
		return true;
	candidates_find(map, entry->value, &candidates);
	for (size_t i = 0; i < candidates.count; i++) {
		const struct pe_export *e = candidates.items[i].export;
		if (!candidates.items[i].forwarded &&
		    (name ? e->name && !strcmp(e->name, name) : e->ordinal == entry->ordinal))
			return true;
	}
	return !candidates.count; /* not resolved yet */
}

struct settled *settled_new(const struct rebuilt *rebuilt, const struct export_map *map,
			    const struct rebuild_area *area)
{
	const struct imports *declared = area->declared;
	if (!declared || declared->status != IMPORTS_OK || rebuilt->cut || rebuilt->differs ||
	    rebuilt->hooked || rebuilt->unknown || rebuilt->table_count != 1 ||
	    !rebuilt->tables[0].directory || rebuilt->count != declared->entry_count)
		return NULL;
	for (size_t i = 0; i < rebuilt->count; i++)
		if (!rebuilt->entries[i].present || rebuilt->entries[i].source != REBUILT_NAMES ||
		    !is_self_contained(map, rebuilt, &rebuilt->entries[i]))
			return NULL;
	struct settled *settled = alloc_new(struct settled);
	settled->slots = alloc_zero(rebuilt->count, sizeof(*settled->slots));
	settled->slot_count = rebuilt->count;
	settled->sets = export_map_api_sets(map);
	if (settled->sets)
		api_sets_ref(settled->sets);
	for (size_t i = 0; i < rebuilt->count; i++) {
		const struct rebuilt_entry *entry = &rebuilt->entries[i];
		settled->slots[i] = (struct settled_slot){entry->slot - area->base, entry->value};
		if (settled->dll_count <= DLLS_MAX)
			export_map_follow(map, rebuilt_dll(rebuilt, entry),
					  rebuilt_name(rebuilt, entry), entry->ordinal, add_dll,
					  settled);
		if (settled->target_count <= DLLS_MAX)
			add_target(settled, map, entry->value);
	}
	if (settled->dll_count <= DLLS_MAX && settled->target_count <= DLLS_MAX)
		return settled;
	settled_free(settled);
	return NULL;
}

void settled_free(struct settled *settled)
{
	if (!settled)
		return;
	for (size_t i = 0; i < settled->dll_count; i++) {
		free(settled->dlls[i].name);
		free(settled->dlls[i].importer);
		free(settled->dlls[i].found);
		export_table_unref(settled->dlls[i].table);
	}
	for (size_t i = 0; i < settled->target_count; i++)
		export_table_unref(settled->targets[i].table);
	api_sets_unref(settled->sets);
	free(settled->dlls);
	free(settled->targets);
	free(settled->slots);
	free(settled);
}

size_t settled_memory(const struct settled *settled)
{
	size_t size = sizeof(*settled) + settled->slot_count * sizeof(*settled->slots) +
		      settled->dll_capacity * sizeof(*settled->dlls) +
		      settled->target_capacity * sizeof(*settled->targets);
	for (size_t i = 0; i < settled->dll_count; i++) {
		const struct named_dll *dll = &settled->dlls[i];
		size += strlen(dll->name) + 1;
		size += dll->importer ? strlen(dll->importer) + 1 : 0;
		size += dll->found ? strlen(dll->found) + 1 : 0;
	}
	return size;
}

/* Are the modules on which a settled list depends the same in another process? */
static bool same_modules(const struct settled *settled, const struct export_map *map)
{
	if (export_map_api_sets(map) != settled->sets)
		return false;
	for (size_t i = 0; i < settled->target_count; i++) {
		const struct target_module *target = &settled->targets[i];
		const struct export_module *module = export_map_module_at(map, target->base);
		if (!module || module->base != target->base || module->size != target->size ||
		    module->table != target->table)
			return false;
	}
	for (size_t i = 0; i < settled->dll_count; i++) {
		const struct named_dll *dll = &settled->dlls[i];
		const struct export_module *module =
			export_map_dll_for(map, dll->name, dll->importer);
		if ((module ? module->base : 0) != dll->base ||
		    (module ? module->size : 0) != dll->size ||
		    (module ? module->table : NULL) != dll->table || !module != !dll->found ||
		    (module && strcmp(module->name, dll->found) != 0))
			return false;
	}
	return true;
}

bool settled_holds(const struct settled *settled, struct rebuilt *rebuilt,
		   const struct export_map *map, const struct rebuild_memory *memory,
		   const struct rebuild_area *area)
{
	struct rebuilding r;
	if (!rebuild_begin(&r, rebuilt, map, memory, area))
		return false;
	r.imports = true;
	r.directory = true;
	for (size_t i = 0; i < settled->slot_count; i++) {
		const struct settled_slot *slot = &settled->slots[i];
		uint64_t value;
		if (!rebuild_spend(&r, STEPS_NAMED) || slot->rva >= area->size ||
		    !rebuild_slot(&r, area->base + slot->rva, &value) || value != slot->value)
			return false;
		rebuild_add_known(&r, area->base + slot->rva,
				  area->base + slot->rva + r.pointer_size);
	}
	if (!same_modules(settled, map))
		return false;
	rebuild_find_tables(&r);
	return !r.scratch->run_count && !rebuilt->cut;
}
