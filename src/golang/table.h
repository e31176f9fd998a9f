/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room golang: what may be a table of functions, looked at. */
#ifndef GOLANG_TABLE_H
#define GOLANG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "golang/program.h"

/* The head of a table: magic, two bytes of 0, the least size of an instruction, that of a pointer. */
#define GO_HEAD_SIZE 8

/*
 * Returns whether the bytes 4 to 7 of a head, as a number, may be such; it lets a few others
 * through.
 */
static inline bool go_may_be_head(uint32_t number)
{
	return !(number & ~UINT32_C(0x0c050000)) && number > 0xffff;
}

/*
 * Returns whether a table's header lies at `rva`, whose first bytes are `head`, by what it leads
 * to. If so, sets `*table`.
 */
bool go_table_by_header(struct go_program *program, uint64_t rva, const uint8_t *head,
			struct go_table *table);

/*
 * Returns whether a moduledata begins at `rva`: the addresses of tables, each with its length. If
 * so, sets `*table`. `pointer` is the size of a pointer.
 */
bool go_table_by_moduledata(struct go_program *program, uint64_t rva, unsigned int pointer,
			    struct go_table *table);

/*
 * Returns whether a table that was found by its header is of code of this program, by the address
 * of that code: not of a program that this one carries in its data, which was linked for another
 * address.
 */
bool go_table_is_own(struct go_program *program, const struct go_table *table);

/* How reading something of a table ended. */
enum go_read {
	GO_READ_OK,
	GO_READ_ABSENT,	 /* its page is not present */
	GO_READ_DAMAGED, /* it lies outside of what it should lie in */
};

/*
 * Finds the name of a function by its number. Returns how that ended, and sets `*rva` to the name,
 * or to what could not be read.
 */
enum go_read go_table_name(struct go_program *program, const struct go_table *table,
			   uint32_t number, uint64_t *rva);

#endif
