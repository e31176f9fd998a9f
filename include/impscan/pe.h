/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PE files and modules (Portable Executable): headers, sections, reading at an RVA. The bytes come
 * from a small reader, so they may lie in a file, in an address space or in a test.
 *
 * Names and structures are Microsoft's ("PE Format",
 * learn.microsoft.com/windows/win32/debug/pe-format). Which files are PE files, and where an RVA
 * lies in a file, follows pefile 2023.2.7, since that defines the import hashes.
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

/* How the bytes of a PE lie. A position is where a byte lies in its reader. */
enum pe_layout {
	PE_LAYOUT_FILE,	  /* positions are file offsets; the section table translates RVAs */
	PE_LAYOUT_MEMORY, /* positions are RVAs */
};

/*
 * Where the bytes of a PE come from. The reader, and all pointers that it returned, must stay valid
 * while a struct pe uses it.
 */
struct pe_reader {
	enum pe_layout layout;
	uint64_t
		size; /* in bytes: of the file, or of the stretch of memory; no position is above */
	uint64_t base; /* address of position 0, in memory; 0: unknown */
	/*
	 * Returns the bytes at `position`, which is below `size`, and sets `*available` to how many
	 * lie there in one piece, at least 1. NULL when they are not present; that can only be in
	 * memory, where the layout may be either.
	 */
	const uint8_t *(*at)(const struct pe_reader *reader, uint64_t position, size_t *available);
	/*
	 * Returns in words why at() returned NULL for `position`: "page file 0 not given". Valid as
	 * long as the reader. why() may be NULL; for a reader of file layout that means that all
	 * its bytes are present.
	 */
	const char *(*why)(const struct pe_reader *reader, uint64_t position);
	void *context; /* for the functions */
};

/* Returns a reader of `size` bytes, which stay the caller's. */
struct pe_reader pe_reader_bytes(const void *bytes, size_t size, enum pe_layout layout);

/*
 * Copies what there is of `size` bytes at `position`, zeros behind it. Returns how many bytes there
 * were; sets `*absent` when a page that exists is not present.
 */
size_t pe_reader_copy(const struct pe_reader *reader, uint64_t position, void *buffer, size_t size,
		      bool *absent);

/* Returns whether all bytes from `start` to before `end` are present, and zeros. */
bool pe_reader_is_zero(const struct pe_reader *reader, uint64_t start, uint64_t end);

/* The data directories, IMAGE_DIRECTORY_ENTRY_... */
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

/* IMAGE_DATA_DIRECTORY */
struct pe_data_directory {
	uint32_t rva;
	uint32_t size;
};

/* Bits of pe_section.characteristics. */
#define IMAGE_SCN_MEM_SHARED  UINT32_C(0x10000000)
#define IMAGE_SCN_MEM_EXECUTE UINT32_C(0x20000000)
#define IMAGE_SCN_MEM_WRITE   UINT32_C(0x80000000)

/* A bit of pe.dll_characteristics: the image may be loaded anywhere. */
#define IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE 0x40u

/* IMAGE_SECTION_HEADER */
struct pe_section {
	char name[9]; /* NUL-terminated */
	uint32_t virtual_size;
	uint32_t virtual_address;
	uint32_t size_of_raw_data;
	uint32_t pointer_to_raw_data;
	uint32_t characteristics;
};

/* Where a section lies in a file, by the rules of pefile: see src/pe/rva.c. */
struct pe_extent {
	uint64_t start;	  /* first RVA */
	uint64_t end;	  /* RVA behind the last one */
	uint64_t raw;	  /* file offset of `start` */
	uint64_t raw_end; /* file offset at which the section's bytes end */
};

enum pe_status {
	PE_OK,
	PE_NOT_PE,     /* no MZ, no PE signature, or headers that make no sense */
	PE_UNREADABLE, /* the page of the headers is not present */
};

/* The headers of a PE. */
struct pe {
	const struct pe_reader *reader;
	enum pe_status status;
	char reason[120]; /* why the status is not PE_OK, in words */
	bool pe32_plus;	  /* whether the magic of the optional header is 0x20b */
	uint16_t machine; /* IMAGE_FILE_MACHINE_... */
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
	size_t section_count; /* sections whose header could be read */
	/* For file layout only; sorted by VirtualAddress. */
	struct pe_extent *extents;
	size_t extent_count;
	uint64_t header_length; /* bytes of the file that count as its headers */
};

