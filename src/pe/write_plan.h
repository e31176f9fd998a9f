/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `pe`: the plan of a file that is made of an image in memory. It says which
 * stretch of memory goes where in the file.
 */
#ifndef PE_WRITE_PLAN_H
#define PE_WRITE_PLAN_H

#include <impscan/bytes.h>
#include <impscan/pe_write.h>

enum {
	WRITE_FILE_HEADER = 24,	   /* bytes of the signature and IMAGE_FILE_HEADER */
	WRITE_SECTION_HEADER = 40, /* bytes of IMAGE_SECTION_HEADER */
	WRITE_SECTIONS_MAX = 96,   /* sections that the loader of Windows accepts */
	/* Zeros kept behind the last byte of memory: they end the tables and strings there. */
	WRITE_ZEROS_BEHIND = 24,
};

/* A stretch of RVAs and its place in the file. The first piece starts with the headers. */
struct written_piece {
	uint64_t rva;
	uint64_t position; /* in the reader; the RVA, unless a header was put in front */
	uint64_t size;	   /* bytes in the file */
	uint64_t offset;   /* in the file */
};

/* One file on its way: what it is made of, its plan, and the result. */
struct writing {
	const struct pe *pe;
	const struct pe_reader *reader;
	const struct pe_write_options *options;
	struct pe_written *written;
	uint64_t end;		/* positions below this are read */
	uint64_t skew;		/* how far behind the start of a page the image starts, in bytes */
	uint64_t shift;		/* RVA - position */
	bool pe32_plus;		/* whether the file is PE32+ */
	uint64_t nt;		/* offset of the PE signature */
	uint64_t optional_size; /* IMAGE_FILE_HEADER.SizeOfOptionalHeader */
	uint64_t table;		/* offset of the section table */
	size_t sections;	/* headers in the section table */
	uint64_t table_room;	/* offset up to which the section table may grow */
	uint64_t image_end;	/* no RVA from here on is used */
	uint64_t image_base;	/* ImageBase of a made header */
	uint32_t section_alignment;
	uint32_t file_alignment;
	uint32_t import_directory; /* RVA of the directory that slots are restored from, or 0 */
	struct written_piece *pieces;
	size_t piece_count;
	size_t piece_capacity;
	size_t piece_last; /* the piece in which write_offset() found the last RVA */
};

/* Returns the size of the optional header without its data directories, in bytes. */
static inline uint64_t write_optional_fixed(const struct writing *w)
{
	return w->pe32_plus ? 112 : 96;
}

/* Returns `value` rounded up to a multiple of `alignment`, any number but 0. */
static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) / alignment * alignment;
}

/*
 * Finds the offset of `size` bytes at an RVA. Returns false when the plan doesn't have them in one
 * piece.
 */
bool write_offset(struct writing *w, uint64_t rva, uint64_t size, uint64_t *offset);

/* Sets VirtualSize, SizeOfRawData and PointerToRawData in section header number `i` of the file. */
void write_section_place(const struct writing *w, size_t i, uint64_t virtual_size, uint64_t size,
			 uint64_t offset);

/*
 * Returns the position behind the last byte in [start, end) that is present and not zero, or
 * `start` when there is none. Pages that begin below `counted` are counted in the result. Sets its
 * `stopped` when the budget ends.
 */
uint64_t write_content_end(struct writing *w, uint64_t start, uint64_t end, uint64_t counted);

/* Adds a piece to the plan whose position in the reader is its RVA. */
void write_add_piece(struct writing *w, uint64_t rva, uint64_t size, uint64_t offset);

/* Returns whether a linker could have made the section table. */
bool write_is_linked(const struct writing *w);

/*
 * The layout of linkers, for a section table of which write_is_linked() holds: headers, then the
 * raw data of each section. The first function plans it; the second writes it into the section
 * headers of the file, once that was begun.
 */
void write_plan_sections(struct writing *w);
void write_place_sections(struct writing *w);

/* The same for the layout of any other table: offsets in the file are RVAs. */
void write_plan_mapped(struct writing *w);
void write_place_mapped(struct writing *w);

#endif
