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
 * The compressed store, which the memory then owns (see store.h), and the number of the virtual
 * page file, whose pages it keeps; -1 when that is not known: then a page of any page file that
 * was not given is asked for there too. Without a store (NULL), `why` says in words why such a
 * page is not there: "layout of this build not known". Not while other threads use the memory.
 */
struct store;
void memory_set_store(struct memory *memory, int number, struct store *store, const char *why);
const struct store *memory_store(const struct memory *memory);

/*
 * How many decompressed pages a space keeps at most, SPACE_STORE_PAGES unless told. Beyond them
 * only what copies (space_read() and what builds on it) still reads new ones. Not while other
 * threads use the memory.
 */
#define SPACE_STORE_PAGES 65536
void memory_set_store_pages(struct memory *memory, size_t pages);

#endif
