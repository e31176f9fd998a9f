/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: a module of a process, opened for reading. The listing, --imports, the
 * files of -d and the reading of export tables all open modules here, so that all see the same
 * pages, the same pointer size and the same declared list. Where one of them needs something else,
 * a flag says so.
 *
 * Rebuilding the import list of an opened module is in module_rebuild.h.
 */
#ifndef SCAN_MODULE_OPEN_H
#define SCAN_MODULE_OPEN_H

#include <impscan/module_reader.h>

#include "scan/clean_pages.h"
#include "scan/unit.h"

/*
 * The largest PE in file layout that is read. A section header's offset and size have 32 bits each.
 */
#define MODULE_FILE_SIZE_MAX (UINT64_C(1) << 33)

enum module_open_flag {
	/* Keep a record of the pages that are read, headers included, for the finding cache. */
	MODULE_OPEN_RECORD = 1 << 0,
	/* Do not read the headers yet: module_open_headers() will. */
	MODULE_OPEN_LATER = 1 << 1,
	/*
	 * Use the page file's copy of a page also where it resembles nothing that the section has
	 * there: code that was unpacked over the file's bytes. Otherwise such a copy is taken to be
	 * of another time, and the section's page is read instead.
	 */
	MODULE_OPEN_KEEP_WRITTEN = 1 << 2,
	/*
	 * Where the size of the module is unknown, read no more than its headers claim, or one page
	 * without headers. Otherwise up to 4 GB may be read.
	 */
	MODULE_OPEN_KNOWN_SIZE = 1 << 3,
	/*
	 * Open a module without headers (MODULE_NO_HEADER) like any other, with all of its extent,
	 * and look for headers. Otherwise it is a region: the part of it that holds anything.
	 */
	MODULE_OPEN_WHOLE = 1 << 4,
};

/* A module, or a region that has no PE header. Not to be copied: its parts point to each other. */
struct opened_module {
	uint64_t base; /* address of its first byte */
	uint64_t size; /* in bytes; 0: unknown */
	bool injected; /* no loader put it there: its tables may lie anywhere */
	bool data;     /* a region that may be anything: nothing tells that it is code */
	unsigned int flags;
	struct view *view;
	struct module_reader reader;
	struct pe pe;		   /* the headers; reader NULL: a region, or not read yet */
	unsigned int pointer_size; /* 4 or 8; of a module, valid once the headers were read */
	/* The import lists, in the memory of whoever read them. NULL: not read. */
	const struct imports *declared;
	bool found_directory; /* the import directory of `declared` was found by its content */
	const struct rebuilt *rebuilt;
	/*
	 * Of a region: PEs in it, which are no part of it. Numbers among the process's injections,
	 * of which module_rebuild() sets the first.
	 */
	size_t inner, inner_count;
	const struct injected *first_inner;
	/* Of an image that is mapped at `base`, see opened_image(); NULL: none is. */
	const struct own_pages *own;
	struct clean_section *section;
	const struct exporters *exporters; /* of its process, for rebuilding; may be NULL */
	/* Of a dump of a process: pages that lie in one piece, as memory was last asked for. */
	uint64_t piece, piece_end;
	const uint8_t *piece_bytes;
};

/*
 * Opens a module. Pages that the process lost are read from the image section, or as the other
 * processes have them that map it (context->neighbours).
 *
 * view: the process's, must outlive `opened`.
 * flags: of enum module_open_flag.
 *
 * Always succeeds: see opened->pe.status. Release with module_close().
 */
void module_open(struct opened_module *opened, const struct unit_context *context,
		 struct view *view, const struct module *module, unsigned int flags);

/* Reads the headers of a module that was opened with MODULE_OPEN_LATER. */
void module_open_headers(struct opened_module *opened);

/*
 * Opens `size` bytes at `base` that have no PE header. Pointers have `pointer_size` bytes, 4 or 8.
 */
void module_open_region(struct opened_module *opened, struct view *view, uint64_t base,
			uint64_t size, unsigned int pointer_size);

/* Releases it. All zero is fine. */
void module_close(struct opened_module *opened);
#define _cleanup_opened_module_ __attribute__((cleanup(module_close)))

/* Has the module headers that make sense? */
static inline bool opened_has_headers(const struct opened_module *opened)
{
	return opened->pe.reader && opened->pe.status == PE_OK;
}

/*
 * Reads the declared import list.
 *
 * imports: memory for it, with its budget and keep_entries set; becomes opened->declared.
 * find: where the headers are gone, search the image for the import directory by its content.
 *
 * A list found by its content counts only when it is whole.
 */
void opened_declare(struct opened_module *opened, struct imports *imports, bool find);

/*
 * Sets opened->own and opened->section for the image section that is mapped at opened->base, if one
 * is. The former is valid until the view is asked for another VAD, so ask again before use.
 */
void opened_image(struct opened_module *opened, struct clean_pages *clean);

#endif
