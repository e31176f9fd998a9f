/*
 * The reader that pe needs, on an address space: position = RVA = address - base.
 */
#include <impscan/windows.h>

#include <stdlib.h>

#include <impscan/alloc.h>

static const uint8_t *reader_at(const struct pe_reader *reader, uint64_t position,
				size_t *available)
{
	struct module_reader *module = reader->context;
	uint64_t address;
	if (__builtin_add_overflow(module->base, position, &address))
		return NULL;
	uint64_t offset = address & (PAGE_SIZE - 1);
	*available = (size_t)(PAGE_SIZE - offset);
	/* What is read next lies mostly in the same page. */
	if (module->last == address / PAGE_SIZE + 1)
		return module->last_bytes + offset;
	struct page page;
	space_page(module->space, address, &page);
	const uint8_t *bytes = page.data;
	if (!bytes && module->neighbours && module->control_area) {
		bytes = neighbours_page(module->neighbours, module->control_area,
					position & ~(PAGE_SIZE - 1));
		if (bytes)
			address_set_add(&module->borrowed, position / PAGE_SIZE);
	}
	if (!bytes) {
		if (page.state == PAGE_PAGEFILE && !page.compressed)
			module->missing_page_files |= 1u << (page.page_file % PAGE_FILES);
		return NULL;
	}
	module->decompressed |= page.compressed;
	module->last = address / PAGE_SIZE + 1;
	module->last_bytes = bytes;
	if (module->record)
		*array_push(module->pages, module->page_count, module->page_capacity) =
			(struct module_page){
				.rva = position & ~(PAGE_SIZE - 1),
				.data = bytes,
			};
	return bytes + offset;
}

static const char *reader_why(const struct pe_reader *reader, uint64_t position)
{
	struct module_reader *module = reader->context;
	struct page page;
	space_page(module->space, module->base + position, &page);
	return page_why(&page, module->why, sizeof(module->why));
}

void module_reader_init(struct module_reader *module, struct space *space, uint64_t base,
			uint64_t size)
{
	*module = (struct module_reader){
		.reader =
			{
				.layout = PE_LAYOUT_MEMORY,
				.size = size && size <= UINT32_MAX ? size : UINT32_MAX,
				.at = reader_at,
				.why = reader_why,
			},
		.space = space,
		.base = base,
	};
	module->reader.context = module;
}

void module_reader_free(struct module_reader *module)
{
	free(module->pages);
	address_set_free(&module->borrowed);
}
