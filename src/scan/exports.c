/*
 * What the addresses in a process are called: the exports of its modules.
 */
#include "scan/unit.h"

#include <impscan/bytes.h>

struct export_map *unit_export_map(const struct unit_context *context, struct view *view,
				   const struct modules *modules, unsigned int pointer_size)
{
	struct export_map *map = export_map_new(pointer_size, NULL);
	for (size_t i = 0; i < modules->count; i++) {
		const struct module *module = &modules->items[i];
		struct module_reader reader;
		module_reader_init(&reader, view->space, module->base, module->size);
		_cleanup_pe_ struct pe pe;
		if (pe_open(&pe, &reader.reader) != PE_OK || pe_pointer_size(&pe) != pointer_size)
			continue;
		_cleanup_export_table_ struct export_table *table =
			export_cache_get(context->exports, &pe, module->name);
		export_map_add(map, module->base, module->size, module->name, table);
	}
	export_map_finish(map);
	return map;
}

/* Between two slots of one table may lie nulls (they separate DLLs) and a few strangers. */
#define GAP_SLOTS 4

size_t count_resolved(const struct export_map *map, struct space *space, uint64_t start,
		      uint64_t end)
{
	unsigned int size = export_map_pointer_size(map);
	size_t most = 0, together = 0, gap = 0;
	for (uint64_t address = start; address < end;) {
		struct page page;
		space_page(space, address, &page);
		uint64_t next = (address & ~(page.span - 1)) + page.span;
		if (page.data)
			next = (address & ~(PAGE_SIZE - 1)) + PAGE_SIZE;
		for (size_t i = address & (PAGE_SIZE - 1); page.data && i < PAGE_SIZE; i += size) {
			if (export_map_hit(map, le_pointer(page.data + i, size))) {
				together++;
				gap = 0;
				most = max_of(most, together);
			} else if (++gap > GAP_SLOTS) {
				together = 0;
			}
		}
		if (!page.data)
			together = 0;
		if (next <= address)
			break;
		address = next;
	}
	return most;
}
