/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing a PE file from memory: of a PE that was mapped by the loader, or of a region whose PE
 * header is gone. The usual tools open the result.
 *
 * ImageBase becomes the address where the PE lay, since relocations were applied for that address.
 * A section grows by what was written behind its raw data at run time, which is where packers
 * unpack to. Import slots whose table of names is whole are restored from it; so the file is
 * unbound and has the import hashes of the module.
 *
 * Room: pe.
 */
#ifndef IMPSCAN_PE_WRITE_H
#define IMPSCAN_PE_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/budget.h>
#include <impscan/pe.h>

/*
 * Bytes of an image that are written at most, since sizes come from headers and can be anything. No
 * module known is half as large.
 */
#define PE_WRITE_MAX (UINT64_C(512) << 20)

/* The layout of a written file. */
enum pe_written_layout {
	PE_WRITTEN_FILE,     /* a copy: the PE lay in memory as in its file */
	PE_WRITTEN_SECTIONS, /* sections lie where a linker puts them */
	PE_WRITTEN_MAPPED, /* offsets are RVAs, since a linker can't have made the section table */
	PE_WRITTEN_MADE,   /* there was no header: one was made, with one section for everything */
};

/* Returns the name of a layout: "file", "sections", "mapped", "made". */
const char *pe_written_layout_name(enum pe_written_layout layout);

/* One import of a rebuilt list. */
struct pe_write_import {
	const char *dll;
	const char *name;  /* NULL: it is imported by ordinal */
	uint16_t ordinal;  /* only without a name */
	uint64_t position; /* of its slot, in bytes from the start of the image or region */
};

/* Bytes to be written over those of memory. They stay the caller's. */
struct pe_write_patch {
	uint64_t rva;
	const void *bytes;
	size_t size;
};

struct pe_write_options {
	uint64_t base; /* virtual address of the image or region */
	/* Only for a region without a header: */
	unsigned int pointer_size; /* 4 or 8 bytes */
	uint64_t entry_point;	   /* virtual address; 0 when it is not known */
	/*
	 * Imports for a new import directory in place of the declared one, in this order.
	 * Successive imports of one DLL whose slots lie side by side share a descriptor.
	 */
	const struct pe_write_import *imports;
	size_t import_count;
	/* Only with headers. Those that the file does not have are left out. */
	const struct pe_write_patch *patches;
	size_t patch_count;
	struct budget *budget; /* counts looking at pages; NULL: not bounded */
};

struct written_file;

/* A written file. */
struct pe_written {
	/*
	 * The bytes of the file, all of them present. They come from the reader of the image in
	 * memory, which must stay valid as long.
	 */
	struct pe_reader reader;
	uint64_t size; /* in bytes; 0 when no page was present, or the budget has ended */
	enum pe_written_layout layout;
	uint64_t pages;	       /* pages of memory that the headers declare, up to PE_WRITE_MAX */
	uint64_t pages_absent; /* pages of these that are not present; zeros in the file */
	bool cut;	       /* whether the image is larger than PE_WRITE_MAX */
	bool stopped;	       /* whether the budget has ended: then there is no file */
	size_t slots_restored; /* import slots that were restored */
	size_t imports_added;  /* of options->imports */
	size_t imports_lost;   /* of options->imports, for which there was no room */
	struct written_file *file; /* internal */
};

/*
 * Makes a PE file of an image in memory. It never fails. Release the result with pe_written_free().
 *
 * `pe` may have any status. Unless that is PE_OK, the whole reader is taken for a region without a
 * header. The size of the reader is the size of the image. The memory of the result is bounded,
 * whatever the size of the file.
 */
void pe_write(const struct pe *pe, const struct pe_write_options *options,
	      struct pe_written *written);

/* Returns a copy of all bytes of a file, which the caller frees. NULL when there is no file. */
uint8_t *pe_written_copy(const struct pe_written *written);

/* Frees a written file. */
void pe_written_free(struct pe_written *written);
#define _cleanup_pe_written_ __attribute__((cleanup(pe_written_free)))

#endif
