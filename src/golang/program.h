/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room golang: a program that is read, and what is known of its table of functions. */
#ifndef GOLANG_PROGRAM_H
#define GOLANG_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/budget.h>
#include <impscan/golang.h>
#include <impscan/pe.h>
#include <impscan/pe_cursor.h>

/* A table of functions. Places are RVAs. */
struct go_table {
	enum golang_table form;
	enum golang_found found; /* GOLANG_NOT_FOUND: there is none */
	unsigned int word; /* bytes of a number in the table of entries, and of a record's entry */
	uint32_t count;	   /* functions */
	uint64_t start;	   /* of the header */
	uint64_t entries;  /* pairs of numbers: entry and place of a record, from `records` on */
	uint64_t records;  /* each an entry and the place of a name, from `names` on */
	uint64_t records_end;
	uint64_t names;
	uint64_t names_end;
};

/* A program that is read. */
struct go_program {
	const struct pe *pe;
	struct budget *budget;
	struct pe_cursor cursor;
	uint64_t base; /* address of RVA 0 */
	uint64_t size; /* RVAs are below */
	struct go_table table;
	bool led;	     /* a moduledata has led to the table */
	bool foreign;	     /* only another program's table was found, and pages are absent */
	uint64_t build_info; /* RVA of the build information; 0: not found */
	/* Pages that were searched and are not present; where the first is. */
	uint64_t absent;
	uint64_t first_absent;
};

/* The RVA of an address; UINT64_MAX unless it lies within the program. */
static inline uint64_t go_rva(const struct go_program *program, uint64_t address)
{
	return address - program->base < program->size ? address - program->base : UINT64_MAX;
}

/* Returns whether all pointers of a program may have this many bytes: any, where it has no headers. */
static inline bool go_may_point(const struct go_program *program, unsigned int size)
{
	return program->pe->section_count ? size == pe_pointer_size(program->pe)
					  : size == 4 || size == 8;
}

#endif
