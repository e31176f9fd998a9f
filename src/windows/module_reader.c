/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A reader for pe_open() of a PE in an address space: position = RVA = address - base.
 *
 * A page that the process lost may still be in the image: the section's page by its prototype PTE,
 * or what other processes that map the section agree on (neighbours.c).
 */
#include <impscan/alloc.h>
#include <impscan/module_reader.h>
#include <impscan/vad.h>
#include <impscan/view.h>

#include <stdlib.h>

/* The section's page by its prototype PTE; NULL: not in memory, or not known. */
static const uint8_t *section_page(const struct module_reader *module, uint64_t offset)
{
	struct page page;
	view_section_page(module->view, module->vad, module->vad->start + offset, &page);
	return page.state == PAGE_PAGEFILE ? NULL : page.data;
}

/* The page as the image has it elsewhere; NULL: nowhere. */
static const uint8_t *other_page(const struct module_reader *module, uint64_t position,
				 bool *section)
{
	const struct vad *vad = module->vad;
	uint64_t offset = vad ? module->base - vad->start + position : 0;
	if (!vad || offset > vad->end - vad->start)
		return NULL;
	const uint8_t *bytes = section_page(module, offset);
	*section = bytes != NULL;
	if (bytes || !module->neighbours || !vad->control_area)
		return bytes;
	return neighbours_page(module->neighbours, vad->control_area, offset & ~(PAGE_SIZE - 1));
}

/*
 * Can a page of a page file not be a copy of the section's page `other`? Then it is of another
 * time.
 */
static bool is_stale(const struct module_reader *module, const struct page *page,
		     const uint8_t *other)
{
	unsigned int size = memory_paging(space_memory(module->space)) == PAGING_X64 ? 8 : 4;
	return other && page_compare(page->data, other, size) == PAGE_UNLIKE;
}

/*
 * So many pages are recorded whenever they are read: few come again among them. Reading names here
 * and there, as those of a program's functions, comes back to the same pages for each of them.
 */
#define RECORDED_ANYWAY 64

static void record_page(struct module_reader *module, uint64_t position, const uint8_t *bytes)
{
	uint64_t rva = position & ~(PAGE_SIZE - 1);
	if (!bytes && module->page_count && module->pages[module->page_count - 1].rva == rva)
		return; /* asked for again */
	if (module->page_count >= RECORDED_ANYWAY && !address_set_add(&module->recorded, rva))
		return;
	*array_push(module->pages, module->page_count, module->page_capacity) =
		(struct module_page){.rva = rva, .data = bytes};
}

static const uint8_t *reader_at(const struct pe_reader *reader, uint64_t position,
				size_t *available)
{
	struct module_reader *module = reader->context;
	uint64_t address;
	if (__builtin_add_overflow(module->base, position, &address))
		return NULL;
	uint64_t offset = address & (PAGE_SIZE - 1);
	*available = (size_t)(PAGE_SIZE - offset);
	/* Mostly the page is that of the read before. */
	if (module->last == address / PAGE_SIZE + 1)
		return module->last_bytes + offset;
	struct page page;
	space_page(module->space, address, &page);
	const uint8_t *bytes = page.data;
	bool from_file = page.state == PAGE_PAGEFILE && !page.compressed && !module->keep_written;
	if (!bytes || from_file) {
		bool section = false;
		const uint8_t *other = other_page(module, position, &section);
		bool stale = bytes && is_stale(module, &page, other);
		if (stale)
			address_set_add(&module->stale, position / PAGE_SIZE);
		if (other && (!bytes || stale)) {
			bytes = other;
			address_set_add(section ? &module->sectioned : &module->borrowed,
					position / PAGE_SIZE);
		}
	}
	if (module->record)
		record_page(module, position, bytes);
	if (!bytes) {
		if (page.state == PAGE_PAGEFILE && !page.compressed)
			module->missing_page_files |= 1u << (page.page_file % PAGE_FILES);
		return NULL;
	}
	module->decompressed |= page.compressed;
	module->last = address / PAGE_SIZE + 1;
	module->last_bytes = bytes;
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
				.base = base,
				.at = reader_at,
				.why = reader_why,
			},
		.space = space,
		.base = base,
	};
	module->reader.context = module;
}

void module_reader_section(struct module_reader *reader, const struct view *view,
			   struct neighbours *neighbours)
{
	const struct vad *vad = vads_find(&view->vads, reader->base);
	if (!vad || vad->kind != VAD_IMAGE || reader->base % PAGE_SIZE)
		return;
	reader->control_area = vad->control_area;
	reader->neighbours = neighbours;
	reader->view = view;
	reader->vad = vad;
}

void module_reader_free(struct module_reader *module)
{
	free(module->pages);
	address_set_free(&module->recorded);
	address_set_free(&module->borrowed);
	address_set_free(&module->sectioned);
	address_set_free(&module->stale);
}
