/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hostile memory: the input is cut into a module with headers, a DLL with exports, an API set
 * schema and private data, all at fixed addresses, and everything that rebuilds import lists is run
 * on it. The first byte chooses the pointer size and what is there.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/imports.h>
#include <impscan/rebuild.h>

#define BASE_32 UINT64_C(0x400000)
#define BASE_64 UINT64_C(0x7ff800000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
	const uint8_t *data;
	size_t size;
	uint64_t base;
};

static const uint8_t *memory_at(const struct rebuild_memory *memory, uint64_t address,
				size_t *available)
{
	const struct memory *m = memory->context;
	if (address < m->base || address - m->base >= m->size)
		return NULL;
	uint64_t offset = address - m->base;
	*available = (size_t)min_of(4096 - offset % 4096, m->size - offset);
	return m->data + offset;
}

static bool read_memory(void *context, uint64_t address, void *buffer, size_t size)
{
	const struct memory *m = context;
	if (address < m->base || !range_within(address - m->base, size, m->size))
		return false;
	memcpy(buffer, m->data + (address - m->base), size);
	return true;
}

static void add_dll(struct export_map *map, const struct memory *m, size_t offset, const char *name)
{
	if (offset >= m->size)
		return;
	struct pe_reader reader =
		pe_reader_bytes(m->data + offset, m->size - offset, PE_LAYOUT_MEMORY);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader);
	_cleanup_export_table_ struct export_table *table = export_table_read(&pe);
	export_map_add(map, m->base + offset, pe.size_of_image ? pe.size_of_image : 4096, name,
		       table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 8)
		return 0;
	unsigned int width = data[0] & 1 ? 8 : 4;
	size_t module = (size_t)(data[1] & 15) * 512, dll = (size_t)(data[2] & 15) * 512;
	size_t schema = (size_t)(data[3] & 63) * 128;
	bool headers = data[0] & 2, others = data[0] & 4;
	struct memory m = {data + 4, size - 4, width == 8 ? BASE_64 : BASE_32};
	struct rebuild_memory memory = {.at = memory_at, .context = &m};

	struct api_sets *sets = api_sets_read(read_memory, &m, m.base + schema);
	if (sets)
		api_set_host(sets, "api-ms-win-core-heap-l1-1-0.dll", "kernel32.dll");
	_cleanup_export_map_ struct export_map *map = export_map_new(width, sets);
	add_dll(map, &m, dll, "kernel32.dll");
	add_dll(map, &m, dll + 512, NULL);
	export_map_finish(map);

	struct rebuilt private = {0};
	struct rebuilt rebuilt = {0};
	_cleanup_imports_ struct imports declared = {.keep_entries = true};
	rebuild_private(&private, map, &memory, m.base, m.size);
	if (module < m.size) {
		struct pe_reader reader =
			pe_reader_bytes(m.data + module, m.size - module, PE_LAYOUT_MEMORY);
		_cleanup_pe_ struct pe pe;
		pe_open(&pe, &reader);
		imports_declared(&declared, &pe);
		struct rebuild_area area = {
			.base = m.base + module,
			.size = m.size - module,
			.pe = headers ? &pe : NULL,
			.declared = headers ? &declared : NULL,
			.others = others ? &private : NULL,
		};
		rebuild(&rebuilt, map, &memory, &area);
		for (size_t i = 0; i < rebuilt.count; i++) {
			rebuilt_dll(&rebuilt, &rebuilt.entries[i]);
			rebuilt_name(&rebuilt, &rebuilt.entries[i]);
		}
	}
	rebuilt_free(&rebuilt);
	rebuilt_free(&private);
	api_sets_unref(sets);
	return 0;
}
