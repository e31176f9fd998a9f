/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all address spaces of an image share: the image, the form of its page-table entries, page files
 * and the compressed store. Set up once, then any number of threads may use it.
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

enum paging {
	PAGING_X86, /* two levels, 4-byte entries */
	PAGING_PAE, /* three levels, 8-byte entries, 32-bit addresses */
	PAGING_X64, /* four levels, 8-byte entries */
};

/* "x86", "x86 PAE", "x64" */
const char *paging_name(enum paging paging);

struct memory;

struct memory *memory_new(const struct image *image, enum paging paging);
void memory_free(struct memory *memory);
DEFINE_CLEANUP(struct memory, memory_free)
#define _cleanup_memory_ _cleanup_(memory_free_p)

const struct image *memory_image(const struct memory *memory);
enum paging memory_paging(const struct memory *memory);

/*
 * Tells how the kernel's entries look. Until then only frames in transition are understood, which
 * is enough to find the kernel. Not while other threads use the memory.
 */
void memory_set_entries(struct memory *memory, const struct entry_layout *layout);

/* Forgets what memory_set_entries() told. Not while other threads use the memory. */
void memory_reset_entries(struct memory *memory);

/*
 * Tells the InvalidPteMask of this machine: an entry that is not valid and whose SwizzleBit is
 * clear was stored with these bits turned over (0: none). Until it is told, they are taken to be
 * the bits of a frame that lie above the image's memory. Not while other threads use the memory.
 */
void memory_set_invalid_mask(struct memory *memory, uint64_t mask);

/* A page file that was given: mapped, never copied. */
struct page_file {
	const uint8_t *data;
	uint64_t size;	/* bytes */
	uint64_t pages; /* whole ones */
	char *path;
	/* What speaks against its being one, in words: "its size is not ..."; "" for nothing. */
	char doubt[128];
	bool used; /* pages in it are read; see memory_use_page_file() */
};

#define PAGE_FILES 16

/*
 * Gives page file `number` (0-15), raw as Windows keeps it (pagefile.sys, swapfile.sys), holes
 * and all. Fails when it can't be read, when that number has one, or when it is plainly something
 * else: empty, a crash dump, a hibernation file. Not while other threads use the memory.
 */
struct error *memory_add_page_file(struct memory *memory, unsigned int number, const char *path);

/* The page file given under a number, NULL when none was; be it used or not. */
const struct page_file *memory_page_file(const struct memory *memory, unsigned int number);

/*
 * Says whether pages in page file `number` are read from the file that was given, as they are at
 * first, or are not present, because it is not that of this image. Not while other threads use the
 * memory.
 */
void memory_use_page_file(struct memory *memory, unsigned int number, bool used);

/* What a copy of a page says of the page that it is one of; see page_compare(). */
enum page_likeness {
	PAGE_SILENT, /* too little to tell by */
	PAGE_ALIKE,
	PAGE_UNLIKE,
};

/*
 * Can the 4096 bytes `copy` be a process's copy of the page `original` of an image section, which
 * the process wrote to? Compares the slots of `pointer_size` bytes (4 or 8) that the original has
 * something in, but for those where the copy has an address of the user's half and the original an
 * RVA: the loader fills address tables.
 */
enum page_likeness page_compare(const uint8_t *copy, const uint8_t *original,
				unsigned int pointer_size);

/*
 * The functions by which spaces read pages from the compressed store, which is above this room: see
 * store_attach() in store.h. `state` is what memory_set_store() was given, `reader` what new_reader()
 * returned. A reader is used by one thread at a time; several may read the same state at once.
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
 * why: static words that say why there is no store ("layout of this build not known"), for the pages
 * of that page file. Used only when `ops` is NULL.
 *
 * Not while other threads use the memory.
 */
void memory_set_store(struct memory *memory, int number, const struct page_store_ops *ops,
		      void *state, const char *why);

/* The state of the store if its functions are `ops`, otherwise NULL. */
const void *memory_store_state(const struct memory *memory, const struct page_store_ops *ops);

/*
 * How many decompressed pages a space keeps at most, SPACE_STORE_PAGES unless told. Beyond them
 * only what copies (space_read() and what builds on it) still reads new ones. Not while other
 * threads use the memory.
 */
#define SPACE_STORE_PAGES 65536
void memory_set_store_pages(struct memory *memory, size_t pages);

#endif
