/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `pe`: one image on its way to a file.
 *
 *	write.c            which parts of memory go where
 *	write_file.c       what the file consists of then
 *	write_header.c     a header where there is none
 *	write_imports.c    the import directory, and slots that hold addresses
 */
#ifndef PE_WRITE_INTERNAL_H
#define PE_WRITE_INTERNAL_H

#include <impscan/bytes.h>
#include <impscan/pe_write.h>

enum {
	WRITE_FILE_HEADER = 24,	   /* the signature and IMAGE_FILE_HEADER */
	WRITE_SECTION_HEADER = 40, /* IMAGE_SECTION_HEADER */
	WRITE_SECTIONS_MAX = 96,   /* what Windows takes */
	/* Zeros kept behind the last byte of memory: they end the tables and strings there. */
	WRITE_ZEROS_BEHIND = 24,
};

/* A stretch of RVAs and where the file has it. The first one starts with the headers. */
struct piece {
	uint64_t rva;
	uint64_t position; /* in the reader; RVA, but for a header that was put in front */
	uint64_t size;	   /* bytes in the file */
	uint64_t offset;
};

struct writing {
	const struct pe *pe;
	const struct pe_reader *reader;
	const struct pe_write_options *options;
	struct pe_written *written;
	uint64_t end;		/* positions up to here are read */
	uint64_t skew;		/* of the image's start in its page */
	uint64_t shift;		/* RVA - position */
	bool pe32_plus;		/* of the file */
	uint64_t nt;		/* offset of the PE signature */
	uint64_t optional_size; /* IMAGE_FILE_HEADER.SizeOfOptionalHeader */
	uint64_t table;		/* offset of the section table */
	size_t sections;	/* in it */
	uint64_t table_room;	/* the table may grow to here */
	uint64_t image_end;	/* no RVA is used from here on */
	uint64_t image_base;	/* of a made header */
	uint32_t section_alignment;
	uint32_t file_alignment;
	uint32_t import_directory; /* RVA that slots are restored by; 0: none */
	struct piece *pieces;
	size_t piece_count;
	size_t piece_capacity;
	size_t piece_last; /* where write_offset() found the last RVA */
};

/* Bytes of the optional header in front of its directories. */
static inline uint64_t write_optional_fixed(const struct writing *w)
{
	return w->pe32_plus ? 112 : 96;
}

static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) / alignment * alignment;
}

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

/* The next position that lies in another page of an image that starts `skew` behind a page's start. */
uint64_t write_next_page(uint64_t skew, uint64_t position);

/* Begins the file, of all pieces, which it takes over; they rise by offset and don't overlap. */
void write_begin_file(struct writing *w);

/* Makes the file `size` bytes longer than `offset`, which is behind its end: those bytes, zeros. */
uint8_t *write_add_tail(struct writing *w, uint64_t offset, uint64_t size);

/* Copies bytes of the file; false when it does not have them. */
bool write_get(const struct writing *w, uint64_t offset, void *bytes, size_t size);

/*
 * Sets bytes of the file, but for those of the tail; false when it does not have them, or has been
 * changed in too many pages.
 */
bool write_put(const struct writing *w, uint64_t offset, const void *bytes, size_t size);

/* Sets a word of the file, if it is there. */
void write_put16(const struct writing *w, uint64_t offset, uint64_t value);
void write_put32(const struct writing *w, uint64_t offset, uint64_t value);

/* The offset of `size` bytes at an RVA; false when the file does not have them in one piece. */
bool write_offset(struct writing *w, uint64_t rva, uint64_t size, uint64_t *offset);

/* What a section header says of its place. */
void write_section_place(const struct writing *w, size_t i, uint64_t virtual_size, uint64_t size,
			 uint64_t offset);

/*
 * Behind the last byte in [start, end) that is present and not zero; `start` when there is none.
 * Pages that begin before `counted` are counted.
 */
uint64_t write_content_end(struct writing *w, uint64_t start, uint64_t end, uint64_t counted);

/* Plans a file with a header of its own for what has none; writes that header. */
void write_plan_made(struct writing *w);
void write_made_header(struct writing *w);

/* Gives slots the names back that the import directory has for them. */
void write_restore_slots(struct writing *w);

/* Appends a section with the directory of options->imports. */
void write_add_imports(struct writing *w);

#endif
