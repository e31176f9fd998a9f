/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An address space: an image seen through one page map. Translates virtual addresses, finds pages
 * that are not valid (in transition, in page files, in the compressed store, of sections) and reads
 * bytes. Knows nothing of processes.
 *
 * A space is cheap, and belongs to one thread at a time: it remembers the tables and pages that it
 * used last. Pointers to bytes that it returns are valid as long as the space: they point into the
 * mapping of the image or of a page file, or to a page that the space decompressed and owns.
 *
 * Room: memory.
 */
#ifndef IMPSCAN_SPACE_H
#define IMPSCAN_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/address_set.h>
#include <impscan/budget.h>
#include <impscan/cleanup.h>
#include <impscan/memory.h>

struct space;

/* Where a page is. */
enum page_state {
	PAGE_VALID,
	PAGE_TRANSITION,  /* trimmed from the working set, the frame still holds it */
	PAGE_PAGEFILE,	  /* written to a page file, or to the compressed store */
	PAGE_FILE,	  /* only in the mapped file on disk */
	PAGE_DEMAND_ZERO, /* never touched: reads as zeros, has no contents */
	PAGE_LOST,	  /* not known: the prototype PTE is not present */
	PAGE_NO_TABLE,	  /* not mapped, or the page table is not present */
	PAGE_LEFT_OUT,	  /* the process uses it, but the dump of the process lacks it */
};

struct page {
	const uint8_t *data; /* its 4096 bytes, or NULL */
	uint64_t frame;	     /* physical address of those bytes, when valid or in transition */
	uint64_t entry;	     /* the last entry that the walk read, unchanged; 0: none */
	/*
	 * The size in bytes of the aligned range around the address that is mapped, or not mapped,
	 * by that entry: 4096, a large page's size, or what a missing table would cover.
	 */
	uint64_t span;
	enum page_state state;
	bool mapped;		   /* by a valid entry: the processor would use it */
	bool prototype;		   /* found through a prototype PTE: a page of a section, shared */
	bool writable, executable; /* by all levels; when not valid, by Protection */
	uint8_t page_file;	   /* for PAGE_PAGEFILE: its number */
	uint64_t page_file_offset; /* and the page's number in it */
	bool compressed;	   /* the compressed store was asked for it */
	const char *why; /* why `data` is NULL, if `state` doesn't say it; static words, or NULL */
};

/*
 * `dtb` is the value of CR3: a physical address, low bits ignored. With PAE it is a multiple of 32,
 * else of a page. `memory` must outlive the space. The caller frees the result.
 */
struct space *space_new(const struct memory *memory, uint64_t dtb);
void space_free(struct space *space); /* NULL is allowed */
DEFINE_CLEANUP(struct space, space_free)
#define _cleanup_space_ _cleanup_(space_free_p)

const struct memory *space_memory(const struct space *space);
uint64_t space_dtb(const struct space *space);

/* The kernel address of the prototype PTE that the VAD has for the page at `address`; 0: none. */
typedef uint64_t space_find_prototype(void *context, uint64_t address);

/*
 * Makes the space follow prototype PTEs. They are read through `kernel`, a space of the same thread
 * that must outlive this one (and may be this one). `find` is asked for entries that leave it to
 * the VAD, and is passed `context`; NULL when no VADs are known.
 */
void space_set_prototypes(struct space *space, struct space *kernel, space_find_prototype *find,
			  void *context);

/*
 * Makes the space leave out the compressed store: pages in it are not present. For the spaces
 * through which the store's own structures are read, so that no page needs itself.
 */
void space_leave_out_store(struct space *space);

/* Can the processor use `address`? On x64 it must be canonical, on x86 have 32 bits. */
bool space_canonical(const struct space *space, uint64_t address);

/*
 * Looks up the page at `address` and its bytes. `page->data` is NULL when the image does not have
 * the frame, or the page file was not given; the state is as the entry says nevertheless.
 */
void space_page(struct space *space, uint64_t address, struct page *page);

/*
 * Looks up the page of a prototype PTE, by the kernel address of that. The caller initialises
 * `*page` with zeros; `entry` and `span` stay as they are.
 */
void space_prototype_page(struct space *space, uint64_t prototype, struct page *page);

/*
 * Looks up the page at `address` without its bytes (`page->data` is NULL), and how far pages like
 * it go
 * on: the number of bytes returned, counted from the start of that page. In them, but for those
 * behind the page of `last`, all pages have the same state, rights and flags; `frame` and `entry`
 * may differ. It is at least a page, and may be less than all such pages.
 */
uint64_t space_run(struct space *space, uint64_t address, uint64_t last, struct page *page);

