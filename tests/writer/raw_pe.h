/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A PE file under full control, valid or not: one section at RAW_RVA that holds whatever a case
 * puts there, with headers that it may change.
 */
#ifndef WRITER_RAW_PE_H
#define WRITER_RAW_PE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RAW_NT = 0x80,	     /* file offset of the PE signature */
	RAW_OPTIONAL = 0x98, /* ... of the optional header */
	RAW_HEADERS = 0x400, /* ... of the section */
	RAW_RVA = 0x1000,    /* RVA of the section */
	RAW_ROOM = 0x400,    /* bytes of the section kept for the import directory */
};

struct raw {
	bool plus;
	uint8_t *data;
	size_t size;
	uint32_t next;	      /* RVA of the next free byte */
	uint32_t descriptors; /* written so far */
};

/* A file with an import directory at RAW_RVA and `size` bytes in its section. */
struct raw raw_new(bool plus, uint32_t size);

unsigned int raw_word(const struct raw *r);
uint64_t raw_ordinal(const struct raw *r, uint16_t ordinal);

/* By file offset, and by RVA as long as the section lies where raw_new() put it. */
void raw_put(struct raw *r, size_t offset, uint64_t value, unsigned int bytes);
void raw_put_rva(struct raw *r, uint32_t rva, uint64_t value, unsigned int bytes);
uint64_t raw_get(const struct raw *r, size_t offset, unsigned int bytes);

/* Free bytes, a string, hint and name: their RVA. */
uint32_t raw_reserve(struct raw *r, uint32_t size);
uint32_t raw_string(struct raw *r, const char *s);
uint32_t raw_name(struct raw *r, const char *s);

/* A table of thunks with a zero behind it. */
uint32_t raw_table(struct raw *r, const uint64_t *values, size_t count);

/* The next descriptor of the directory. */
void raw_descriptor(struct raw *r, uint32_t by_name, uint32_t name, uint32_t by_address);

/* A descriptor with two equal tables. Functions are separated by blanks; "#5" is an ordinal. */
void raw_import(struct raw *r, const char *dll, const char *functions);
/* The same with one table only, at FirstThunk. */
void raw_import_by_address(struct raw *r, const char *dll, const char *functions);

/* Makes the file `size` bytes long. */
void raw_resize(struct raw *r, size_t size);

/* File offsets of header fields. */
size_t raw_directory(const struct raw *r, unsigned int i);
size_t raw_section(const struct raw *r, unsigned int i);
/* Writes section header `i`. */
void raw_set_section(struct raw *r, unsigned int i, uint32_t virtual_size, uint32_t rva,
		     uint32_t raw_size, uint32_t position);

#endif
