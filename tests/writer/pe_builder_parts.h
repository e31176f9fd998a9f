/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A PE file being built, and how its sections grow: what the files of the builder (pe_builder*.c)
 * share and nobody else uses.
 */
#ifndef WRITER_PE_BUILDER_PARTS_H
#define WRITER_PE_BUILDER_PARTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <writer/pe_builder.h>

enum { PAGE = 0x1000, FILE_ALIGNMENT = 0x200, HEADERS = 0x400 };

enum { SECTION_TEXT, SECTION_DATA, SECTION_RDATA, SECTION_RELOC, SECTION_COUNT };

struct blob {
	uint8_t *data;
	size_t size;
};

struct function {
	char *name; /* NULL: by ordinal */
	uint16_t ordinal;
	uint32_t slot; /* RVA in the address table, once built */
	uint32_t stub; /* delay imports: RVA of the code that loads it */
};

struct dll {
	char *name;
	struct function *functions;
	size_t count;
	unsigned int place; /* its address table's among those of all */
	bool placed;
};

struct dlls {
	struct dll *items;
	size_t count;
};

struct export
{
	char *name;    /* NULL: by ordinal only */
	char *forward; /* NULL: at rva */
	uint32_t rva;
	uint16_t ordinal; /* 0: to be given */
};

struct code {
	uint32_t rva;
	uint32_t size;
	uint32_t seed;
};

struct pe_builder {
	bool pe32_plus;
	bool dll;
	char *dll_name;
	uint64_t image_base;
	uint32_t stamp;
	uint16_t subsystem;
	uint32_t room[2]; /* of .text and .data */
	uint32_t used[2];
	struct dlls imports;
	struct dlls delayed;
	struct export *exports;
	size_t export_count;
	struct code *codes;
	size_t code_count;
	char *pdb;
	uint8_t guid[16];
	uint32_t age;
	/* While building: */
	struct blob section[SECTION_COUNT];
	uint32_t rva[SECTION_COUNT];
	uint32_t directory[16][2];
	uint32_t pdb_record; /* RVA; 0: none */
	uint32_t *fixups;    /* RVAs of pointers to be relocated */
	size_t fixup_count;
	uint32_t size_of_image;
};

/* pe_builder_tables.c: each writes one directory and what it leads to; the address tables first. */
void pe_builder_place_iat(struct pe_builder *b);
void pe_builder_place_imports(struct pe_builder *b);
void pe_builder_place_delay_imports(struct pe_builder *b);
void pe_builder_place_exports(struct pe_builder *b);
void pe_builder_place_debug(struct pe_builder *b);

/* pe_builder_code.c: bytes that look like code, with calls through the address tables. */
void pe_builder_write_code(struct pe_builder *b, const struct code *code);

static inline _Noreturn void fail(const char *what)
{
	fprintf(stderr, "pe_builder: %s\n", what);
	abort();
}

static inline void *resize(void *p, size_t count, size_t size)
{
	p = reallocarray(p, count ? count : 1, size);
	if (!p)
		fail("out of memory");
	return p;
}

/* Room for one more zeroed element. */
#define push(items, count)                                                   \
	((items) = resize((items), (count) + 1, sizeof(*(items))),           \
	 (void)memset(&(items)[(count)], 0, sizeof(*(items))), /* the new */ \
	 &(items)[(count)++])

static inline char *copy_string(const char *s)
{
	char *copy = s ? strdup(s) : NULL;
	if (s && !copy)
		fail("out of memory");
	return copy;
}

static inline uint32_t align_up(uint32_t value, uint32_t alignment)
{
	return (value + alignment - 1) / alignment * alignment;
}

static inline void put(uint8_t *p, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

static inline uint64_t get(const uint8_t *p, unsigned int bytes)
{
	uint64_t value = 0;
	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)p[i] << 8 * i;
	return value;
}

/* Zeroed bytes at the end of a section being built; their RVA. */
static inline uint32_t reserve(struct pe_builder *b, int section, size_t size, uint32_t alignment)
{
	struct blob *blob = &b->section[section];
	size_t start = align_up((uint32_t)blob->size, alignment);
	blob->data = resize(blob->data, start + size, 1);
	memset(blob->data + blob->size, 0, start + size - blob->size);
	blob->size = start + size;
	return b->rva[section] + (uint32_t)start;
}

/* Where an RVA of a section being built lies; valid until the next reserve(). */
static inline uint8_t *at(struct pe_builder *b, int section, uint32_t rva)
{
	if (rva < b->rva[section] || rva - b->rva[section] >= b->section[section].size)
		fail("RVA outside its section");
	return b->section[section].data + (rva - b->rva[section]);
}

static inline uint32_t add_string(struct pe_builder *b, const char *s)
{
	uint32_t rva = reserve(b, SECTION_RDATA, strlen(s) + 1, 1);
	memcpy(at(b, SECTION_RDATA, rva), s, strlen(s));
	return rva;
}

static inline void put_pointer(struct pe_builder *b, int section, uint32_t rva, uint32_t target)
{
	put(at(b, section, rva), b->image_base + target, b->pe32_plus ? 8 : 4);
	*push(b->fixups, b->fixup_count) = rva;
}

#endif
