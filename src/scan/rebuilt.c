#include "scan/rebuilt.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* Where 64-bit Windows loads all images that may be moved; one range for all processes. */
#define IMAGES_LOW  UINT64_C(0x7ff000000000)
#define IMAGES_HIGH UINT64_C(0x800000000000)

struct clean_pages {
	const uint8_t *start; /* of the mapped file */
	uint64_t size;
	_Atomic uint64_t *bits; /* one a 4096 bytes of the file, by a page's first byte */
};

struct clean_pages *clean_pages_new(const struct image *image)
{
	struct clean_pages *clean = alloc_new(struct clean_pages);
	size_t count, available;
	const struct image_range *ranges = image_ranges(image, &count);
	clean->size = image_file_size(image);
	if (count)
		clean->start = image_at(image, ranges[0].start, &available) - ranges[0].offset;
	clean->bits = alloc_zero((size_t)(clean->size / PAGE_SIZE / 64 + 1), sizeof(*clean->bits));
	return clean;
}

void clean_pages_free(struct clean_pages *clean)
{
	free((void *)clean->bits);
	free(clean);
}

/* The bit of a page, by its bytes; false when they are not the image's (a page file's). */
static bool clean_bit(const struct clean_pages *clean, const uint8_t *page, _Atomic uint64_t **word,
		      uint64_t *bit)
{
	if (!clean->start || page < clean->start)
		return false;
	uint64_t offset = (uint64_t)(page - clean->start);
	if (offset >= clean->size)
		return false;
	uint64_t number = offset / PAGE_SIZE;
	*word = &clean->bits[number / 64];
	*bit = UINT64_C(1) << (number % 64);
	return true;
}

static const uint8_t *page_of(const struct rebuild_memory *memory, uint64_t address)
{
	const struct unit_maps *maps = memory->context;
	size_t available;
	return space_at(maps->view->space, address & ~(PAGE_SIZE - 1), &available);
}

static bool is_clean(const struct rebuild_memory *memory, uint64_t address)
{
	const struct unit_maps *maps = memory->context;
	const uint8_t *page = page_of(memory, address);
	_Atomic uint64_t *word;
	uint64_t bit;
	return page && clean_bit(maps->context->clean, page, &word, &bit) &&
	       (atomic_load_explicit(word, memory_order_relaxed) & bit);
}

static void found_clean(const struct rebuild_memory *memory, uint64_t address)
{
	const struct unit_maps *maps = memory->context;
	const uint8_t *page = page_of(memory, address);
	_Atomic uint64_t *word;
	uint64_t bit;
	if (page && clean_bit(maps->context->clean, page, &word, &bit))
		atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
}

static const uint8_t *memory_at(const struct rebuild_memory *memory, uint64_t address,
				size_t *available)
{
	const struct unit_maps *maps = memory->context;
	return space_at(maps->view->space, address, available);
}

void unit_maps_init(struct unit_maps *maps, const struct unit_context *context, struct view *view,
		    const struct modules *modules)
{
	*maps = (struct unit_maps){.context = context, .view = view, .modules = modules};
}

void unit_maps_free(struct unit_maps *maps)
{
	for (unsigned int i = 0; i < 2; i++) {
		export_map_free(maps->map[i]);
		rebuilt_free(&maps->others[i]);
	}
}

static unsigned int index_of(unsigned int pointer_size)
{
	return pointer_size == 4;
}

const struct export_map *unit_map(struct unit_maps *maps, unsigned int pointer_size)
{
	unsigned int i = index_of(pointer_size);
	if (maps->map[i])
		return maps->map[i];
	struct export_map *map = export_map_new(pointer_size, maps->context->api_sets);
	for (size_t m = 0; m < maps->modules->count; m++) {
		const struct module *module = &maps->modules->items[m];
		const struct vad *vad = vads_find(&maps->view->vads, module->base);
		if (module->file_layout || module->flags & MODULE_NO_HEADER)
			continue;
		_cleanup_module_reader_ struct module_reader reader;
		module_reader_init(&reader, maps->view->space, module->base, module->size);
		if (vad && vad->kind == VAD_IMAGE) {
			reader.neighbours = maps->context->neighbours;
			reader.control_area = vad->control_area;
		}
		_cleanup_pe_ struct pe pe;
		if (pe_open(&pe, &reader.reader) != PE_OK || pe_pointer_size(&pe) != pointer_size)
			continue;
		_cleanup_export_table_ struct export_table *table = export_cache_get(
			maps->context->exports, &pe, module->injected ? NULL : module->name);
		export_map_add(map, module->base, module->size,
			       module->injected ? NULL : module->name, table);
	}
	export_map_finish(map);
	maps->map[i] = map;

	struct rebuild_memory *memory = &maps->memory[i];
	*memory = (struct rebuild_memory){.at = memory_at, .context = maps};
	uint64_t low, high;
	export_map_range(map, &low, &high);
	if (pointer_size == 8 && low >= IMAGES_LOW && high <= IMAGES_HIGH) {
		export_map_set_range(map, IMAGES_LOW, IMAGES_HIGH);
		memory->is_clean = is_clean;
		memory->found_clean = found_clean;
	}
	return map;
}

/* What of a VAD is present, stretch by stretch: reserved ranges may be terabytes. */
static void search_private(struct unit_maps *maps, unsigned int i, const struct vad *vad)
{
	uint64_t start = 0, address = vad->start;
	while (address <= vad->end) {
		struct page page;
		space_page(maps->view->space, address, &page);
		uint64_t next = page.data ? (address & ~(PAGE_SIZE - 1)) + PAGE_SIZE
					  : (address & ~(page.span - 1)) + page.span;
		if (page.data && !start)
			start = address;
		if (start && (!page.data || next > vad->end)) {
			uint64_t end = page.data ? next : address;
			rebuild_private(&maps->others[i], maps->map[i], &maps->memory[i], start,
					end - start);
			start = 0;
		}
		if (next <= address)
			break;
		address = next;
	}
}

/* Tables that were made at run time, anywhere in the process's private memory. */
static const struct rebuilt *private_tables(struct unit_maps *maps, unsigned int pointer_size)
{
	unsigned int i = index_of(pointer_size);
	if (maps->others_known[i])
		return &maps->others[i];
	maps->others_known[i] = true;
	const struct vads *vads = &maps->view->vads;
	for (size_t v = 0; v < vads->count; v++) {
		const struct vad *vad = &vads->items[v];
		if (vad->kind == VAD_PRIVATE)
			search_private(maps, i, vad);
	}
	return &maps->others[i];
}

void unit_rebuild(struct unit_maps *maps, struct rebuilt *rebuilt, unsigned int pointer_size,
		  uint64_t base, uint64_t size, const struct pe *pe, const struct imports *declared,
		  bool private_too)
{
	const struct export_map *map = unit_map(maps, pointer_size);
	rebuild(rebuilt, map, &maps->memory[index_of(pointer_size)],
		&(struct rebuild_area){
			.base = base,
			.size = size,
			.pe = pe,
			.declared = declared,
			.others = private_too ? private_tables(maps, pointer_size) : NULL,
		});
}

bool unit_settled(struct unit_maps *maps, struct rebuilt *rebuilt, unsigned int pointer_size,
		  uint64_t base, uint64_t size, const struct pe *pe, const struct settled *settled)
{
	const struct export_map *map = unit_map(maps, pointer_size);
	return settled_holds(settled, rebuilt, map, &maps->memory[index_of(pointer_size)],
			     &(struct rebuild_area){.base = base, .size = size, .pe = pe});
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
