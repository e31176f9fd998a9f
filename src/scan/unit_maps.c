/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The names of a process's addresses: export maps made of its modules' export tables and its API
 * sets.
 */
#include "scan/unit_maps.h"

#include <stdlib.h>
#include <strings.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/kernel_address.h>
#include <impscan/pe_exports.h>

#include "scan/api_sets.h"
#include "scan/module_open.h"

/*
 * Where 64-bit Windows loads all images that may be moved, up to the end of the user's half; one
 * range for all processes.
 */
#define IMAGES_LOW UINT64_C(0x7ff000000000)

/* The first build that moves images with each start of the machine: Vista. */
#define BUILD_MOVES 6000

/* Lists of either kind may cost so many times what a single walk may. */
#define LISTS_WALKS 4

/* What lists of one kind may cost, of what a process may. */
static uint64_t lists_limit(const struct budget *whole)
{
	uint64_t left = budget_left(whole);
	return whole && whole->part ? min_of(left, LISTS_WALKS * whole->part) : left;
}

void unit_maps_init(struct unit_maps *maps, const struct unit_context *context, struct view *view,
		    const struct process *process, const struct modules *modules)
{
	*maps = (struct unit_maps){
		.context = context,
		.view = view,
		.process = process,
		.modules = modules,
	};
	for (unsigned int i = 0; i < 2; i++)
		maps->private_tables[i].injections = &maps->injections;
	maps->names.limit = maps->tables.limit = maps->samples.limit = maps->programs.limit =
		lists_limit(view->budget);
}

bool unit_maps_close(struct unit_maps *maps)
{
	bool enough = !budget_exceeded(&maps->names) && !budget_exceeded(&maps->tables) &&
		      !budget_exceeded(&maps->samples) && !budget_exceeded(&maps->programs);
	(void)budget_spend(maps->view->budget, maps->names.spent);
	(void)budget_spend(maps->view->budget, maps->tables.spent);
	(void)budget_spend(maps->view->budget, maps->samples.spent);
	(void)budget_spend(maps->view->budget, maps->programs.spent);
	return enough && !budget_exceeded(maps->view->budget);
}

void unit_maps_free(struct unit_maps *maps)
{
	for (unsigned int i = 0; i < 2; i++) {
		export_map_free(maps->map[i]);
		private_tables_free(&maps->private_tables[i]);
		free(maps->resolved[i]);
	}
	api_sets_unref(maps->api_sets);
	injections_free(&maps->injections);
}

static unsigned int index_of(unsigned int pointer_size)
{
	return pointer_size == 4;
}

/* What is counted for the exports of a module, beside reading them. */
#define EXPORTS_STEPS 20

/* Bytes of all export tables of one process. Real ones have some 20 MB. */
#define EXPORTS_MAX ((size_t)32 << 20)

/*
 * What a module exports, with a reference (NULL: nothing), and the size of its pointers; false
 * where no PE is. Read from this process's memory, unless somebody has read the very same pages
 * before.
 */
static bool module_exports(struct unit_maps *maps, const struct module *module,
			   unsigned int *pointer_size, struct export_table **table)
{
	struct export_cache *cache = maps->context->exports;
	_cleanup_opened_module_ struct opened_module opened = {0};
	module_open(&opened, maps->context, maps->view, module, MODULE_OPEN_LATER);
	const struct pe_reader *reader = &opened.reader.reader;
	bool aligned = module->base % PAGE_SIZE == 0; /* else its pages are none of the machine's */
	if (aligned && export_cache_find(cache, reader, pointer_size, table))
		return true;
	_cleanup_export_reading_ struct export_reading reading = export_cache_lock(cache, reader);
	if (aligned && export_cache_find(cache, reader, pointer_size, table))
		return true;
	module_reader_record(&opened.reader);
	module_open_headers(&opened);
	if (!opened_has_headers(&opened))
		return false;
	*pointer_size = opened.pointer_size;
	*table = export_table_read(&opened.pe);
	/* Decompressed pages live only as long as this process's view. */
	if (aligned && !opened.reader.decompressed)
		export_cache_keep(cache, reader, opened.reader.pages, opened.reader.page_count,
				  *pointer_size, *table);
	return true;
}

/* The modules of a map, as long as pages can be skipped by them. */
struct exporter_list {
	uint64_t start[EXPORTERS_MAX], end[EXPORTERS_MAX];
	size_t count;
	bool known;
};

static void add_exporter(struct unit_maps *maps, struct exporter_list *list,
			 const struct module *module, struct export_table *table)
{
	uint64_t start = module->base, end = start + module->size;
	list->known &= list->count < EXPORTERS_MAX && end >= start;
	for (size_t i = 0; i < list->count && list->known; i++)
		list->known = end <= list->start[i] || start >= list->end[i];
	if (list->known && table)
		list->known = exporters_add(&maps->exporters, maps->context->clean, start,
					    module->size, table);
	if (!list->known)
		return;
	list->start[list->count] = start;
	list->end[list->count++] = end;
}

/* Has it no exports of its own, since it is no image as a loader maps it? */
static bool is_no_exporter(const struct module *module)
{
	return module->file_layout || module->flags & MODULE_NO_HEADER;
}

