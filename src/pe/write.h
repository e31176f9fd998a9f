/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `pe`: making a file of an image in memory. From the bottom up:
 *
 *	write_file.c       the bytes of the file: memory, and what was changed of it
 *	write_plan.c       which stretch of memory goes where in the file
 *	write_header.c     a header where there is none
 *	write_imports.c    the import directory, and slots that hold addresses
 *	write_image.c      pe_write()
 */
#ifndef PE_WRITE_INTERNAL_H
#define PE_WRITE_INTERNAL_H

#include "write_plan.h"

/* Little-endian stores, of the low 16, 32 or 64 bits of `value`. */
static inline void put16(uint8_t *p, uint64_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

static inline void put32(uint8_t *p, uint64_t value)
{
	put16(p, value);
	put16(p + 2, value >> 16);
}

static inline void put64(uint8_t *p, uint64_t value)
{
	put32(p, value);
	put32(p + 4, value >> 32);
}

/*
 * Returns the next position that begins a page of memory, of an image that starts `skew` bytes
 * behind the start of a page.
 */
uint64_t write_next_page(uint64_t skew, uint64_t position);

/*
 * Begins the file from the pieces of the plan, which rise by offset and don't overlap. They belong
 * to the file from now on.
 */
void write_begin_file(struct writing *w);

/*
 * Lengthens the file, to `size` bytes behind `offset`, which is not below its end. Returns these
 * bytes, zeroed; they belong to the file.
 */
uint8_t *write_add_tail(struct writing *w, uint64_t offset, uint64_t size);

/* Copies bytes of the file. Returns false when the file doesn't have all of them. */
bool write_get(const struct writing *w, uint64_t offset, void *bytes, size_t size);

/*
 * Changes bytes of the file, which must not be those of the tail. Returns false when the file
 * doesn't have all of them, or when too many of its pages have been changed.
 */
bool write_put(const struct writing *w, uint64_t offset, const void *bytes, size_t size);

/* Changes a word of the file; nothing happens where the file doesn't have it. */
void write_put16(const struct writing *w, uint64_t offset, uint64_t value);
void write_put32(const struct writing *w, uint64_t offset, uint64_t value);

/*
 * For an image without headers: the first function plans a file with a header of its own, the
 * second writes that header, once the file was begun.
 */
void write_plan_made(struct writing *w);
void write_made_header(struct writing *w);

/* Restores the import slots of the file from the table of names that the import directory has. */
void write_restore_slots(struct writing *w);

/* Appends a section with an import directory of options->imports. */
void write_add_imports(struct writing *w);

#endif
