/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * .NET assemblies as PE files: a CLR header, metadata and nothing that runs. Only what the types
 * that they refer to, and the names of the assembly, need makes sense; rows of other tables are
 * random, but as many and as wide as ECMA-335 (II.22, II.24) has them.
 */
#ifndef WRITER_ASSEMBLY_H
#define WRITER_ASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <writer/util.h>

/* A row of the table TypeRef. */
struct assembly_type {
	const char *name_space; /* "" for a nested type */
	const char *name;
};

enum { ASSEMBLY_TABLES = 0x2d };

/* What to write. All zero but for what is set. */
struct assembly {
	struct assembly_type *types; /* type_count of them */
	size_t type_count;
	const char *name; /* NULL: a module without a row in the table Assembly */
	uint16_t version[4];
	uint8_t mvid[16];
	bool plus;	     /* PE32+ */
	uint8_t heap_bits;   /* indices of 4 bytes: 1 #Strings, 2 #GUID, 4 #Blob */
	bool uncompressed;   /* "#-" */
	bool strings_first;  /* before the tables */
	bool extra_data;     /* a number behind the row counts */
	bool decoys;	     /* ConfuserEx: more streams of the same names at the end */
	bool second_rows;    /* ConfuserEx: more rows of Module and Assembly, that lead nowhere */
	bool unknown_tables; /* random row counts of tables that ECMA-335 does not know */
	uint32_t padding;    /* zeros between tables and what follows */
	uint32_t rows[ASSEMBLY_TABLES]; /* of other tables, random */
	uint64_t seed;			/* of what is random */
};

/* A file, and where things lie in it. RVAs but for `data`. */
struct assembly_file {
	uint8_t *data; /* malloc'ed */
	size_t size;
	uint32_t section;  /* the section that has all */
	uint32_t position; /* its file offset */
	uint32_t clr_header;
	uint32_t root;
	uint32_t stream_headers;
	uint32_t stream_count;
	uint32_t tables;
	uint32_t types; /* the first row of TypeRef */
	uint32_t type_size;
	uint32_t strings;
	uint32_t strings_size;
	uint32_t guid;
};

struct assembly_file assembly_write(const struct assembly *assembly);

/* What protectors wipe in an image that is mapped. */
enum assembly_wipe {
	ASSEMBLY_ANTI_DUMP, /* ConfuserEx: CLR header, "BSJB", stream names, first bytes of sections */
	ASSEMBLY_NO_HEADER, /* the CLR header alone */
	ASSEMBLY_NO_ROOT,   /* all that lies before the first stream */
	ASSEMBLY_RENAMED,   /* streams have names that mean nothing */
	ASSEMBLY_WIPES,
};

/*
 * Wipes it in `bytes`: in the file's, or in those of pe_builder_map() where `mapped`.
 */
void assembly_wipe(const struct assembly_file *file, enum assembly_wipe wipe, uint8_t *bytes,
		   bool mapped);

/*
 * Fills an assembly with random types, names, widths and other tables, by a seed. All that it has
 * is released by assembly_free().
 */
void assembly_random(struct assembly *assembly, uint64_t seed);

/*
 * Makes program `member` of a family: the programs of a family share most of the types that they
 * refer to; `changes` types are added, left out or moved. Released by assembly_free().
 */
void assembly_relative(struct assembly *assembly, uint64_t family, uint64_t member,
		       unsigned int changes);

void assembly_free(struct assembly *assembly);

#endif
