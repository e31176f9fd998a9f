/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From RVAs to positions, within the room `pe`. */
#ifndef PE_RVA_H
#define PE_RVA_H

#include <impscan/pe.h>

/* PointerToRawData and VirtualAddress as they count: rounded down by the file's alignments. */
uint32_t pe_align_raw(const struct pe *pe, uint32_t value);
uint32_t pe_align_virtual(const struct pe *pe, uint32_t value);

/*
 * Fills `extents` and `header_length` of a file from its sections; `table` is the position of its
 * section table, `count` what the file header says of its length.
 */
void pe_find_extents(struct pe *pe, uint64_t table, size_t count);

#endif
