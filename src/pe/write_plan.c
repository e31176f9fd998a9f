/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which part of an image in memory goes where in the file, and what the section headers say of it.
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

#include <impscan/alloc.h>

enum {
	RAW_ALIGNMENT = 0x200,
	RAW_ALIGNMENT_MAX = 0x10000,
	HEADERS_MAX = 0x10000,
	STEPS_A_PAGE = 4, /* of a budget: finding a page and where its content ends */
};

bool write_offset(struct writing *w, uint64_t rva, uint64_t size, uint64_t *offset)
{
	for (size_t i = 0; i < w->piece_count; i++) {
		size_t at = (w->piece_last + i) % w->piece_count;
		const struct written_piece *piece = &w->pieces[at];
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

void write_add_piece(struct writing *w, uint64_t rva, uint64_t size, uint64_t offset)
{
	*array_push(w->pieces, w->piece_count, w->piece_capacity) = (struct written_piece){
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

bool write_is_linked(const struct writing *w)
{
	const struct pe *pe = w->pe;
	uint64_t floor = w->table + w->sections * WRITE_SECTION_HEADER;
	if (!w->sections || w->sections > WRITE_SECTIONS_MAX || floor > HEADERS_MAX ||
	    pe->section_alignment < PAGE_SIZE || !is_power_of_2(pe->section_alignment))
		return false;
	for (size_t i = 0; i < w->sections; i++) {
		uint64_t rva = pe->sections[i].virtual_address;
		if (rva % pe->section_alignment || rva < floor || (!i && rva >= w->end))
			return false;
		floor = rva + 1;
	}
	return true;
}

/* Returns where the next section begins; for the last one, where it or the image ends. */
static uint64_t section_end(const struct writing *w, size_t i)
{
	const struct pe_section *section = &w->pe->sections[i];
	if (i + 1 < w->sections)
		return section[1].virtual_address;
	return max_of((uint64_t)section->virtual_address + section->virtual_size, w->end);
}

/* Returns how much memory a section can have, in bytes: 0 when it lies behind the image. */
static uint64_t section_room(const struct writing *w, size_t i)
{
	uint64_t rva = w->pe->sections[i].virtual_address;
	return rva < w->end ? min_of(section_end(w, i), w->end) - rva : 0;
}

void write_plan_sections(struct writing *w)
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
	write_add_piece(w, 0, headers, 0);
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
		write_add_piece(w, rva, size, offset);
		offset = align_up(offset + size, w->file_alignment);
	}
	w->image_end = section_end(w, w->sections - 1);
}

void write_place_sections(struct writing *w)
{
	uint64_t end = 0;
	for (size_t i = 0; i < w->sections; i++) {
		const struct written_piece *piece = &w->pieces[i + 1];
		uint64_t size = w->pe->sections[i].virtual_size;
		/* Raw data up to the end of the last page are mapped whatever VirtualSize says. */
		if (size && piece->size > align_up(size, PAGE_SIZE))
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
	uint32_t all = PAGE_SIZE;
	for (size_t i = 0; i < w->sections; i++)
		all |= w->pe->sections[i].virtual_address;
	return all & ~(all - 1);
}

/* Do the alignments as they are leave offsets that equal RVAs alone? See rva.c. */
static bool is_kept_by(const struct writing *w, uint32_t common)
{
	uint32_t file = w->pe->file_alignment;
	uint32_t section = w->pe->section_alignment;
	uint32_t rounding = section < PAGE_SIZE ? file : section;
	return is_power_of_2(file) && is_power_of_2(section) && rounding <= common &&
	       (file < RAW_ALIGNMENT || common >= RAW_ALIGNMENT);
}

void write_plan_mapped(struct writing *w)
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
	write_add_piece(w, 0, w->image_end, 0);
	/* The table can grow into nothing but zeros that no section has; see write_imports.c. */
	w->table_room = w->image_end;
	for (size_t i = 0; i < w->sections; i++)
		w->table_room = min_of(w->table_room, (uint64_t)w->pe->sections[i].virtual_address);
}

void write_place_mapped(struct writing *w)
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
