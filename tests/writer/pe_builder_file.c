/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PE file as it is stored: sections, base relocations, headers. */
#include <writer/pe_builder_parts.h>

static int compare_rvas(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* IMAGE_BASE_RELOCATION blocks, one a page. */
static void place_relocations(struct pe_builder *b)
{
	if (b->fixup_count)
		qsort(b->fixups, b->fixup_count, sizeof(*b->fixups), compare_rvas);
	for (size_t i = 0; i < b->fixup_count;) {
		uint32_t page = b->fixups[i] & ~(uint32_t)(PAGE - 1);
		size_t end = i;
		while (end < b->fixup_count && b->fixups[end] - page < PAGE)
			end++;
		uint32_t size = align_up(8 + (uint32_t)(end - i) * 2, 4);
		uint32_t block = reserve(b, SECTION_RELOC, size, 4);
		put(at(b, SECTION_RELOC, block), page, 4);
		put(at(b, SECTION_RELOC, block + 4), size, 4);
		for (size_t k = i; k < end; k++) {
			uint32_t type = b->pe32_plus ? 10 : 3; /* DIR64, HIGHLOW */
			put(at(b, SECTION_RELOC, block + 8 + (uint32_t)(k - i) * 2),
			    type << 12 | (b->fixups[k] - page), 2);
		}
		i = end;
	}
	if (!b->section[SECTION_RELOC].size) /* an empty block: relocatable, nothing to do */
		put(at(b, SECTION_RELOC, reserve(b, SECTION_RELOC, 8, 4)) + 4, 8, 4);
	b->directory[5][0] = b->rva[SECTION_RELOC];
	b->directory[5][1] = (uint32_t)b->section[SECTION_RELOC].size;
}

/* The section table at `s`; the file's bytes of the sections follow the headers in its order. */
static void write_sections(const struct pe_builder *b, uint8_t *s, const uint32_t *raw,
			   const uint32_t *virtual_size)
{
	static const char *const names[] = {".text", ".data", ".rdata", ".reloc"};
	static const uint32_t flags[] = {0x60000020, 0xc0000040, 0x40000040, 0x42000040};
	uint32_t position = HEADERS;
	for (int i = 0; i < SECTION_COUNT; i++, s += 40) {
		memcpy(s, names[i], strlen(names[i]));
		put(s + 8, virtual_size[i], 4);
		put(s + 12, b->rva[i], 4);
		put(s + 16, raw[i], 4);
		put(s + 20, position, 4);
		put(s + 36, flags[i], 4);
		position += raw[i];
	}
}

static void write_headers(struct pe_builder *b, uint8_t *file, const uint32_t *raw,
			  const uint32_t *virtual_size)
{
	memcpy(file, "MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff", 14);
	put(file + 0x18, 0x40, 2);
	put(file + 0x3c, 0x80, 4);
	memcpy(file + 0x40, "\x0e\x1f\xba\x0e\0\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21", 14);
	uint8_t *p = file + 0x80;
	memcpy(p, "PE\0\0", 4);
	put(p + 4, b->pe32_plus ? 0x8664 : 0x14c, 2);
	put(p + 6, SECTION_COUNT, 2);
	put(p + 8, b->stamp, 4);
	uint32_t optional = b->pe32_plus ? 240 : 224;
	put(p + 20, optional, 2);
	put(p + 22, (b->pe32_plus ? 0x22u : 0x102u) | (b->dll ? 0x2000u : 0), 2);
	uint8_t *o = p + 24;
	put(o, b->pe32_plus ? 0x20b : 0x10b, 2);
	o[2] = 14;
	put(o + 4, raw[SECTION_TEXT], 4);
	put(o + 8, raw[SECTION_DATA] + raw[SECTION_RDATA] + raw[SECTION_RELOC], 4);
	put(o + 16, PE_BUILDER_TEXT, 4);
	put(o + 20, PE_BUILDER_TEXT, 4);
	unsigned int word = b->pe32_plus ? 8 : 4;
	if (b->pe32_plus) {
		put(o + 24, b->image_base, 8);
	} else {
		put(o + 24, b->rva[SECTION_DATA], 4);
		put(o + 28, b->image_base, 4);
	}
	put(o + 32, PAGE, 4);
	put(o + 36, FILE_ALIGNMENT, 4);
	put(o + 40, 6, 2);
	put(o + 48, 6, 2);
	put(o + 56, b->size_of_image, 4);
	put(o + 60, HEADERS, 4);
	put(o + 68, b->subsystem, 2);
	put(o + 70, b->pe32_plus ? 0x160 : 0x140, 2);
	put(o + 72, 0x100000, word);
	put(o + 72 + word, 0x1000, word);
	put(o + 72 + 2 * word, 0x100000, word);
	put(o + 72 + 3 * word, 0x1000, word);
	uint8_t *count = o + 76 + 4 * word;
	put(count, 16, 4);
	for (int i = 0; i < 16; i++) {
		put(count + 4 + 8 * i, b->directory[i][0], 4);
		put(count + 8 + 8 * i, b->directory[i][1], 4);
	}
	write_sections(b, o + optional, raw, virtual_size);
}

uint8_t *pe_builder_build(struct pe_builder *b, size_t *size)
{
	for (int i = 0; i < SECTION_COUNT; i++)
		b->section[i].size = 0;
	memset(b->directory, 0, sizeof(b->directory));
	b->fixup_count = 0;
	b->pdb_record = 0;
	b->rva[SECTION_TEXT] = PE_BUILDER_TEXT;
	b->rva[SECTION_DATA] = PE_BUILDER_TEXT + b->room[SECTION_TEXT];
	b->rva[SECTION_RDATA] = b->rva[SECTION_DATA] + b->room[SECTION_DATA];

	uint32_t text = reserve(b, SECTION_TEXT, b->used[SECTION_TEXT], 1);
	reserve(b, SECTION_DATA, b->used[SECTION_DATA], 1);
	for (uint32_t i = 0; i < b->used[SECTION_TEXT]; i += 16) /* xor eax, eax; ret; int3... */
		memcpy(at(b, SECTION_TEXT, text + i),
		       "\x33\xc0\xc3\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc",
		       b->used[SECTION_TEXT] - i < 16 ? b->used[SECTION_TEXT] - i : 16);
	pe_builder_place_iat(b);
	pe_builder_place_debug(b);
	pe_builder_place_exports(b);
	pe_builder_place_imports(b);
	pe_builder_place_delay_imports(b);
	for (size_t i = 0; i < b->code_count; i++)
		pe_builder_write_code(b, &b->codes[i]);
	if (!b->section[SECTION_RDATA].size)
		reserve(b, SECTION_RDATA, 16, 1);
	if (b->section[SECTION_DATA].size > b->room[SECTION_DATA])
		fail("the room of .data is used up: pe_builder_room()");
	b->rva[SECTION_RELOC] =
		b->rva[SECTION_RDATA] + align_up((uint32_t)b->section[SECTION_RDATA].size, PAGE);
	place_relocations(b);
	b->size_of_image =
		b->rva[SECTION_RELOC] + align_up((uint32_t)b->section[SECTION_RELOC].size, PAGE);

	uint32_t raw[SECTION_COUNT];
	uint32_t virtual_size[SECTION_COUNT];
	uint32_t total = HEADERS;
	for (int i = 0; i < SECTION_COUNT; i++) {
		raw[i] = align_up((uint32_t)b->section[i].size, FILE_ALIGNMENT);
		virtual_size[i] = i <= SECTION_DATA ? b->room[i] : (uint32_t)b->section[i].size;
		total += raw[i];
	}
	if (b->pdb_record) /* PointerToRawData */
		put(at(b, SECTION_RDATA, b->directory[6][0]) + 24,
		    HEADERS + raw[SECTION_TEXT] + raw[SECTION_DATA] + b->pdb_record -
			    b->rva[SECTION_RDATA],
		    4);
	uint8_t *file = resize(NULL, total, 1);
	memset(file, 0, total);
	write_headers(b, file, raw, virtual_size);
	uint32_t position = HEADERS;
	for (int i = 0; i < SECTION_COUNT; i++) {
		memcpy(file + position, b->section[i].data, b->section[i].size);
		position += raw[i];
	}
	*size = total;
	return file;
}
