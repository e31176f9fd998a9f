/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From memory back to a file: a PE as a loader mapped it, or a region whose PE header is gone, as
 * the bytes of a PE file that the usual tools open.
 *
 * ImageBase becomes the address where it lay, since the fixups were applied for it. Sections grow
 * by what was put behind their raw data at run time, which is where packers unpack to. Import slots
 * whose name table is whole get their names back, so the file is an unbound one, with the import
 * hashes of the module.
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
 * What lies behind this many bytes of an image is not written: sizes come from headers and can be
 * anything. No loader's module known is half as large.
 */
#define PE_WRITE_MAX (UINT64_C(512) << 20)

/* How the file's offsets came about. */
enum pe_written_layout {
	PE_WRITTEN_FILE,     /* it lay in memory as in its file: copied */
	PE_WRITTEN_SECTIONS, /* sections put back to where a file has them */
	PE_WRITTEN_MAPPED,   /* offsets are RVAs: its section table makes no other sense */
	PE_WRITTEN_MADE,     /* no header: one was made, with one section for all */
};

/* "file", "sections", "mapped", "made" */
const char *pe_written_layout_name(enum pe_written_layout layout);

/* One import of a list that was rebuilt. */
struct pe_write_import {
	const char *dll;
	const char *name;  /* NULL: by ordinal */
	uint16_t ordinal;  /* used without a name */
	uint64_t position; /* of its slot, from the start of the image or region */
};

struct pe_write_options {
	uint64_t base; /* where it lies */
	/* Without a header: what the memory does not tell. */
	unsigned int pointer_size; /* 4 or 8 */
	uint64_t entry_point;	   /* an address; 0: unknown */
	/*
	 * A list for the import directory, which takes the place of the one declared; in this
	 * order. Imports of one DLL whose slots follow each other share a descriptor.
	 */
	const struct pe_write_import *imports;
	size_t import_count;
	struct budget *budget; /* what looking at its pages may cost; NULL: not bounded */
};

struct written_file;

struct pe_written {
	/*
	 * The file: every byte of it is there. It is made of what the image's reader gives, which must
	 * stay as long. Size 0 when no page was present, or when it was stopped.
	 */
	struct pe_reader reader;
	uint64_t size;
	enum pe_written_layout layout;
	uint64_t pages;		   /* of memory that its headers say it has, within PE_WRITE_MAX */
	uint64_t pages_absent;	   /* those that were not present or never touched: zeros */
	bool cut;		   /* it is larger than PE_WRITE_MAX */
	bool stopped;		   /* the budget has ended: there is no file */
	size_t slots_restored;	   /* import slots that got their names back */
	size_t imports_added;	   /* of options->imports ... */
	size_t imports_lost;	   /* ... and those that no directory could be given for */
	struct written_file *file; /* the room's own */
};

/*
 * Makes the file. `pe` is an opened one of any status; unless it is PE_OK, all that its reader has
 * is a region without a header. The reader's size is what belongs to it. Never fails; release
 * with pe_written_free(). Its memory is bounded, whatever the size.
 */
void pe_write(const struct pe *pe, const struct pe_write_options *options,
	      struct pe_written *written);

/* All bytes of a small file; NULL when there is none. The caller frees them. */
uint8_t *pe_written_copy(const struct pe_written *written);
void pe_written_free(struct pe_written *written);
#define _cleanup_pe_written_ __attribute__((cleanup(pe_written_free)))

#endif
