/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making a header for a region without one, be it wiped or not present. It has one section for the
 * whole region: readable, writable and executable.
 *
 * Where the first page of the region is empty, the header goes there, and RVAs stay what they were.
 * Otherwise the header is put in front, 64 KiB below (the granularity of ImageBase), so that every
 * byte keeps its address.
 */
#include "write.h"

#include <string.h>

#include <impscan/alloc.h>
#include <impscan/machine_type.h>

enum {
	HEADER_SIZE = 0x400,
	FILE_ALIGNMENT = 0x200,
	IN_FRONT = 0x10000,
	NT_HEADERS = 0x40,
	EXECUTABLE_IMAGE = 0x2, /* IMAGE_FILE_... */
	LARGE_ADDRESS_AWARE = 0x20,
	MACHINE_32BIT = 0x100,
	CODE = 0x20, /* IMAGE_SCN_... */
	READ = 0x40000000,
	SUBSYSTEM_WINDOWS_GUI = 2,
};

void write_plan_made(struct writing *w)
{
	uint64_t base = w->options->base;
	uint64_t first = min_of(PAGE_SIZE, w->end);
	w->written->layout = PE_WRITTEN_MADE;
	w->pe32_plus = w->options->pointer_size == 8 || base > UINT32_MAX;
	w->section_alignment = PAGE_SIZE;
	w->file_alignment = FILE_ALIGNMENT;
	w->nt = NT_HEADERS;
	w->optional_size = write_optional_fixed(w) + 8 * PE_DIRECTORY_COUNT;
	w->table = NT_HEADERS + WRITE_FILE_HEADER + w->optional_size;
	w->sections = 1;
	w->table_room = HEADER_SIZE;

	bool in_place = !write_content_end(w, 0, first, first) && w->end > first;
	uint64_t start = in_place ? first : 0;
	w->shift = in_place ? 0 : IN_FRONT;
	w->image_base = base > w->shift ? base - w->shift : 0;
	uint64_t content = write_content_end(w, max_of(start, first), w->end, w->end);
	if (!in_place)
		content = max_of(content, first);
	uint64_t size = align_up(content - start + WRITE_ZEROS_BEHIND, FILE_ALIGNMENT);
	*array_push(w->pieces, w->piece_count, w->piece_capacity) = (struct written_piece){
		.position = w->end, /* nothing of the memory */
		.size = HEADER_SIZE,
	};
	*array_push(w->pieces, w->piece_count, w->piece_capacity) = (struct written_piece){
		.rva = start + w->shift,
		.position = start,
		.size = size,
		.offset = HEADER_SIZE,
	};
	w->image_end = start + w->shift + max_of(size, w->end - start);
}

static uint64_t entry_point(const struct writing *w)
{
	uint64_t entry = w->options->entry_point;
	if (entry < w->options->base || entry - w->options->base >= w->end)
		return 0;
	return entry - w->options->base + w->shift;
}

void write_made_header(struct writing *w)
{
	uint8_t h[HEADER_SIZE] = {0};
	const struct written_piece *piece = &w->pieces[1];
	bool plus = w->pe32_plus;
	memcpy(h, "MZ", 2);
	put32(h + 0x3c, NT_HEADERS);
	uint8_t *file = h + NT_HEADERS;
	memcpy(file, "PE\0\0", 4);
	put16(file + 4, plus ? IMAGE_FILE_MACHINE_AMD64 : IMAGE_FILE_MACHINE_I386);
	put16(file + 6, w->sections);
	put16(file + 20, w->optional_size);
	put16(file + 22, EXECUTABLE_IMAGE | (plus ? LARGE_ADDRESS_AWARE : MACHINE_32BIT));
	uint8_t *o = file + WRITE_FILE_HEADER;
	put16(o, plus ? 0x20b : 0x10b);
	put32(o + 4, piece->size); /* SizeOfCode */
	put32(o + 16, entry_point(w));
	put32(o + 20, piece->rva); /* BaseOfCode */
	if (plus)
		put64(o + 24, w->image_base);
	else
		put32(o + 28, w->image_base);
	put32(o + 32, PAGE_SIZE);
	put32(o + 36, FILE_ALIGNMENT);
	put16(o + 40, 6); /* MajorOperatingSystemVersion */
	put16(o + 48, 6); /* MajorSubsystemVersion */
	put32(o + 56, align_up(w->image_end, PAGE_SIZE));
	put32(o + 60, HEADER_SIZE);
	put16(o + 68, SUBSYSTEM_WINDOWS_GUI);
	put32(o + write_optional_fixed(w) - 4, PE_DIRECTORY_COUNT);
	uint8_t *section = h + w->table;
	memcpy(section, ".memory", 7);
	put32(section + 12, piece->rva);
	put32(section + 36, CODE | IMAGE_SCN_MEM_EXECUTE | READ | IMAGE_SCN_MEM_WRITE);
	write_put(w, 0, h, sizeof(h));
	write_section_place(w, 0, w->image_end - piece->rva, piece->size, piece->offset);
}
