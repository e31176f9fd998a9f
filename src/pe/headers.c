/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading the PE headers: DOS header, file header, optional header, data directories, section
 * table.
 *
 * Which files are accepted, and which of their sections, follows pefile 2023.2.7 (PE.__parse__,
 * PE.parse_sections) exactly, since that defines the import hashes. In memory the headers belong to
 * a module that the loader has accepted, so these checks are left out; where a page is absent, only
 * what lies on it is missing.
 *
 * Facts: structures and offsets of "PE Format".
 */
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/machine_type.h>
#include <impscan/pe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rva.h"

enum {
	DOS_HEADER_SIZE = 64,
	E_LFANEW = 0x3c, /* offset in it of the position of the PE signature */
	FILE_HEADER_SIZE = 20,
	OPTIONAL_SIZE = 96,	      /* PE32, without directories */
	OPTIONAL_SIZE_PLUS = 112,     /* PE32+ */
	OPTIONAL_LEAST = 69,	      /* what pefile still pads with zeros */
	OPTIONAL_LEAST_PLUS = 69 + 4, /* the same for PE32+ */
	SECTION_HEADER_SIZE = 40,
	SECTIONS_MAX = 0x800,	  /* pefile's MAX_SECTIONS; Windows takes 96 */
	SECTION_ERRORS_MAX = 3,	  /* oddities that make pefile end the table */
	ADDRESS_MAX = 0x10000000, /* a VirtualSize or VirtualAddress above this is such an oddity */
};

static const uint8_t *bytes_at(const struct pe_reader *reader, uint64_t position, size_t *available)
{
	*available = (size_t)(reader->size - position);
	return (const uint8_t *)reader->context + position;
}

struct pe_reader pe_reader_bytes(const void *bytes, size_t size, enum pe_layout layout)
{
	return (struct pe_reader){
		.layout = layout,
		.size = size,
		.at = bytes_at,
		.context = (void *)(uintptr_t)bytes,
	};
}

size_t pe_reader_copy(const struct pe_reader *reader, uint64_t position, void *buffer, size_t size,
		      bool *absent)
{
	size_t done = 0;
	*absent = false;
	memset(buffer, 0, size);
	while (done < size && position + done < reader->size) {
		size_t available;
		const uint8_t *p = reader->at(reader, position + done, &available);
		if (!p) {
			*absent = true;
			break;
		}
		size_t n = min_of(available, size - done);
		n = (size_t)min_of((uint64_t)n, reader->size - position - done);
		memcpy((uint8_t *)buffer + done, p, n);
		done += n;
	}
	return done;
}

bool pe_reader_is_zero(const struct pe_reader *reader, uint64_t start, uint64_t end)
{
	while (start < end) {
		size_t available;
		const uint8_t *p = reader->at(reader, start, &available);
		if (!p)
			return false;
		size_t n = (size_t)min_of((uint64_t)available, end - start);
		if (*p || memcmp(p, p + 1, n - 1) != 0)
			return false;
		start += n;
	}
	return true;
}

static enum pe_status not_pe(struct pe *pe, const char *reason)
{
	pe->status = PE_NOT_PE;
	snprintf(pe->reason, sizeof(pe->reason), "%s", reason);
	return pe->status;
}

static enum pe_status unreadable(struct pe *pe, const char *what, uint64_t position)
{
	const char *why = pe->reader->why ? pe->reader->why(pe->reader, position) : NULL;
	pe->status = PE_UNREADABLE;
	snprintf(pe->reason, sizeof(pe->reason), "%s at 0x%llx not present%s%s", what,
		 (unsigned long long)position, why ? ": " : "", why ? why : "");
	return pe->status;
}

