/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory of one machine: what all address spaces of an image share. That is the image, the kind
 * of its page tables, the format of entries that are not valid, the page files and the compressed
 * store.
 *
 * Set up by one thread; afterwards any number of threads may use it. Functions that change it must
 * not be called while other threads use it: they are marked "setup only". Spaces that exist then
 * forget what they remembered, but pages that they took from the compressed store.
 *
 * Room: memory.
 */
#ifndef IMPSCAN_MEMORY_H
#define IMPSCAN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>
#include <impscan/entry.h>
#include <impscan/error.h>
#include <impscan/image.h>
#include <impscan/page_size.h>
#include <impscan/source.h>

enum paging {
	PAGING_X86, /* two levels, 4-byte entries */
	PAGING_PAE, /* three levels, 8-byte entries, 32-bit addresses */
	PAGING_X64, /* four levels, 8-byte entries */
	/*
	 * No page tables: the image has virtual addresses, those of the one process that it is a
	 * dump of. See memory_set_ranges().
	 */
	PAGING_RANGES,
};

/* "x86", "x86 PAE", "x64", "none". */
const char *paging_name(enum paging paging);

struct memory;

/* `image` must outlive the memory. The caller frees the result. */
struct memory *memory_new(const struct image *image, enum paging paging);
void memory_free(struct memory *memory); /* NULL is allowed */
DEFINE_CLEANUP(struct memory, memory_free)
#define _cleanup_memory_ _cleanup_(memory_free_p)

enum paging memory_paging(const struct memory *memory);

/*
 * Sets where this kernel keeps what in entries that are not valid. Before that only frames in
 * transition are understood, which is enough to find the kernel. Setup only.
 */
void memory_set_entries(struct memory *memory, const struct entry_layout *layout);

/* Undoes memory_set_entries(). Setup only. */
void memory_reset_entries(struct memory *memory);

/*
 * Sets InvalidPteMask: entries that are not valid and have a clear SwizzleBit are stored with these
 * bits inverted (see entry_unmask()); 0: none are. Before it is set, the bits of a frame above the
 * image's memory are ignored instead. Setup only.
 */
void memory_set_invalid_mask(struct memory *memory, uint64_t mask);

/* What the pages of a range may be used for. */
struct memory_range {
	uint64_t start, end; /* multiples of PAGE_SIZE; `end` is behind the last page */
	bool writable, executable;
};

/*
 * For PAGING_RANGES: sets which pages the process uses, sorted and without overlaps; they are
 * copied. A page that the process uses and the image lacks is PAGE_LEFT_OUT. Before it is called
 * this is not known, and any page that the image has may be executable. Setup only.
 */
void memory_set_ranges(struct memory *memory, const struct memory_range *ranges, size_t count);

/* A page file that was given; mapped, not copied. Page n is the 4096 bytes at 4096 * n. */
struct page_file {
	const uint8_t *data;
	uint64_t size;	/* in bytes */
	uint64_t pages; /* whole ones */
	char *path;
	/*
	 * Why it may not be a page file: "its size of ... is not a multiple of 4096"; "": nothing.
	 */
	char doubt[128];
	bool used;		     /* see memory_use_page_file() */
	const struct source *source; /* that has the data; NULL: it is mapped as it is */
};

/* Returns page `number` of the file, which has it, or NULL when it can't be unpacked. */
static inline const uint8_t *page_file_page(const struct page_file *file, uint64_t number)
{
	if (file->source)
		return source_bytes(file->source, number * PAGE_SIZE, PAGE_SIZE);
	return file->data + number * PAGE_SIZE;
}

/* Windows has at most 16, numbered from 0. */
#define PAGE_FILES 16

/*
 * Maps the file at `path` as page file `number` (0 to 15): pagefile.sys or swapfile.sys, raw, holes
 * included. Fails when it can't be read, when that number already has a file, or when it is of
 * another
 * kind: empty, a crash dump, a hibernation file, an archive. Setup only.
 */
struct error *memory_add_page_file(struct memory *memory, unsigned int number, const char *path);

/* The same with a file that is open already, and must outlive the memory. */
struct error *memory_add_page_source(struct memory *memory, unsigned int number,
				     const struct source *source);

/* The file that was added as page file `number`, used or not; NULL when none was. */
const struct page_file *memory_page_file(const struct memory *memory, unsigned int number);

/*
 * Sets whether pages are read from the file that was added as page file `number`, as they are at
 * first. Where they are not, because the file is another machine's, pages in that page file are not
 * present. Setup only.
 */
void memory_use_page_file(struct memory *memory, unsigned int number, bool used);

enum page_likeness {
	PAGE_SILENT, /* too little to compare, or neither of the others */
	PAGE_ALIKE,
	PAGE_UNLIKE,
};

/*
 * Judges whether the 4096 bytes `copy` can be a process's own copy of `original`, a page of an
 * image section that the process wrote to. Compares the slots of `pointer_size` bytes (4 or 8) that
 * are not zero in the original. Slots that have an RVA in the original and a user address in the
 * copy are left
 * out: the loader replaces them, in address tables.
 */
enum page_likeness page_compare(const uint8_t *copy, const uint8_t *original,
				unsigned int pointer_size);

/*
 * The functions by which spaces read pages from the compressed store, which is above this room: see
 * store_attach() in store.h. `state` is what memory_set_store() was given, `reader` what
 * new_reader() returned. A reader is used by one thread at a time; several may read the same state
 * at once.
 */
struct page_store_ops {
	/* A new reader, for one space of `memory`. Freed by free_reader(). */
	void *(*new_reader)(const void *state, const struct memory *memory);
	void (*free_reader)(void *reader);
	/*
	 * Writes the page with the number `offset` of page file `page_file` to the 4096 bytes of
	 * `buffer`. Returns NULL for success, otherwise static words that say why not; then the
	 * contents of `buffer` are undefined.
	 */
	const char *(*read)(void *reader, unsigned int page_file, uint64_t offset, uint8_t *buffer);
	/* Frees the state; called when the memory is freed or given another store. */
	void (*free_state)(void *state);
	/* What read() returns (this very pointer) when the store does not have the page. */
	const char *absent;
};

/*
 * Sets the compressed store: its functions and their state, which `memory` then owns.
 *
 * number: of the virtual page file, whose pages the store keeps; -1 when it is not known: then the
 * store is asked for a page of any page file that was not given.
 * why: static words that say why there is no store ("layout of this build not known"), for the
 * pages of that page file. Used only when `ops` is NULL.
 *
 * Setup only.
 */
void memory_set_store(struct memory *memory, int number, const struct page_store_ops *ops,
		      void *state, const char *why);

/* The state of the store if its functions are `ops`, otherwise NULL. */
const void *memory_store_state(const struct memory *memory, const struct page_store_ops *ops);

/*
 * Sets how many decompressed pages each space keeps, at most. A space that keeps as many reads
 * further pages of the store only where they are copied: in space_read() and what uses it. Setup
 * only.
 */
void memory_set_store_pages(struct memory *memory, size_t pages);

/* How many it keeps when nothing was set. */
#define SPACE_STORE_PAGES 65536

#endif
