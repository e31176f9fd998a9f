/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An image in memory, put back to file layout: plans where everything goes (write_plan.c), then
 * changes the headers and the debug directory to match.
 */
#include "write.h"

#include <stdlib.h>

#include <impscan/pe_cursor.h>

enum {
	DEBUG_ENTRY_SIZE = 28, /* IMAGE_DEBUG_DIRECTORY */
	DEBUG_ENTRIES_MAX = 64,
};

const char *pe_written_layout_name(enum pe_written_layout layout)
{
	switch (layout) {
	case PE_WRITTEN_FILE:
		return "file";
	case PE_WRITTEN_SECTIONS:
		return "sections";
	case PE_WRITTEN_MAPPED:
		return "mapped";
	case PE_WRITTEN_MADE:
		return "made";
	}
	return "?";
}

/* Finds the section table. Returns whether it lies behind an optional header of full size. */
static bool find_table(struct writing *w)
{
	uint8_t size[2];
	w->nt = w->pe->nt_headers;
	w->sections = w->pe->section_count;
	if (pe_copy(w->pe, w->nt + 20, size, 2) != PE_READ_OK)
		return false;
	w->optional_size = le16(size);
	w->table = w->nt + WRITE_FILE_HEADER + w->optional_size;
	return w->nt >= 64 && w->optional_size >= write_optional_fixed(w);
}

/* Changes what every layout changes in the headers. */
static void mend_headers(struct writing *w)
{
	uint64_t optional = w->nt + WRITE_FILE_HEADER;
	uint64_t directories = optional + write_optional_fixed(w);
	/* Behind those that could be read, part of another header may stand. */
	write_put16(w, w->nt + 6, w->sections);
	write_put16(w, optional, w->pe32_plus ? 0x20b : 0x10b);
	if (w->pe32_plus) {
		uint8_t base[8];
		put64(base, w->options->base);
		write_put(w, optional + 24, base, sizeof(base));
	} else if (w->options->base <= UINT32_MAX) {
		write_put32(w, optional + 28, w->options->base);
	}
	write_put32(w, optional + 32, w->section_alignment);
	write_put32(w, optional + 36, w->file_alignment);
	if (w->written->layout == PE_WRITTEN_SECTIONS)
		write_put32(w, optional + 60, w->pieces[0].size);
	/* Both lie behind the sections of a file; memory does not have them. */
	write_put32(w, w->nt + 12, 0); /* PointerToSymbolTable */
	write_put32(w, w->nt + 16, 0); /* NumberOfSymbols */
	if (w->pe->directory[PE_DIRECTORY_SECURITY].rva) {
		write_put32(w, directories + 8 * PE_DIRECTORY_SECURITY, 0);
		write_put32(w, directories + 8 * PE_DIRECTORY_SECURITY + 4, 0);
	}
	/* With their names back, slots are bound no longer. */
	if (w->pe->directory[PE_DIRECTORY_BOUND_IMPORT].rva) {
		write_put32(w, directories + 8 * PE_DIRECTORY_BOUND_IMPORT, 0);
		write_put32(w, directories + 8 * PE_DIRECTORY_BOUND_IMPORT + 4, 0);
	}
}

/* IMAGE_DEBUG_DIRECTORY.PointerToRawData: by the offsets that the file has now. */
static void mend_debug_directory(struct writing *w)
{
	const struct pe_data_directory *debug = &w->pe->directory[PE_DIRECTORY_DEBUG];
	uint32_t count = min_of(debug->size / DEBUG_ENTRY_SIZE, (uint32_t)DEBUG_ENTRIES_MAX);
	for (uint32_t i = 0; debug->rva && i < count; i++) {
		uint64_t entry, offset;
		uint64_t rva = (uint64_t)debug->rva + i * DEBUG_ENTRY_SIZE;
		if (!write_offset(w, rva, DEBUG_ENTRY_SIZE, &entry))
			return;
		uint8_t address[4];
		if (!write_get(w, entry + 20, address, sizeof(address)) || !le32(address))
			continue;
		if (!write_offset(w, le32(address), 1, &offset))
			offset = 0;
		write_put32(w, entry + 24, offset);
	}
}

/* Where the file has what lies at an RVA: its own section table says it of one that is copied. */
static bool patch_offset(struct writing *w, const struct pe_write_patch *patch, uint64_t *offset)
{
	struct pe_cursor cursor;
	if (w->written->layout != PE_WRITTEN_FILE)
		return write_offset(w, patch->rva, patch->size, offset);
	pe_cursor_init(&cursor, w->pe);
	*offset = pe_cursor_position(&cursor, patch->rva);
	return true;
}

static void apply_patches(struct writing *w)
{
	for (size_t i = 0; i < w->options->patch_count; i++) {
		const struct pe_write_patch *patch = &w->options->patches[i];
		uint64_t offset;
		if (patch_offset(w, patch, &offset))
			write_put(w, offset, patch->bytes, patch->size);
	}
}

static void write_copy(struct writing *w)
{
	w->written->layout = PE_WRITTEN_FILE;
	write_content_end(w, 0, w->end, w->end);
	write_add_piece(w, 0, w->end, 0);
	if (w->written->pages > w->written->pages_absent) {
		write_begin_file(w);
		apply_patches(w);
	}
	w->written->imports_lost = w->options->import_count;
}

static void write_mapped_image(struct writing *w)
{
	bool linked = find_table(w) && write_is_linked(w);
	if (linked)
		write_plan_sections(w);
	else
		write_plan_mapped(w);
	if (w->written->stopped)
		return;
	write_begin_file(w);
	mend_debug_directory(w);
	mend_headers(w);
	if (linked)
		write_place_sections(w);
	else
		write_place_mapped(w);
	w->import_directory = w->pe->directory[PE_DIRECTORY_IMPORT].rva;
	apply_patches(w);
	write_restore_slots(w);
	write_add_imports(w);
}

static void write_made(struct writing *w)
{
	write_plan_made(w);
	if (w->written->pages == w->written->pages_absent || w->written->stopped)
		return;
	write_begin_file(w);
	write_made_header(w);
	write_add_imports(w);
}

/* There is no file of what could not be looked at. */
static void leave_counts(struct pe_written *written)
{
	struct pe_written counts = {
		.layout = written->layout,
		.pages = written->pages,
		.pages_absent = written->pages_absent,
		.stopped = true,
	};
	pe_written_free(written);
	*written = counts;
}

void pe_write(const struct pe *pe, const struct pe_write_options *options,
	      struct pe_written *written)
{
	*written = (struct pe_written){0};
	struct writing w = {
		.pe = pe,
		.reader = pe->reader,
		.options = options,
		.written = written,
		.end = min_of(pe->reader->size, PE_WRITE_MAX),
		.skew = options->base % PAGE_SIZE,
		.pe32_plus = pe->pe32_plus,
	};
	written->cut = pe->reader->size > w.end;
	if (pe->reader->layout == PE_LAYOUT_FILE)
		write_copy(&w);
	else if (pe->status == PE_OK)
		write_mapped_image(&w);
	else
		write_made(&w);
	if (!written->file)
		free(w.pieces);
	if (written->stopped)
		leave_counts(written);
}