/*
 * Reads the headers. Returns the status, which `pe` has too. Whatever it is, `pe` is filled and
 * must be released with pe_close(). `reader` stays the caller's.
 *
 * In file layout the status is PE_OK for exactly those files that pefile accepts. In memory layout
 * it is PE_OK also when the section table is not wholly present.
 */
enum pe_status pe_open(struct pe *pe, const struct pe_reader *reader);

/*
 * Fills `pe` without headers, for a PE in memory whose headers are gone. It has no sections and no
 * data directories. Release it with pe_close().
 */
void pe_assume(struct pe *pe, const struct pe_reader *reader, bool pe32_plus,
	       uint32_t size_of_image);

/* What the first bytes of something that may be a PE tell. */
enum pe_look {
	PE_LOOK_NONE,	 /* no PE signature where they say that one is */
	PE_LOOK_MACHINE, /* a PE signature, and a machine type */
	PE_LOOK_BEYOND,	 /* nothing: what would tell lies behind them */
};

/*
 * Looks at the first `available` bytes of what may be a PE, but not at the letters MZ. A PE
 * signature farther from the start than `most` bytes is none. `*machine` is set with
 * PE_LOOK_MACHINE only.
 */
enum pe_look pe_first_look(const uint8_t *bytes, size_t available, uint32_t most,
			   uint16_t *machine);

/* Frees what `pe` owns. */
void pe_close(struct pe *pe);
#define _cleanup_pe_ __attribute__((cleanup(pe_close)))

/* Returns the size of a pointer in a PE: 4 or 8 bytes. */
static inline unsigned int pe_pointer_size(const struct pe *pe)
{
	return pe->pe32_plus ? 8 : 4;
}

/* In memory layout, no byte lies at this RVA or above. */
#define PE_RVA_END (UINT64_C(1) << 32)

/* How a read at an RVA ended. */
enum pe_read {
	PE_READ_OK,
	PE_READ_OUTSIDE, /* the PE has no such RVA */
	PE_READ_ABSENT,	 /* the PE has the RVA, but its page is not present */
};

/*
 * Returns the bytes at an RVA, and sets `*available` as reader->at() does. NULL when there are
 * none; `*how` says why.
 */
const uint8_t *pe_at(const struct pe *pe, uint64_t rva, size_t *available, enum pe_read *how);

/* Copies `size` bytes from an RVA, across pages. Unless it is PE_READ_OK, `buffer` is undefined. */
enum pe_read pe_copy(const struct pe *pe, uint64_t rva, void *buffer, size_t size);

/*
 * Copies the string at an RVA, up to its NUL or to `size - 1` bytes; `size` is at least 1. The
 * result is always terminated. A string that runs out of the PE is cut there, which is PE_READ_OK
 * unless nothing is left. With PE_READ_ABSENT it has what comes before the absent page.
 */
enum pe_read pe_string(const struct pe *pe, uint64_t rva, char *buffer, size_t size);

/* A page that a module was read from. */
struct module_page {
	uint64_t rva;	     /* a multiple of PAGE_SIZE */
	const uint8_t *data; /* PAGE_SIZE bytes, or NULL when the page is not present */
};

/* Which PDB belongs to a PE. */
struct pe_pdb {
	char guid_age[48]; /* "CA8E2F01B822EDE6357898BFBF862997-1" */
	char name[128];	   /* the PDB's path as it stands in the record, cut where it is longer */
};

/*
 * Finds the PDB in the debug directory: the CodeView record "RSDS". Returns false when there is
 * none that can be read.
 */
bool pe_pdb(const struct pe *pe, struct pe_pdb *pdb);

/* A PE file, mapped. */
struct pe_file {
	struct pe_reader reader; /* of file layout */
	void *data;
	size_t size; /* in bytes */
};

/*
 * Maps a file for reading. Release it with pe_file_close(). Fails when it can't be opened, is a
 * folder, or is empty; not when it is no PE.
 */
struct error *pe_file_open(struct pe_file *file, const char *path);

/* Unmaps a file. */
void pe_file_close(struct pe_file *file);
#define _cleanup_pe_file_ __attribute__((cleanup(pe_file_close)))

#endif
