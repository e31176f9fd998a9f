/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `pe`: how RVAs are translated to positions in a file.
 */
#ifndef PE_RVA_H
#define PE_RVA_H

#include <impscan/pe.h>

/*
 * Return a PointerToRawData or VirtualAddress rounded down as pefile does by the file's alignments.
 */
uint32_t pe_align_raw(const struct pe *pe, uint32_t value);
uint32_t pe_align_virtual(const struct pe *pe, uint32_t value);

/*
 * Sets `extents` and `header_length` of a file from its sections. `table` is the offset of the
 * section table, `count` the NumberOfSections of the file header.
 */
void pe_find_extents(struct pe *pe, uint64_t table, size_t count);

#endif
