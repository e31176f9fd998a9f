/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening a module: from where its bytes are read, how large its pointers are, what it declares to
 * import, and which pages of its image are worth looking at.
 */
#include "scan/module_open.h"

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* What is known of the size of a pointer without headers: what was found out, or the lists say. */
static unsigned int known_pointer_size(const struct windows *windows, const struct module *module)
{
	if (module->pointer_size)
		return module->pointer_size;
	return module->flags & MODULE_WOW64 ? 4 : windows->pointer_size;
}

void module_open(struct opened_module *opened, const struct unit_context *context,
		 struct view *view, const struct module *module, unsigned int flags)
{
	if (module->flags & MODULE_NO_HEADER && !(flags & MODULE_OPEN_WHOLE)) {
		module_open_region(opened, view, module->used, module->used_size,
				   module->pointer_size);
		opened->inner = module->inner;
		opened->inner_count = module->inner_count;
		return;
	}
	*opened = (struct opened_module){
		.base = module->base,
		.size = module->size,
		.injected = module->injected,
		.flags = flags,
		.view = view,
		.pointer_size = known_pointer_size(context->windows, module),
	};
	struct module_reader *reader = &opened->reader;
	module_reader_init(reader, view->space, module->base, module->size);
	module_reader_section(reader, view, context->neighbours);
	reader->keep_written = flags & MODULE_OPEN_KEEP_WRITTEN;
	if (module->file_layout) {
		reader->reader.layout = PE_LAYOUT_FILE;
		reader->reader.size = min_of(module->size, MODULE_FILE_SIZE_MAX);
	}
	if (flags & MODULE_OPEN_RECORD)
		module_reader_record(reader);
	if (!(flags & MODULE_OPEN_LATER))
		module_open_headers(opened);
}

void module_open_headers(struct opened_module *opened)
{
	struct pe_reader *reader = &opened->reader.reader;
	pe_open(&opened->pe, reader);
	if (opened->pe.status == PE_OK)
		opened->pointer_size = pe_pointer_size(&opened->pe);
	if (!opened->size && opened->flags & MODULE_OPEN_KNOWN_SIZE)
		reader->size = opened->pe.status == PE_OK ? opened->pe.size_of_image : PAGE_SIZE;
}

void module_open_region(struct opened_module *opened, struct view *view, uint64_t base,
			uint64_t size, unsigned int pointer_size)
{
	const struct vad *vad = vads_find(&view->vads, base);
	*opened = (struct opened_module){
		.base = base,
		.size = size,
		.injected = true,
		.data = vad && vad->assumed,
		.view = view,
		.pointer_size = pointer_size,
	};
}

void module_close(struct opened_module *opened)
{
	clean_section_release(opened->section);
	pe_close(&opened->pe);
	module_reader_free(&opened->reader);
}

/*
 * The declared list of an image whose headers are gone: its import directory may still be there. A
 * list that is not whole is worth no more than none.
 */
static bool find_declared(struct opened_module *opened, struct imports *imports)
{
	const struct pe_reader *reader = &opened->reader.reader;
	if (!opened->reader.vad || reader->size >= UINT32_MAX)
		return false;
	_cleanup_pe_ struct pe assumed = {0};
	pe_assume(&assumed, reader, opened->pointer_size == 8, (uint32_t)reader->size);
	uint32_t rva = imports_find_directory(&assumed, imports->budget);
	if (!rva)
		return false;
	assumed.directory[PE_DIRECTORY_IMPORT].rva = rva;
	imports_declared(imports, &assumed);
	return imports->status == IMPORTS_OK;
}

void opened_declare(struct opened_module *opened, struct imports *imports, bool find)
{
	opened->declared = imports;
	opened->found_directory =
		find && !opened_has_headers(opened) && find_declared(opened, imports);
	if (!opened->found_directory)
		imports_declared(imports, &opened->pe);
}

/* The pages of an image section, for the headers that the section itself has. */
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

/* Marks the pages of a section that are clean by its headers. */
static void mark_clean(struct clean_section *section, const struct view *view,
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
	_cleanup_pe_ struct pe pe = {0};
	pe_open(&pe, &reader.reader);
	clean_section_tell(section, &pe);
}

void opened_image(struct opened_module *opened, struct clean_pages *clean)
{
	const struct vad *vad = vads_find(&opened->view->vads, opened->base);
	opened->own = vad && vad->control_area ? view_own_pages(opened->view, vad) : NULL;
	if (!opened->own || opened->section)
		return;
	opened->section = clean_pages_of(clean, opened->own, opened->base, opened->size,
					 opened->pointer_size);
	if (!clean_section_told(opened->section))
		mark_clean(opened->section, opened->view, vad, opened->base);
}
