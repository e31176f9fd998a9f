/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a PE exports.
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
 * Limits of what is read of an export directory; a directory that claims more has the rest counted
 * as unreadable. Ordinals are 16-bit numbers, so no valid directory exceeds the first.
 */
#define PE_EXPORTS_MAX	      0x10000
#define PE_EXPORT_NAME_MAX    4096	/* bytes of one name with its NUL; a longer one is cut */
#define PE_EXPORT_STRINGS_MAX (4 << 20) /* bytes of all names of one PE, each once */

/* One entry of the export address table. */
struct pe_export {
	uint32_t rva; /* of the code or data; of the forwarder string when `forwarder` is set */
	uint32_t ordinal;
	const char *name;      /* NULL when exported by ordinal only */
	const char *forwarder; /* "NTDLL.RtlAllocateHeap", or NULL */
};

/* The export directory. A name's slot appears once a name: aliases are several entries. */
struct pe_exports {
	char name[256]; /* IMAGE_EXPORT_DIRECTORY.Name, the DLL's own name; "" when unreadable */
	struct pe_export *items; /* names in name table order, then those by ordinal only */
	size_t count;
	size_t unreadable; /* entries lost: pages not present, RVAs outside, PE_EXPORTS_MAX */
	char *strings;	   /* what the names point into; those at one RVA stand there once */
	size_t strings_size;
};

/* Reads all exports; a PE without any gives a count of 0. Release with pe_exports_free(). */
void pe_exports_read(const struct pe *pe, struct pe_exports *exports);
void pe_exports_free(struct pe_exports *exports);
#define _cleanup_pe_exports_ __attribute__((cleanup(pe_exports_free)))

/* Only the DLL's own name (IMAGE_EXPORT_DIRECTORY.Name); false when there is none to read. */
bool pe_export_name(const struct pe *pe, char *buffer, size_t size);

/* The RVA of one export by name; 0 when there is none or it is forwarded to another module. */
uint32_t pe_export_find(const struct pe *pe, const char *name);

#endif
