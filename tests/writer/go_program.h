/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs as Go's linker makes them, as far as their functions' names go: the table of functions
 * of each version of Go, the runtime's description of the module, build information. Offsets in the
 * file are RVAs, so that the same bytes are the file and what is mapped.
 */
#ifndef WRITER_GO_PROGRAM_H
#define WRITER_GO_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Versions of Go that changed the table: 2 of 1.2, 16, 18, 20. */
enum go_version {
	GO_1_2 = 2,
	GO_1_16 = 16,
	GO_1_18 = 18,
	GO_1_20 = 20,
};

enum go_build_info {
	GO_BUILD_INFO_NONE,
	GO_BUILD_INFO_POINTERS, /* up to Go 1.17 */
	GO_BUILD_INFO_INLINE,
};

/* Where the table is. */
enum go_place {
	GO_IN_RDATA,
	GO_IN_TEXT, /* as up to Go 1.10: there is no .rdata */
	GO_IN_DATA, /* as a packer leaves it */
};

struct go_plan {
	enum go_version version;
	bool plus; /* PE32+ */
	uint64_t base;
	const char *const *names; /* of functions, in the order of the table */
	size_t count;
	enum go_place place;
	const uint8_t *carried; /* in .rdata before the table; NULL: nothing */
	size_t carried_size;
	bool no_moduledata;
	bool linked; /* with what Go's linker adds for Windows: imports of kernel32, and .symtab */
	enum go_build_info build_info;
	const char *go_version; /* of the build information */
	const char *lines;	/* the same: "path\tx\nmod\tx\t(devel)\t\n" */
};

/* What was written, with RVAs of its parts; `data` belongs to whoever asked. */
struct go_program_file {
	uint8_t *data;
	size_t size;
	uint32_t table; /* the header */
	uint32_t header_size;
	uint32_t entries; /* the table of entries */
	uint32_t records; /* what places of records are counted from */
	uint32_t names;	  /* what places of names are counted from */
	uint32_t names_end;
	uint32_t moduledata; /* 0: none */
	uint32_t build_info; /* 0: none */
	uint32_t rdata, text, data_section;
};

void go_program_write(const struct go_plan *plan, struct go_program_file *file);

#endif
