/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Windows crash dumps: what the header says (crashdump.c) and the three ways in which they list
 * their pages (crashdump_pages.c).
 */
#ifndef IMPSCAN_IMAGE_CRASHDUMP_H
#define IMPSCAN_IMAGE_CRASHDUMP_H

#include "internal.h"

/* DUMP_TYPES, and what a debugger's .dump writes since. */
enum {
	DUMP_TYPE_FULL = 1,
	DUMP_TYPE_SUMMARY = 2,
	DUMP_TYPE_HEADER = 3,
	DUMP_TYPE_TRIAGE = 4,
	DUMP_TYPE_BITMAP_FULL = 5,
	DUMP_TYPE_BITMAP_KERNEL = 6,
	DUMP_TYPE_AUTOMATIC = 7,
	DUMP_TYPE_DEBUGGER_KERNEL = 8, /* .dump /k */
	DUMP_TYPE_DEBUGGER_ACTIVE = 9, /* .dump /ka */
	DUMP_TYPE_DEBUGGER_FULL = 10,  /* .dump /f */
};

/* Where the members of DUMP_HEADER32 and DUMP_HEADER64 lie. */
struct dump_layout {
	const char *signature; /* of 8 bytes */
	unsigned int pointer_size;
	uint32_t size; /* of the header */
	uint32_t directory_table_base;
	uint32_t ps_loaded_module_list;
	uint32_t ps_active_process_head;
	uint32_t machine_image_type;
	uint32_t pae_enabled; /* 0: no such member */
	uint32_t kd_debugger_data_block;
	uint32_t physical_memory_block;
	uint32_t dump_type;
	uint32_t attributes;
};

/* Does the second header of a bitmap dump follow the first? */
bool dump_has_bitmap(const struct image *image, const struct dump_layout *layout);

/* Adds the ranges of a full dump: PHYSICAL_MEMORY_DESCRIPTOR. */
struct error *dump_parse_runs(struct image *image, const struct dump_layout *layout);

/* Adds the ranges of a bitmap dump: SUMMARY_DUMP. */
struct error *dump_parse_bitmap(struct image *image, const struct dump_layout *layout);

/* Adds the ranges of a dump that a debugger's .dump wrote: "RDMP". */
struct error *dump_parse_rdmp(struct image *image, const struct dump_layout *layout);

#endif