/* The words of the optional header; `o` holds it with zeros behind what there is. */
static void read_optional(struct pe *pe, const uint8_t *o)
{
	unsigned int word = pe_pointer_size(pe);
	pe->address_of_entry_point = le32(o + 16);
	pe->image_base = pe->pe32_plus ? le64(o + 24) : le32(o + 28);
	pe->section_alignment = le32(o + 32);
	pe->file_alignment = le32(o + 36);
	pe->size_of_image = le32(o + 56);
	pe->size_of_headers = le32(o + 60);
	pe->check_sum = le32(o + 64);
	pe->subsystem = le16(o + 68);
	pe->dll_characteristics = le16(o + 70);
	uint32_t count = le32(o + 76 + 4 * word) & 0x7fffffff;
	const uint8_t *directory = o + (pe->pe32_plus ? OPTIONAL_SIZE_PLUS : OPTIONAL_SIZE);
	for (uint32_t i = 0; i < count && i < PE_DIRECTORY_COUNT; i++) {
		pe->directory[i].rva = le32(directory + 8 * i);
		pe->directory[i].size = le32(directory + 8 * i + 4);
	}
}

/* Returns whether this is the section at which pefile stops reading the table. */
static bool is_odd(const struct pe *pe, const struct pe_section *section)
{
	uint64_t size = pe->reader->size;
	uint64_t raw = section->pointer_to_raw_data;
	int errors = 0;
	errors += section->size_of_raw_data + raw > size;
	errors += pe_align_raw(pe, section->pointer_to_raw_data) > size;
	errors += section->virtual_size > ADDRESS_MAX;
	errors += pe_align_virtual(pe, section->virtual_address) > ADDRESS_MAX;
	errors += pe->file_alignment && raw % pe->file_alignment;
	return errors >= SECTION_ERRORS_MAX;
}

static bool is_zero(const uint8_t *p, size_t size)
{
	while (size && !*p) {
		p++;
		size--;
	}
	return !size;
}

/*
 * Not PE_OK when the table is cut within an entry, with which pefile takes nothing of a file, or
 * when a part of a file's is not present: without its sections no RVA has a place in it.
 */
static enum pe_status read_sections(struct pe *pe, uint64_t position, size_t count)
{
	bool file = pe->reader->layout == PE_LAYOUT_FILE;
	size_t capacity = 0;
	for (size_t i = 0; i < count && i < SECTIONS_MAX; i++) {
		uint8_t h[SECTION_HEADER_SIZE];
		bool absent;
		size_t size =
			pe_reader_copy(pe->reader, position + i * sizeof(h), h, sizeof(h), &absent);
		if (size < sizeof(h) && file && absent)
			return unreadable(pe, "section table", position + i * sizeof(h) + size);
		if (size < sizeof(h) && (!size || !file))
			break;
		if (size < sizeof(h))
			return not_pe(pe, "section table cut short");
		if (is_zero(h, sizeof(h)))
			break;
		struct pe_section section = {
			.virtual_size = le32(h + 8),
			.virtual_address = le32(h + 12),
			.size_of_raw_data = le32(h + 16),
			.pointer_to_raw_data = le32(h + 20),
			.characteristics = le32(h + 36),
		};
		memcpy(section.name, h, 8);
		if (file && is_odd(pe, &section))
			break;
		*array_push(pe->sections, pe->section_count, capacity) = section;
	}
	return PE_OK;
}

/* Returns whether thunks have 8 bytes: by the magic, or in memory by the machine if it is unknown. */
static bool is_64_bit(const struct pe *pe, uint16_t magic)
{
	if (magic == 0x20b)
		return true;
	if (magic == 0x10b || pe->reader->layout == PE_LAYOUT_FILE) /* pefile: PE32 otherwise */
		return false;
	return pe->machine == IMAGE_FILE_MACHINE_AMD64 || pe->machine == IMAGE_FILE_MACHINE_ARM64 ||
	       pe->machine == IMAGE_FILE_MACHINE_IA64;
}

static enum pe_status check_signature(struct pe *pe, const uint8_t *s, size_t size)
{
	uint32_t signature = size < 4 ? 0 : le32(s);
	switch (signature & 0xffff) {
	case 0x454e:
		return not_pe(pe, "a 16-bit (NE) program, not a PE");
	case 0x454c:
	case 0x584c:
		return not_pe(pe, "a linear (LE, LX) program, not a PE");
	case 0x5a56:
		return not_pe(pe, "a terse (TE) image, not a PE");
	default:
		return signature == 0x00004550 ? PE_OK : not_pe(pe, "no PE signature");
	}
}

