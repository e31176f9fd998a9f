/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/unit_maps.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/kernel_address.h>
#include <impscan/module_reader.h>

#include "scan/api_sets.h"

/* Steps of a budget that finding the section of an image counts. */
#define IMAGE_STEPS 8

/*
 * Where 64-bit Windows loads all images that may be moved, up to the end of the user's half; one range
 * for all processes.
 */
#define IMAGES_LOW UINT64_C(0x7ff000000000)

static const uint8_t *memory_at(const struct rebuild_memory *memory, uint64_t address,
				size_t *available)
{
	const struct unit_maps *maps = memory->context;
	return space_at(maps->view->space, address, available);
}

/* The page's number in the image that is being looked at; false where it is none of an image. */
static bool page_number(const struct unit_maps *maps, uint64_t address, size_t *number)
{
	if (!maps->own)
		return false;
	uint64_t offset = address - maps->own->vad->start;
	*number = (size_t)(offset / PAGE_SIZE);
	return offset / PAGE_SIZE < maps->own->count;
}

static uint64_t memory_present(const struct rebuild_memory *memory, uint64_t address, uint64_t end)
{
	const struct unit_maps *maps = memory->context;
	return space_present(maps->view->space, address, end, NULL);
}

static uint64_t memory_next(const struct rebuild_memory *memory, uint64_t address, uint64_t end)
{
	const struct unit_maps *maps = memory->context;
	size_t page;
	if (!page_number(maps, address, &page))
		return memory_present(memory, address, end);
	size_t next = clean_section_next(maps->section, maps->own, page, maps->own->count);
	return next == page ? address : min_of(maps->own->vad->start + next * PAGE_SIZE, end);
}

static void memory_found_clean(const struct rebuild_memory *memory, uint64_t address)
{
	const struct unit_maps *maps = memory->context;
	size_t page;
	if (page_number(maps, address, &page))
		clean_section_add(maps->section, maps->own, page);
}

/* The pages of a section, for its headers. */
struct section_reader {
	struct pe_reader reader;
	const struct view *view;
	const struct vad *vad;
	uint64_t base;
};

static const uint8_t *section_at(const struct pe_reader *reader, uint64_t position,
				 size_t *available)
{
	const struct section_reader *section = reader->context;
	uint64_t address = section->base + position;
	struct page page;
	if (!view_section_page(section->view, section->vad, address, &page))
		return NULL;
	*available = (size_t)(PAGE_SIZE - address % PAGE_SIZE);
	return page.data + address % PAGE_SIZE;
}

/* Which pages of a section are clean by its headers, as the section itself has them. */
static void tell_section(struct clean_section *section, const struct view *view,
			 const struct vad *vad, uint64_t base)
{
	struct section_reader reader = {
		.reader =
			{
				.layout = PE_LAYOUT_MEMORY,
				.size = min_of(vad->end - base + 1, (uint64_t)UINT32_MAX),
				.at = section_at,
				.context = &reader,
			},
		.view = view,
		.vad = vad,
		.base = base,
	};
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader.reader);
	clean_section_tell(section, &pe);
}

/*
 * What is looked at next is the image of a VAD, or none. Of an image all pages are counted here: how
 * many are not known to be clean depends on what other threads have seen.
 */
static bool set_image(struct unit_maps *maps, uint64_t base, uint64_t size)
{
	const struct vad *vad = vads_find(&maps->view->vads, base);
	clean_section_release(take_ptr(maps->section));
	maps->own = vad && vad->control_area ? view_own_pages(maps->view, vad) : NULL;
	if (maps->own)
		maps->section = clean_pages_of(maps->context->clean, maps->own, base, size);
	if (maps->own && !clean_section_told(maps->section))
		tell_section(maps->section, maps->view, vad, base);
	return maps->own && budget_spend(&maps->tables, IMAGE_STEPS + size / PAGE_SIZE);
}

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
	maps->names.limit = maps->tables.limit = lists_limit(view->budget);
}

bool unit_maps_close(struct unit_maps *maps)
{
	bool enough = !budget_exceeded(&maps->names) && !budget_exceeded(&maps->tables);
	(void)budget_spend(maps->view->budget, maps->names.spent);
	(void)budget_spend(maps->view->budget, maps->tables.spent);
	return enough && !budget_exceeded(maps->view->budget);
}

