/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The export directory of a PE: which functions and data it exports.
 *
 * Room: pe.
 */
#ifndef IMPSCAN_PE_EXPORTS_H
#define IMPSCAN_PE_EXPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/pe.h>

/*
 * Limits of what is read of an export directory. What a directory has beyond them is counted as
 * unreadable. Ordinals are 16-bit numbers, so no valid directory has more exports.
 */
#define PE_EXPORTS_MAX	      0x10000	/* names, and entries of the export address table */
#define PE_EXPORT_NAME_MAX    4096	/* bytes of one name with its NUL; a longer one is cut */
#define PE_EXPORT_STRINGS_MAX (4 << 20) /* bytes of all names of one PE, each counted once */

/* One export: a name for an entry of the export address table, or an entry without a name. */
struct pe_export {
	uint32_t rva; /* of the code or data, or of the forwarder string */
	uint32_t ordinal;
	const char *name;      /* NULL when it is exported by ordinal only */
	const char *forwarder; /* "NTDLL.RtlAllocateHeap"; NULL when it is not forwarded */
};

/* All exports. An entry with several names is there once for each of them. */
struct pe_exports {
	char name[256]; /* IMAGE_EXPORT_DIRECTORY.Name, the DLL's own name; "" when unreadable */
	struct pe_export *items; /* those with names, in the name table's order, then the others */
	size_t count;
	size_t unreadable;   /* exports left out: page not present, RVA outside the PE, limits */
	char *strings;	     /* what `name` and `forwarder` point into; each string is there once */
	size_t strings_size; /* in bytes */
};

/*
 * Reads all exports; there are none when the PE has no export directory or it can't be read.
 * Release them with pe_exports_free().
 */
void pe_exports_read(const struct pe *pe, struct pe_exports *exports);

/* Frees exports. */
void pe_exports_free(struct pe_exports *exports);
#define _cleanup_pe_exports_ __attribute__((cleanup(pe_exports_free)))

/*
 * Copies the DLL's own name (IMAGE_EXPORT_DIRECTORY.Name) to `buffer` of `size` bytes. Returns
 * false when there is none or it can't be read.
 */
bool pe_export_name(const struct pe *pe, char *buffer, size_t size);

/* Returns the RVA of an export by its name. 0 when there is none, or it is forwarded. */
uint32_t pe_export_find(const struct pe *pe, const char *name);

#endif
