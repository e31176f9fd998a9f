/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Builds PE files for the tests: valid ones, laid out as a linker would. Shares nothing with src/,
 * so that a mistake there is not made here as well.
 *
 * Sections, in this order: .text (at PE_BUILDER_TEXT), .data, .rdata, .reloc. The first two have a
 * fixed room, so that RVAs are final when they are returned; what exceeds it aborts the test.
 * .rdata holds the IAT, the debug directory, exports, imports and delay imports.
 */
#ifndef WRITER_PE_BUILDER_H
#define WRITER_PE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PE_BUILDER_TEXT 0x1000u /* RVA of .text */

struct pe_builder; /* PE32 or PE32+, EXE or DLL */

/* `dll_name` is the name in the export directory; may be NULL when there are no exports. */
struct pe_builder *pe_builder_new(bool pe32_plus, bool dll, const char *dll_name);
void pe_builder_free(struct pe_builder *builder);

/*
 * The room of .text (64 KiB otherwise) and .data (64 KiB), rounded up to pages. Only before
 * anything that returns an RVA.
 */
void pe_builder_room(struct pe_builder *builder, uint32_t text, uint32_t data);

/* 0x140000000, 0x180000000 (DLL), 0x400000, 0x10000000 (DLL) otherwise. */
void pe_builder_image_base(struct pe_builder *builder, uint64_t base);
void pe_builder_time_date_stamp(struct pe_builder *builder, uint32_t stamp);
/* 3 (console) otherwise; 1 is native, for drivers. */
void pe_builder_subsystem(struct pe_builder *builder, uint16_t subsystem);

/* Grouped by DLL in the order of first use. */
void pe_builder_import(struct pe_builder *builder, const char *dll, const char *function);
void pe_builder_import_ordinal(struct pe_builder *builder, const char *dll, uint16_t ordinal);
/*
 * Begins a descriptor, also where the DLL has one: what is imported of it next belongs here.
 * `place` orders the address tables, which otherwise lie in the directory's order: lowest first.
 */
void pe_builder_descriptor(struct pe_builder *builder, const char *dll, unsigned int place);
void pe_builder_delay_import(struct pe_builder *builder, const char *dll, const char *function);

/* A code stub of that name; its RVA. Ordinals are given from 1 on in the order of addition. */
uint32_t pe_builder_export(struct pe_builder *builder, const char *name);
/* `size` zeroed bytes in .data; their RVA. */
uint32_t pe_builder_export_data(struct pe_builder *builder, const char *name, size_t size);
/* A second name for the place of an earlier export. */
void pe_builder_export_at(struct pe_builder *builder, const char *name, uint32_t rva);
/* `target` as in "NTDLL.RtlAllocateHeap". */
void pe_builder_export_forward(struct pe_builder *builder, const char *name, const char *target);
/* The same without a name. */
void pe_builder_export_forward_ordinal(struct pe_builder *builder, uint16_t ordinal,
				       const char *target);
void pe_builder_export_ordinal_only(struct pe_builder *builder, uint16_t ordinal);

/*
 * Adds `size` deterministic bytes to .text that look like code: functions that call through the
 * IAT (call [rip+x] or call [abs]).
 */
void pe_builder_code(struct pe_builder *builder, size_t size, uint32_t seed);

/* The CodeView record (RSDS) of a debug directory. */
void pe_builder_pdb(struct pe_builder *builder, const uint8_t guid[16], uint32_t age,
		    const char *pdb);

/* The file's bytes, malloc'ed. May be called again after more was added. */
uint8_t *pe_builder_build(struct pe_builder *builder, size_t *size);

/*
 * Known once built: the RVA of the IAT slot of an import (`function` NULL: of `ordinal`), 0 when
 * there is no such import; and SizeOfImage.
 */
uint32_t pe_builder_slot(const struct pe_builder *builder, const char *dll, const char *function,
			 uint16_t ordinal);
uint32_t pe_builder_size_of_image(const struct pe_builder *builder);

/*
 * Maps a file's bytes as the loader would at `base`: headers and sections at their RVAs, base
 * relocations applied, the IAT as in the file. SizeOfImage bytes, malloc'ed. The file must be a
 * valid one.
 */
uint8_t *pe_builder_map(const uint8_t *file, size_t file_size, uint64_t base, size_t *size);

#endif
