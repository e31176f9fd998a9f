/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A PE file the writer maps: its sections, exports and imports. For files of its own making and
 * for real DLLs; a file that contradicts itself ends the program.
 */
#ifndef WRITER_PEFILE_H
#define WRITER_PEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pefile_section {
	uint32_t rva;
	uint32_t size;	/* in memory */
	uint32_t flags; /* IMAGE_SCN_MEM_... */
};

struct pefile_export {
	const char *name; /* NULL: by ordinal only */
	uint32_t ordinal;
	uint32_t rva;
	const char *forward; /* "NTDLL.RtlAllocateHeap", or NULL */
};

struct pefile_import {
	const char *dll;
	const char *function; /* NULL: by ordinal */
	uint32_t ordinal;
	uint32_t slot; /* RVA of its address table entry */
};

#define PEFILE_EXECUTE UINT32_C(0x20000000) /* IMAGE_SCN_MEM_EXECUTE */
#define PEFILE_WRITE   UINT32_C(0x80000000) /* IMAGE_SCN_MEM_WRITE */

struct pefile {
	uint8_t *mapped; /* SizeOfImage bytes, as the memory manager lays them out, not relocated */
	uint32_t size;	 /* SizeOfImage */
	bool pe32_plus;
	uint16_t machine;
	uint32_t headers; /* SizeOfHeaders */
	uint32_t nt;	  /* RVA of the PE signature */
	uint32_t time_stamp;
	uint32_t entry_point;
	uint64_t image_base;
	struct pefile_section *sections;
	size_t section_count;
	struct pefile_export *exports; /* sorted by name, those without one last */
	size_t export_count;
	struct pefile_import *imports; /* in directory order */
	size_t import_count;
};

/* Takes the file's bytes apart; what it returns points into a copy of its own. */
struct pefile *pefile_parse(const uint8_t *data, size_t size, const char *name);
void pefile_free(struct pefile *pe);

/* RVA and size of data directory `index` (0 exports, 1 imports, 5 relocations ...). */
uint32_t pefile_directory(const struct pefile *pe, unsigned int index, uint32_t *size);

/* RVA of the field OptionalHeader.ImageBase. */
uint32_t pefile_image_base_field(const struct pefile *pe);

/*
 * What base relocations do to the pages of `mapped` when the image lies at `base`: done in place,
 * in `mapped` or a copy of it. The header's ImageBase becomes `base`, as the kernel makes it.
 */
void pefile_relocate(const struct pefile *pe, uint8_t *mapped, uint64_t base);

/* Marks the pages that an import list is read from by names: headers, descriptors, lookup tables,
 * names. `needed` has one element a page of SizeOfImage. */
void pefile_import_pages(const struct pefile *pe, bool *needed);

const struct pefile_export *pefile_find_export(const struct pefile *pe, const char *name);
const struct pefile_export *pefile_find_ordinal(const struct pefile *pe, uint32_t ordinal);

#endif