void unit_map_read_ahead(struct unit_maps *maps, size_t i)
{
	const struct module *module = &maps->modules->items[i];
	unsigned int size;
	_cleanup_export_table_ struct export_table *table = NULL;
	if (!is_no_exporter(module))
		(void)module_exports(maps, module, &size, &table);
}

const struct export_map *unit_map(struct unit_maps *maps, unsigned int pointer_size)
{
	unsigned int i = index_of(pointer_size);
	if (maps->map[i])
		return maps->map[i];
	if (!maps->map[!i])
		maps->api_sets =
			api_set_cache_get(maps->context->api_sets, maps->view, maps->process,
					  &maps->tables, &maps->api_sets_refused);
	struct export_map *map = export_map_new(pointer_size, maps->api_sets);
	size_t taken = 0;
	bool movable = true;
	struct exporter_list exporters = {.known = pointer_size == 4};
	for (size_t m = 0; m < maps->modules->count; m++) {
		const struct module *module = &maps->modules->items[m];
		unsigned int size = pointer_size;
		atomic_store_explicit(&maps->progress, m, memory_order_relaxed);
		if (is_no_exporter(module))
			continue;
		_cleanup_export_table_ struct export_table *table = NULL;
		bool room = budget_spend(&maps->tables, EXPORTS_STEPS);
		if (room && (!module_exports(maps, module, &size, &table) || size != pointer_size))
			continue;
		taken += table ? export_table_memory(table) : 0;
		movable &= !table || export_table_movable(table);
		/* Whether they were read here or before by another process: the same is counted. */
		if (table)
			room = budget_spend(&maps->tables, export_table_cost(table));
		room = room && taken <= EXPORTS_MAX;
		maps->left_out += !room;
		export_map_add(map, module->base, module->size,
			       module->injected ? NULL : module->name, room ? table : NULL);
		add_exporter(maps, &exporters, module, room ? table : NULL);
	}
	export_map_finish(map);
	maps->map[i] = map;

	uint64_t low, high;
	export_map_range(map, &low, &high);
	if (pointer_size == 8 && low >= IMAGES_LOW && high <= USER_END_X64) {
		export_map_set_range(map, IMAGES_LOW, USER_END_X64);
		maps->shared[i] = true;
	}
	/* 64-bit modules in that range were moved there, or their file asks for it. */
	maps->unknown_to_files[i] =
		pointer_size == 8 ? maps->shared[i]
				  : movable && maps->context->windows->build >= BUILD_MOVES;
	if (pointer_size == 4)
		maps->exporters_known = exporters.known && !maps->unknown_to_files[i];
	return map;
}

const struct exporters *unit_map_exporters(const struct unit_maps *maps, unsigned int pointer_size)
{
	return pointer_size == 4 && maps->exporters_known ? &maps->exporters : NULL;
}

bool unit_map_unknown_to_files(const struct unit_maps *maps, unsigned int pointer_size)
{
	return maps->unknown_to_files[index_of(pointer_size)];
}

bool unit_map_is_shared(const struct unit_maps *maps, unsigned int pointer_size)
{
	return maps->shared[index_of(pointer_size)];
}

struct private_tables *unit_private_tables(struct unit_maps *maps, unsigned int pointer_size)
{
	return &maps->private_tables[index_of(pointer_size)];
}

/*
 * Has a program .NET's runtime in itself? The host of self-contained single files exports this for
 * debuggers, from .NET 6 on (dotnet/runtime: src/native/corehost/apphost/static/
 * singlefilehost.def).
 */
static bool is_runtime(struct unit_maps *maps, const struct module *program)
{
	_cleanup_opened_module_ struct opened_module opened = {0};
	if (!(program->found_in & FOUND_LISTS) || !budget_spend(&maps->programs, EXPORTS_STEPS))
		return false;
	module_open(&opened, maps->context, maps->view, program, MODULE_OPEN_KNOWN_SIZE);
	return opened_has_headers(&opened) && opened.pe.directory[PE_DIRECTORY_EXPORT].rva &&
	       pe_export_find(&opened.pe, "DotNetRuntimeInfo");
}

/* Is it the name of a module that runs assemblies? */
static bool is_runtime_name(const char *name)
{
	static const char *const names[] = {
		"clr.dll",	"coreclr.dll",	      "mscorwks.dll",
		"mscorsvr.dll", "mono-2.0-bdwgc.dll", "mono-2.0-sgen.dll",
		"mono-2.0.dll", "mono.dll",	      "monosgen-2.0.dll"};
	char first = (char)(*name | 0x20);
	if (first != 'c' && first != 'm') /* as most do not begin */
		return false;
	for (size_t i = 0; i < array_size(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

static bool runs_dotnet(const struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++)
		if (is_runtime_name(modules->items[i].name))
			return true;
	return false;
}

bool unit_runs_dotnet(struct unit_maps *maps)
{
	if (!maps->runs_dotnet_known)
		maps->runs_dotnet =
			runs_dotnet(maps->modules) ||
			(maps->modules->count && is_runtime(maps, &maps->modules->items[0]));
	maps->runs_dotnet_known = true;
	return maps->runs_dotnet;
}
