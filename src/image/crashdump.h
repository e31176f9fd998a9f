/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `image`: Windows crash dumps. crashdump.c reads the header, crashdump_pages.c the
 * three kinds of lists of pages.
 */
#ifndef IMPSCAN_IMAGE_CRASHDUMP_H
#define IMPSCAN_IMAGE_CRASHDUMP_H

#include "internal.h"

/* DUMP_TYPES of mindumpdef.h, and the types that a debugger's .dump command writes. */
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

/* Offsets of the members of DUMP_HEADER32 or DUMP_HEADER64. */
struct dump_layout {
	const char *signature;	   /* 8 bytes at offset 0 */
	unsigned int pointer_size; /* 4 or 8 bytes */
	uint32_t size;		   /* of the header, in bytes */
	uint32_t directory_table_base;
	uint32_t ps_loaded_module_list;
	uint32_t ps_active_process_head;
	uint32_t machine_image_type;
	uint32_t pae_enabled; /* 0 where there is no such member */
	uint32_t kd_debugger_data_block;
	uint32_t physical_memory_block;
	uint32_t dump_type;
	uint32_t attributes;
	uint32_t comment; /* 128 bytes */
	uint32_t system_time;
};

/* Returns whether the second header of a bitmap dump follows the first. */
bool dump_has_bitmap(const struct image *image, const struct dump_layout *layout);

/*
 * These functions add the ranges of a dump. They fail when the list of pages is damaged.
 *
 * A full dump: PHYSICAL_MEMORY_DESCRIPTOR.
 */
struct error *dump_parse_runs(struct image *image, const struct dump_layout *layout);

/* A bitmap dump: SUMMARY_DUMP. */
struct error *dump_parse_bitmap(struct image *image, const struct dump_layout *layout);

/* A dump that a debugger's .dump command wrote: "RDMP". */
struct error *dump_parse_rdmp(struct image *image, const struct dump_layout *layout);

#endif
