/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Portable Executable: headers, sections, exports, of a file or of memory. What the bytes are
 * read from stands behind a small reader, so that files, address spaces and tests can be it.
 *
 * Names are Microsoft's ("PE Format", learn.microsoft.com/windows/win32/debug/pe-format).
 *
 * Room: pe.
 */
#ifndef IMPSCAN_PE_H
#define IMPSCAN_PE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>
#include <impscan/page_size.h>

enum pe_layout {
	PE_LAYOUT_FILE,	  /* positions are file offsets; RVAs go through the section table */
	PE_LAYOUT_MEMORY, /* positions are RVAs */
};

/*
 * Where the bytes of a PE come from. The reader's owner keeps it, and all pointers it gave, valid
 * while a struct pe on it is in use.
 */
struct pe_reader {
	enum pe_layout layout;
	/* Bytes from the first to the last position that could exist: file size, extent in memory. */
	uint64_t size;
	/*
	 * The bytes at `position` (below size): a pointer, and in `*available` how many lie there
	 * in one piece, at least 1. NULL when they are not present, which can only be in memory, be
	 * the layout that of a file.
	 */
	const uint8_t *(*at)(const struct pe_reader *reader, uint64_t position, size_t *available);
	/*
	 * Why at() gave NULL at `position`, in words: "page file 0 not given". May be NULL; of a reader
	 * of file layout that means that all its bytes are there.
	 */
	const char *(*why)(const struct pe_reader *reader, uint64_t position);
	void *context; /* the owner's */
};

/* A reader of bytes in memory, for files and tests. */
struct pe_reader pe_reader_bytes(const void *bytes, size_t size, enum pe_layout layout);

enum pe_directory {
	PE_DIRECTORY_EXPORT = 0,
	PE_DIRECTORY_IMPORT = 1,
	PE_DIRECTORY_RESOURCE = 2,
	PE_DIRECTORY_EXCEPTION = 3,
	PE_DIRECTORY_SECURITY = 4,
	PE_DIRECTORY_BASERELOC = 5,
	PE_DIRECTORY_DEBUG = 6,
	PE_DIRECTORY_TLS = 9,
	PE_DIRECTORY_LOAD_CONFIG = 10,
	PE_DIRECTORY_BOUND_IMPORT = 11,
	PE_DIRECTORY_IAT = 12,
	PE_DIRECTORY_DELAY_IMPORT = 13,
	PE_DIRECTORY_COUNT = 16,
};

struct pe_data_directory {
	uint32_t rva;
	uint32_t size;
};

/* Of pe_section.characteristics. */
#define IMAGE_SCN_MEM_EXECUTE UINT32_C(0x20000000)
#define IMAGE_SCN_MEM_WRITE   UINT32_C(0x80000000)

/* IMAGE_SECTION_HEADER */
struct pe_section {
	char name[9];
	uint32_t virtual_size;
	uint32_t virtual_address;
	uint32_t size_of_raw_data;
	uint32_t pointer_to_raw_data;
	uint32_t characteristics;
};

/*
 * Where a section lies by the rules of a file, for RVA to offset. They are pefile's (2023.2.7),
 * since the import hashes are: see pe/rva.c.
 */
struct pe_extent {
	uint64_t start;	  /* RVAs, from ... */
	uint64_t end;	  /* ... to before */
	uint64_t raw;	  /* file offset of `start` */
	uint64_t raw_end; /* no byte of the section lies at or behind this file offset */
};

enum pe_status {
	PE_OK,
	PE_NOT_PE,     /* no MZ, no PE signature, or headers that make no sense */
	PE_UNREADABLE, /* the header's page is not present */
};

/* The headers of a PE. */
struct pe {
	const struct pe_reader *reader;
	enum pe_status status;
	char reason[120]; /* in words, when status is not PE_OK */
	bool pe32_plus;	  /* optional header magic 0x20b */
	uint16_t machine;
	uint16_t characteristics;
	uint16_t dll_characteristics;
	uint16_t subsystem;
	uint32_t time_date_stamp;
	uint32_t nt_headers; /* position of the PE signature */
	uint32_t address_of_entry_point;
	uint64_t image_base;
	uint32_t section_alignment;
	uint32_t file_alignment;
	uint32_t size_of_image;
	uint32_t size_of_headers;
	uint32_t check_sum;
	struct pe_data_directory directory[PE_DIRECTORY_COUNT]; /* zero where not declared */
	struct pe_section *sections;
	size_t section_count; /* those whose header could be read */
	/* Of a file only; sorted by VirtualAddress. */
	struct pe_extent *extents;
	size_t extent_count;
	uint64_t header_length; /* bytes of the file that count as its headers */
};

/*
 * Reads the headers. `pe` is filled whatever comes (see status and reason) and must be released
 * with pe_close(). `reader` is kept, not owned. Of a file, PE_OK is given for exactly those that
 * pefile takes; of memory, also for headers whose section table is not wholly present.
 */
enum pe_status pe_open(struct pe *pe, const struct pe_reader *reader);
/*
 * Instead of pe_open(), for a PE in memory whose headers are gone: what is known without them. It
 * has no sections and no directories.
 */
void pe_assume(struct pe *pe, const struct pe_reader *reader, bool pe32_plus,
	       uint32_t size_of_image);

void pe_close(struct pe *pe);
#define _cleanup_pe_ __attribute__((cleanup(pe_close)))

/* Bytes of a pointer in this PE: 4 or 8. */
static inline unsigned int pe_pointer_size(const struct pe *pe)
{
	return pe->pe32_plus ? 8 : 4;
}

/* How a read at an RVA ended. */
enum pe_read {
	PE_READ_OK,
	PE_READ_OUTSIDE, /* no such place in this PE */
	PE_READ_ABSENT, /* the place exists, its page is not present: a condition of the evidence */
};

/* The bytes at `rva`, as reader->at gives them for a position: NULL says why in `*how`. */
const uint8_t *pe_at(const struct pe *pe, uint64_t rva, size_t *available, enum pe_read *how);

/* Copies `size` bytes from `rva`, across pages. */
enum pe_read pe_copy(const struct pe *pe, uint64_t rva, void *buffer, size_t size);

/*
 * Copies the string at `rva` up to its NUL or to `size - 1` bytes; always terminated. A string cut
 * by the end of the PE is what is there.
 */
enum pe_read pe_string(const struct pe *pe, uint64_t rva, char *buffer, size_t size);

/* A page that was asked for: where in the module, and its bytes. */
struct module_page {
	uint64_t rva;	     /* a multiple of 4096 */
	const uint8_t *data; /* NULL: it is not present */
};

#define PE_RVA_END (UINT64_C(1) << 32) /* in memory nothing lies from this RVA on */
/* The CodeView record (RSDS) of the debug directory: which PDB belongs to it. */
struct pe_pdb {
	char guid_age[48]; /* "CA8E2F01B822EDE6357898BFBF862997-1" */
	char name[128];	   /* the PDB's path as it stands in the record */
};

bool pe_pdb(const struct pe *pe, struct pe_pdb *pdb);

/* A PE file, mapped. */
struct pe_file {
	struct pe_reader reader;
	void *data;
	size_t size;
};

/* Maps a file for reading; fails when it can't be opened, is a folder, or is empty. */
struct error *pe_file_open(struct pe_file *file, const char *path);
void pe_file_close(struct pe_file *file);
#define _cleanup_pe_file_ __attribute__((cleanup(pe_file_close)))

#endif