/*
 * The first address from `address` to `end` whose page may be present, in memory or in a page file;
 * `end` when there is none. Ranges may be terabytes: pages that are not present are passed over in
 * runs. Spends a step of `budget` (NULL: no limit) for a run, and returns `end` when it is used up.
 */
uint64_t space_present(struct space *space, uint64_t address, uint64_t end, struct budget *budget);

/* The same; pages from there to `*run_end` may all be present, and need not be asked for. */
uint64_t space_present_run(struct space *space, uint64_t address, uint64_t end,
			   struct budget *budget, uint64_t *run_end);

/* The answer about a page in a walk over all tables. */
enum table_answer {
	TABLE_DULL,    /* nothing here, whatever the address or the space */
	TABLE_NOTABLE, /* nothing here, but there may be at another address or in another space */
	TABLE_STOP,    /* found: end the walk */
};

/*
 * A walk over all tables of page maps. Zero-initialise it, set `page` and what else is needed, and
 * free it with table_walk_free(); one may be used for several spaces.
 *
 * A hostile map can lead to the same table from any number of addresses. So a table all of whose
 * pages are dull is looked at once in the whole walk, every other one once in each space.
 */
struct table_walk {
	enum table_answer (*page)(void *context, uint64_t address, const uint8_t *data);
	void *context;
	struct budget *budget;	   /* of steps; NULL: no limit */
	struct address_set dull;   /* tables without anything notable, by level */
	struct address_set looked; /* the other tables of this space */
	bool everywhere;	   /* look at those of `looked` at each of their addresses */
};

/*
 * Calls walk->page() for the pages of `space` from `first` to `last` that are present, in ascending
 * order. Both must be at the limits of what an entry of the first table covers (2^39 bytes on x64,
 * 2^30 with PAE, 2^22 without). Returns whether TABLE_STOP ended it; otherwise
 * budget_exceeded(walk->budget) says whether it was cut off.
 */
bool space_walk(struct space *space, uint64_t first, uint64_t last, struct table_walk *walk);

/* Empties walk->looked, to walk another space, or the same once more. */
void table_walk_again(struct table_walk *walk);
void table_walk_free(struct table_walk *walk);

/*
 * Finds the pages of a section's view that are the process's own rather than the section's: those
 * that were written to and copied (the copy in memory or paged out), and those whose entries lead
 * to other prototype PTEs than the view's. A page that can't be told otherwise counts as the
 * process's own.
 *
 * address: of the view's first page, `count` pages in all
 * prototype: the kernel address of the first page's prototype PTE
 * own: bit i % 64 of own[i / 64] is set for page i; the caller clears it before
 */
void space_own_pages(struct space *space, uint64_t address, uint64_t prototype, size_t count,
		     uint64_t *own);

/* Says in words why page->data is NULL: "page file 0 not given". Static, or in `buffer`. */
const char *page_why(const struct page *page, char *buffer, size_t size);

/*
 * The bytes at `address`, not copied, and in `*available` how many there are up to the end of the
 * page. NULL when they are not present.
 */
const uint8_t *space_at(struct space *space, uint64_t address, size_t *available);

/*
 * Copies `size` bytes from `address`, across pages. False when any is not present; then the
 * contents of `buffer` are undefined.
 */
bool space_read(struct space *space, uint64_t address, void *buffer, size_t size);

/* Reads a little-endian number. False when it is not present; then `*value` is unchanged. */
bool space_u16(struct space *space, uint64_t address, uint16_t *value);
bool space_u32(struct space *space, uint64_t address, uint32_t *value);
bool space_u64(struct space *space, uint64_t address, uint64_t *value);

/* The same for a pointer of `size` bytes, 4 or 8. */
bool space_pointer(struct space *space, uint64_t address, unsigned int size, uint64_t *value);

/*
 * The text of the UNICODE_STRING (with pointers of 8 bytes) or UNICODE_STRING32 (of 4) at
 * `address`, as UTF-8; "" when it is empty. NULL when the structure or the text is not present, or
 * the length is odd or there is no buffer. The caller frees it.
 */
char *space_unicode_string(struct space *space, uint64_t address, unsigned int pointer_size);

/*
 * Where the text of such a structure lies: its address, and its length in bytes, 0 when it is
 * empty. False when the structure is not present, the length is odd or there is no buffer.
 */
bool space_unicode_place(struct space *space, uint64_t address, unsigned int pointer_size,
			 uint64_t *buffer, uint16_t *length);

/* `length` bytes of UTF-16 at `buffer` as UTF-8; NULL when not present. The caller frees it. */
char *space_utf16(struct space *space, uint64_t buffer, uint16_t length);

#endif
