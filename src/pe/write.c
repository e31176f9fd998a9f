/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An image in memory, put back to file layout.
 *
 * A section table that a linker could have made - VirtualAddresses aligned, rising, behind the
 * headers - gives the layout that linkers make: headers, then each section's raw data, in order,
 * aligned to FileAlignment. Most files come out as they lay on disk. Any other table gives a file
 * whose offsets are RVAs; then the section headers are made to say so, with alignments under which
 * neither Windows nor pefile rounds any of them.
 *
 * Facts: "PE Format"; for what is rounded how, rva.c.
 */
#include "write.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

enum {
	RAW_ALIGNMENT = 0x200,
	RAW_ALIGNMENT_MAX = 0x10000,
	HEADERS_MAX = 0x10000,
	DEBUG_ENTRY_SIZE = 28, /* IMAGE_DEBUG_DIRECTORY */
	DEBUG_ENTRIES_MAX = 64,
	STEPS_A_PAGE = 4, /* of a budget: finding a page and where its content ends */
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

bool write_offset(struct writing *w, uint64_t rva, uint64_t size, uint64_t *offset)
{
	for (size_t i = 0; i < w->piece_count; i++) {
		size_t at = (w->piece_last + i) % w->piece_count;
		const struct piece *piece = &w->pieces[at];
		if (rva < piece->rva || !range_within(rva - piece->rva, size, piece->size))
			continue;
		w->piece_last = at;
		*offset = piece->offset + (rva - piece->rva);
		return true;
	}
	return false;
}

void write_section_place(const struct writing *w, size_t i, uint64_t virtual_size, uint64_t size,
			 uint64_t offset)
{
	uint64_t header = w->table + i * WRITE_SECTION_HEADER;
	write_put32(w, header + 8, virtual_size);
	write_put32(w, header + 16, size);
	write_put32(w, header + 20, size ? offset : 0);
}

uint64_t write_content_end(struct writing *w, uint64_t start, uint64_t end, uint64_t counted)
{
	uint64_t content = start;
	for (uint64_t at = start; at < end;) {
		size_t available;
		if (!budget_spend(w->options->budget, STEPS_A_PAGE)) {
			w->written->stopped = true;
			break;
		}
		const uint8_t *p = w->reader->at(w->reader, at, &available);
		uint64_t next = min_of(write_next_page(w->skew, at), end);
		if (at < counted) {
			w->written->pages++;
			w->written->pages_absent += !p;
		}
		if (p) {
			next = min_of(next, at + available);
			size_t n = (size_t)(next - at);
			while (n && !p[n - 1])
				n--;
			if (n)
				content = at + n;
		}
		at = next;
	}
	return content;
}

static void add_piece(struct writing *w, uint64_t rva, uint64_t size, uint64_t offset)
{
	*array_push(w->pieces, w->piece_count, w->piece_capacity) = (struct piece){
		.rva = rva,
		.position = rva,
		.size = size,
		.offset = offset,
	};
}

static bool is_power_of_2(uint64_t value)
{
	return value && !(value & (value - 1));
}

/* Where the section table lies, and whether it lies behind an optional header of full size. */
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

/* Could a linker have made this section table? */
static bool is_linked(const struct writing *w)
{
	const struct pe *pe = w->pe;
	uint64_t floor = w->table + w->sections * WRITE_SECTION_HEADER;
	if (!w->sections || w->sections > WRITE_SECTIONS_MAX || floor > HEADERS_MAX ||
	    pe->section_alignment < PE_PAGE_SIZE || !is_power_of_2(pe->section_alignment))
		return false;
	for (size_t i = 0; i < w->sections; i++) {
		uint64_t rva = pe->sections[i].virtual_address;
		if (rva % pe->section_alignment || rva < floor || (!i && rva >= w->end))
			return false;
		floor = rva + 1;
	}
	return true;
}

/* Where the next section begins; of the last one, where it ends itself or the image does. */
static uint64_t section_end(const struct writing *w, size_t i)
{
	const struct pe_section *section = &w->pe->sections[i];
	if (i + 1 < w->sections)
		return section[1].virtual_address;
	return max_of((uint64_t)section->virtual_address + section->virtual_size, w->end);
}

/* How much memory there can be of a section: none of those that lie behind the image. */
static uint64_t section_room(const struct writing *w, size_t i)
{
	uint64_t rva = w->pe->sections[i].virtual_address;
	return rva < w->end ? min_of(section_end(w, i), w->end) - rva : 0;
}

static void plan_sections(struct writing *w)
{
	const struct pe *pe = w->pe;
	w->written->layout = PE_WRITTEN_SECTIONS;
	w->section_alignment = pe->section_alignment;
	w->file_alignment = pe->file_alignment;
	if (!is_power_of_2(w->file_alignment) || w->file_alignment < RAW_ALIGNMENT ||
	    w->file_alignment > min_of((uint32_t)RAW_ALIGNMENT_MAX, w->section_alignment))
		w->file_alignment = RAW_ALIGNMENT;

	uint64_t first = pe->sections[0].virtual_address;
	uint64_t table_end = w->table + w->sections * WRITE_SECTION_HEADER;
	if (w->options->import_count)
		table_end = min_of(table_end + WRITE_SECTION_HEADER, first);
	uint64_t headers = max_of(table_end, min_of((uint64_t)pe->size_of_headers, first));
	headers = max_of(headers, write_content_end(w, 0, first, headers));
	headers = min_of(align_up(headers, w->file_alignment), first);
	add_piece(w, 0, headers, 0);
	w->table_room = headers;

	uint64_t offset = headers;
	for (size_t i = 0; i < w->sections; i++) {
		const struct pe_section *section = &pe->sections[i];
		uint64_t rva = section->virtual_address;
		uint64_t room = section_room(w, i);
		uint64_t declared =
			section->virtual_size ? section->virtual_size : section->size_of_raw_data;
		uint64_t content = write_content_end(w, rva, rva + room, rva + declared) - rva;
		uint64_t size = section->size_of_raw_data;
		if (content > size)
			size = content + WRITE_ZEROS_BEHIND;
		size = min_of(align_up(size, w->file_alignment), room);
		add_piece(w, rva, size, offset);
		offset = align_up(offset + size, w->file_alignment);
	}
	w->image_end = section_end(w, w->sections - 1);
}

static void place_sections(struct writing *w)
{
	uint64_t end = 0;
	for (size_t i = 0; i < w->sections; i++) {
		const struct piece *piece = &w->pieces[i + 1];
		uint64_t size = w->pe->sections[i].virtual_size;
		/* Raw data up to the end of the last page are mapped whatever VirtualSize says. */
		if (size && piece->size > align_up(size, PE_PAGE_SIZE))
			size = piece->size;
		size = min_of(size, section_end(w, i) - piece->rva);
		write_section_place(w, i, size, piece->size, piece->offset);
		end = piece->rva + max_of(size, piece->size);
	}
	write_put32(w, w->nt + WRITE_FILE_HEADER + 56, align_up(end, w->section_alignment));
}

/* The largest power of 2, up to a page, that divides all VirtualAddresses. */
static uint32_t common_alignment(const struct writing *w)
{
	uint32_t all = PE_PAGE_SIZE;
	for (size_t i = 0; i < w->sections; i++)
		all |= w->pe->sections[i].virtual_address;
	return all & ~(all - 1);
}

/* Do the alignments as they are leave offsets that equal RVAs alone? See rva.c. */
static bool is_kept_by(const struct writing *w, uint32_t common)
{
	uint32_t file = w->pe->file_alignment;
	uint32_t section = w->pe->section_alignment;
	uint32_t rounding = section < PE_PAGE_SIZE ? file : section;
	return is_power_of_2(file) && is_power_of_2(section) && rounding <= common &&
	       (file < RAW_ALIGNMENT || common >= RAW_ALIGNMENT);
}

static void plan_mapped(struct writing *w)
{
	w->written->layout = PE_WRITTEN_MAPPED;
	uint64_t content = write_content_end(w, 0, w->end, w->end);
	w->image_end = min_of(content + WRITE_ZEROS_BEHIND, w->end);
	w->file_alignment = common_alignment(w);
	w->section_alignment = w->file_alignment;
	if (is_kept_by(w, w->file_alignment)) {
		w->file_alignment = w->pe->file_alignment;
		w->section_alignment = w->pe->section_alignment;
	}
	add_piece(w, 0, w->image_end, 0);
	/* The table can grow into nothing but zeros that no section has; see write_imports.c. */
	w->table_room = w->image_end;
	for (size_t i = 0; i < w->sections; i++)
		w->table_room = min_of(w->table_room, (uint64_t)w->pe->sections[i].virtual_address);
}

static void place_mapped(struct writing *w)
{
	const struct pe_section *sections = w->pe->sections;
	for (size_t i = 0; i < w->sections; i++) {
		uint64_t rva = sections[i].virtual_address, next = w->image_end;
		for (size_t k = 0; k < w->sections; k++)
			if (sections[k].virtual_address > rva)
				next = min_of(next, (uint64_t)sections[k].virtual_address);
		write_section_place(w, i, sections[i].virtual_size, next > rva ? next - rva : 0,
				    rva);
	}
}

/* What any layout changes in the headers. */
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

static void write_copy(struct writing *w)
{
	w->written->layout = PE_WRITTEN_FILE;
	write_content_end(w, 0, w->end, w->end);
	add_piece(w, 0, w->end, 0);
	if (w->written->pages > w->written->pages_absent)
		write_begin_file(w);
	w->written->imports_lost = w->options->import_count;
}

static void write_mapped_image(struct writing *w)
{
	bool linked = find_table(w) && is_linked(w);
	if (linked)
		plan_sections(w);
	else
		plan_mapped(w);
	if (w->written->stopped)
		return;
	write_begin_file(w);
	mend_debug_directory(w);
	mend_headers(w);
	if (linked)
		place_sections(w);
	else
		place_mapped(w);
	w->import_directory = w->pe->directory[PE_DIRECTORY_IMPORT].rva;
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
		.skew = options->base % PE_PAGE_SIZE,
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