void unit_maps_free(struct unit_maps *maps)
{
	clean_section_release(maps->section);
	for (unsigned int i = 0; i < 2; i++) {
		export_map_free(maps->map[i]);
		private_tables_free(&maps->others[i]);
	}
	api_sets_unref(maps->api_sets);
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
 * What a module exports, with a reference (NULL: nothing), and the size of its pointers; false where
 * no PE is. Read from this process's memory, unless somebody has read the very same pages before.
 */
static bool module_exports(struct unit_maps *maps, const struct module *module,
			   unsigned int *pointer_size, struct export_table **table)
{
	struct export_cache *cache = maps->context->exports;
	_cleanup_module_reader_ struct module_reader reader;
	module_reader_init(&reader, maps->view->space, module->base, module->size);
	module_reader_section(&reader, maps->view, maps->context->neighbours);
	bool aligned = module->base % PAGE_SIZE == 0; /* else its pages are none of the machine's */
	if (aligned && export_cache_find(cache, &reader.reader, pointer_size, table))
		return true;
	_cleanup_export_reading_ struct export_reading reading =
		export_cache_lock(cache, &reader.reader);
	if (aligned && export_cache_find(cache, &reader.reader, pointer_size, table))
		return true;
	module_reader_record(&reader);
	_cleanup_pe_ struct pe pe;
	if (pe_open(&pe, &reader.reader) != PE_OK)
		return false;
	*pointer_size = pe_pointer_size(&pe);
	*table = export_table_read(&pe);
	/* Decompressed pages live only as long as this process's view. */
	if (aligned && !reader.decompressed)
		export_cache_keep(cache, &reader.reader, reader.pages, reader.page_count,
				  *pointer_size, *table);
	return true;
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
	for (size_t m = 0; m < maps->modules->count; m++) {
		const struct module *module = &maps->modules->items[m];
		unsigned int size = pointer_size;
		if (module->file_layout || module->flags & MODULE_NO_HEADER)
			continue;
		_cleanup_export_table_ struct export_table *table = NULL;
		bool room = budget_spend(&maps->tables, EXPORTS_STEPS);
		if (room && (!module_exports(maps, module, &size, &table) || size != pointer_size))
			continue;
		taken += table ? export_table_memory(table) : 0;
		/* Whether they were read here or before by another process: the same is counted. */
		if (table)
			room = budget_spend(&maps->tables, export_table_cost(table));
		room = room && taken <= EXPORTS_MAX;
		maps->left_out += !room;
		export_map_add(map, module->base, module->size,
			       module->injected ? NULL : module->name, room ? table : NULL);
	}
	export_map_finish(map);
	maps->map[i] = map;

	struct rebuild_memory *memory = &maps->memory[i];
	*memory = (struct rebuild_memory){
		.at = memory_at,
		.present = memory_present,
		.budget = &maps->tables,
		.context = maps,
	};
	uint64_t low, high;
	export_map_range(map, &low, &high);
	if (pointer_size == 8 && low >= IMAGES_LOW && high <= USER_END_X64) {
		export_map_set_range(map, IMAGES_LOW, USER_END_X64);
		memory->next = memory_next;
		memory->found_clean = memory_found_clean;
	}
	return map;
}

void unit_rebuild(struct unit_maps *maps, struct rebuilt *rebuilt, unsigned int pointer_size,
		  uint64_t base, uint64_t size, const struct pe *pe, const struct imports *declared,
		  bool private_too)
{
	const struct export_map *map = unit_map(maps, pointer_size);
	unsigned int i = index_of(pointer_size);
	struct private_tables *others = &maps->others[i];
	bool counted = set_image(maps, base, size);
	if (private_too && !budget_exceeded(&maps->tables))
		private_tables_find(others, maps->view, map, &maps->memory[i], base, size);
	rebuild(rebuilt, map, &maps->memory[i],
		&(struct rebuild_area){
			.base = base,
			.size = size,
			.pe = pe,
			.counted = counted,
			.declared = declared,
			.others = private_too ? &others->found : NULL,
		});
}

bool unit_settled(struct unit_maps *maps, struct rebuilt *rebuilt, unsigned int pointer_size,
		  uint64_t base, uint64_t size, const struct pe *pe, const struct settled *settled)
{
	const struct export_map *map = unit_map(maps, pointer_size);
	const struct budget before = maps->tables;
	bool counted = set_image(maps, base, size);
	if (settled_holds(settled, rebuilt, map, &maps->memory[index_of(pointer_size)],
			  &(struct rebuild_area){
				  .base = base,
				  .size = size,
				  .pe = pe,
				  .counted = counted,
			  }))
		return true;
	/* It is as if it had not been asked, since another thread would not have known to ask. */
	maps->tables = before;
	return false;
}

struct settled *unit_settle(struct unit_maps *maps, const struct rebuilt *rebuilt,
			    unsigned int pointer_size, uint64_t base, uint64_t size,
			    const struct pe *pe, const struct imports *declared)
{
	return settled_new(rebuilt, unit_map(maps, pointer_size),
			   &(struct rebuild_area){
				   .base = base,
				   .size = size,
				   .pe = pe,
				   .declared = declared,
			   });
}
