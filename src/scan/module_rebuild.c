/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rebuilding the import list of one module or region. What the rebuild room is given here: the
 * bytes of the process, the names of its addresses, and which pages of an image need no look, since
 * nobody has written to them and they were found clean before.
 */
#include "scan/module_rebuild.h"

#include <impscan/bytes.h>
#include <impscan/kernel_address.h>
#include <impscan/process_dump.h>
#include <impscan/search.h>

/* Steps of a budget that finding the section of an image counts. */
#define IMAGE_STEPS 8

/* The memory of an area, as the rebuild room asks for it. */
struct area_memory {
	struct rebuild_memory memory;
	const struct opened_module *opened;
	bool counted; /* looking at the pages of the image was counted */
};

/*
 * Is an address in pages of a dump of a process that lie in one piece of the image? They are looked
 * up once, and not page by page as through tables.
 */
static bool find_piece(struct opened_module *opened, uint64_t address)
{
	const struct windows *windows = opened->view->windows;
	size_t size;
	if (address - opened->piece < opened->piece_end - opened->piece)
		return true;
	if (!windows->dump || address >= USER_END_X64)
		return false;
	opened->piece = address & PAGE_MASK;
	opened->piece_bytes = image_at(windows->image, opened->piece, &size);
	if (!opened->piece_bytes)
		size = 0;
	opened->piece_end = opened->piece + min_of(size & PAGE_MASK, USER_END_X64 - opened->piece);
	return opened->piece_end > opened->piece;
}

static const uint8_t *memory_at(const struct rebuild_memory *memory, uint64_t address,
				size_t *available)
{
	struct opened_module *opened = memory->context;
	if (!find_piece(opened, address))
		return space_at(opened->view->space, address, available);
	*available = (size_t)(opened->piece_end - address);
	return opened->piece_bytes + (address - opened->piece);
}

/* Returns the first address from `address` on that is of no PE in the region. */
static uint64_t behind_inner(const struct opened_module *opened, uint64_t address)
{
	uint64_t start = 0, end = 0;
	size_t behind =
		search_first(i, 0, opened->inner_count, opened->first_inner[i].base > address);
	if (behind)
		injected_pages(&opened->first_inner[behind - 1], &start, &end);
	return end > address && start <= address ? end : address;
}

static uint64_t memory_present(const struct rebuild_memory *memory, uint64_t address, uint64_t end)
{
	struct opened_module *opened = memory->context;
	if (!opened->inner_count && find_piece(opened, address))
		return address;
	for (uint64_t next = address;;) {
		address = space_present(opened->view->space, next, end, NULL);
		next = behind_inner(opened, address);
		if (address >= end || next == address)
			return address;
		if (next >= end)
			return end;
	}
}

/* The number of a page in the image; false where it is none of its pages. */
static bool page_number(const struct own_pages *own, uint64_t address, size_t *number)
{
	uint64_t page = (address - own->vad->start) / PAGE_SIZE;
	*number = (size_t)page;
	return page < own->count;
}

static uint64_t memory_next(const struct rebuild_memory *memory, uint64_t address, uint64_t end)
{
	const struct opened_module *opened = memory->context;
	const struct own_pages *own = opened->own;
	size_t page;
	if (!page_number(own, address, &page))
		return memory_present(memory, address, end);
	size_t next = clean_section_next(opened->section, own, page, own->count);
	return next == page ? address : min_of(own->vad->start + next * PAGE_SIZE, end);
}

static void memory_found_clean(const struct rebuild_memory *memory, uint64_t address)
{
	const struct opened_module *opened = memory->context;
	size_t page;
	if (page_number(opened->own, address, &page))
		clean_section_add(opened->section, opened->own, page);
}

static uint64_t memory_next_uncompared(const struct rebuild_memory *memory, uint64_t address,
				       uint64_t end)
{
	const struct opened_module *opened = memory->context;
	const struct own_pages *own = opened->own;
	size_t page;
	if (!page_number(own, address, &page))
		return memory_present(memory, address, end);
	size_t next =
		clean_section_uncompared(opened->section, own, page, own->count, opened->exporters);
	return next == page ? address : min_of(own->vad->start + next * PAGE_SIZE, end);
}

static void memory_found_compared(const struct rebuild_memory *memory, uint64_t address)
{
	const struct opened_module *opened = memory->context;
	size_t page;
	if (page_number(opened->own, address, &page))
		clean_section_compared(opened->section, opened->own, page, opened->exporters);
}

/*
 * Of an image all pages are counted here: how many of them are not known to be clean depends on
 * what other threads have seen.
 */
static struct area_memory memory_of(struct unit_maps *maps, struct opened_module *opened)
{
	bool shared = unit_map_is_shared(maps, opened->pointer_size);
	bool unknown = unit_map_unknown_to_files(maps, opened->pointer_size);
	opened_image(opened, maps->context->clean);
	if (opened->inner_count)
		opened->first_inner = &maps->injections.items[opened->inner];
	uint64_t steps = 1;
	struct area_memory area = {
		.memory =
			{
				.at = memory_at,
				.present = memory_present,
				.next = unknown && opened->own ? memory_next : NULL,
				.found_clean = shared && opened->own ? memory_found_clean : NULL,
				.budget = &maps->tables,
				.context = opened,
			},
	};
	opened->exporters = unit_map_exporters(maps, opened->pointer_size);
	if (opened->exporters && opened->own) {
		area.memory.next = memory_next_uncompared;
		area.memory.found_clean = memory_found_compared;
		steps += REBUILT_PAGE_STEPS;
	}
	area.counted =
		opened->own &&
		budget_spend(&maps->tables, IMAGE_STEPS + steps * (opened->size / PAGE_SIZE));
	return area;
}

static struct rebuild_area area_of(const struct opened_module *opened, bool counted)
{
	return (struct rebuild_area){
		.base = opened->base,
		.size = opened->size,
		.pe = opened->pe.reader ? &opened->pe : NULL,
		.declared = opened->declared,
		.counted = counted,
		.data = opened->data,
	};
}

void module_rebuild(struct unit_maps *maps, struct opened_module *opened, struct rebuilt *rebuilt)
{
	const struct export_map *map = unit_map(maps, opened->pointer_size);
	const struct area_memory memory = memory_of(maps, opened);
	struct rebuild_area area = area_of(opened, memory.counted);
	if (opened->injected && !opened->data) {
		struct private_tables *others = unit_private_tables(maps, opened->pointer_size);
		if (!budget_exceeded(&maps->tables))
			private_tables_find(others, opened->view, map, &memory.memory, opened->base,
					    opened->size);
		area.others = &others->found;
	}
	rebuild(rebuilt, map, &memory.memory, &area);
	opened->rebuilt = rebuilt;
}

bool module_is_settled(struct unit_maps *maps, struct opened_module *opened,
		       const struct settled *settled, struct rebuilt *rebuilt)
{
	const struct export_map *map = unit_map(maps, opened->pointer_size);
	const struct budget before = maps->tables;
	const struct area_memory memory = memory_of(maps, opened);
	const struct rebuild_area area = area_of(opened, memory.counted);
	if (settled_holds(settled, rebuilt, map, &memory.memory, &area))
		return true;
	/* It is as if it had not been asked, since another thread would not have known to ask. */
	maps->tables = before;
	return false;
}

struct settled *module_settle(struct unit_maps *maps, const struct opened_module *opened)
{
	const struct rebuild_area area = area_of(opened, false);
	return settled_new(opened->rebuilt, unit_map(maps, opened->pointer_size), &area);
}