enum pe_look pe_first_look(const uint8_t *bytes, size_t available, uint32_t most, uint16_t *machine)
{
	if (available < DOS_HEADER_SIZE)
		return PE_LOOK_BEYOND;
	uint32_t nt = le32(bytes + E_LFANEW);
	if (nt < 4 || nt > most)
		return PE_LOOK_NONE;
	if (!range_within(nt, 4 + FILE_HEADER_SIZE, available))
		return PE_LOOK_BEYOND;
	*machine = le16(bytes + nt + 4);
	return memcmp(bytes + nt, "PE\0\0", 4) != 0 ? PE_LOOK_NONE : PE_LOOK_MACHINE;
}

enum pe_status pe_open(struct pe *pe, const struct pe_reader *reader)
{
	*pe = (struct pe){.reader = reader};
	/* The optional header and its directories; pefile reads 0x200 bytes of it. */
	uint8_t h[0x200];
	bool absent;
	size_t size = pe_reader_copy(reader, 0, h, DOS_HEADER_SIZE, &absent);
	if (absent)
		return unreadable(pe, "header", 0);
	if (size < DOS_HEADER_SIZE)
		return not_pe(pe, "too short for a PE");
	if (le16(h) != 0x5a4d)
		return not_pe(pe, is_zero(h, DOS_HEADER_SIZE)
					  ? "no MZ signature: header is all zero"
					  : "no MZ signature");
	pe->nt_headers = le32(h + E_LFANEW);
	uint64_t nt = pe->nt_headers;
	if (nt > reader->size)
		return not_pe(pe, "header offset (e_lfanew) beyond the end");

	size = pe_reader_copy(reader, nt, h, 4, &absent);
	if (absent)
		return unreadable(pe, "PE header", nt);
	if (check_signature(pe, h, size) != PE_OK)
		return pe->status;

	size = pe_reader_copy(reader, nt + 4, h, FILE_HEADER_SIZE, &absent);
	if (absent)
		return unreadable(pe, "PE header", nt + 4);
	if (size < FILE_HEADER_SIZE)
		return not_pe(pe, "file header cut short");
	pe->machine = le16(h);
	size_t sections = le16(h + 2);
	pe->time_date_stamp = le32(h + 4);
	uint64_t optional = nt + 4 + FILE_HEADER_SIZE;
	uint64_t section_table = optional + le16(h + 16);
	pe->characteristics = le16(h + 18);

	size = pe_reader_copy(reader, optional, h, sizeof(h), &absent);
	uint16_t magic = le16(h);
	pe->pe32_plus = is_64_bit(pe, magic);
	if (absent && size < OPTIONAL_SIZE_PLUS + 8 * PE_DIRECTORY_COUNT)
		return unreadable(pe, "optional header", optional + size);
	if (size < (pe->pe32_plus ? OPTIONAL_LEAST_PLUS : OPTIONAL_LEAST))
		return not_pe(pe, "optional header cut short");
	read_optional(pe, h);
	if (read_sections(pe, section_table, sections) != PE_OK) {
		pe_close(pe);
		return pe->status;
	}
	if (reader->layout == PE_LAYOUT_FILE)
		pe_find_extents(pe, section_table, sections);
	return PE_OK;
}

void pe_close(struct pe *pe)
{
	free(pe->sections);
	free(pe->extents);
	pe->sections = NULL;
	pe->section_count = 0;
	pe->extents = NULL;
	pe->extent_count = 0;
}

void pe_assume(struct pe *pe, const struct pe_reader *reader, bool pe32_plus,
	       uint32_t size_of_image)
{
	*pe = (struct pe){
		.reader = reader,
		.status = PE_OK,
		.pe32_plus = pe32_plus,
		.size_of_image = size_of_image,
	};
}
