/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An address space: an image seen through one page map. Knows page tables and page states, nothing of
 * processes. A space is cheap and belongs to one thread at a time: it remembers the tables it walked
 * last, and the pages it decompressed. What it hands out points into the mapping of the image or of a
 * page file, or is a page that it decompressed: it lives as long as the space.
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
	PAGE_DEMAND_ZERO, /* never touched: reads as zeros, holds nothing */
	PAGE_LOST,	  /* what should tell where it is is not present itself */
	PAGE_NO_TABLE,	  /* no page table covers the address */
};

struct page {
	const uint8_t *data; /* its 4096 bytes, or NULL */
	uint64_t frame;	     /* physical address of those bytes, for valid and transition */
	uint64_t entry;	     /* the entry of the page table, as it stands */
	/*
	 * Bytes of the aligned stretch around the address that this answers for: 4096, a large
	 * page's size, or all that a missing table would cover.
	 */
	uint64_t span;
	enum page_state state;
	bool mapped;	/* a valid entry of the page table: the processor would take it */
	bool prototype; /* found by a prototype PTE: a page of a section, shared */
	bool writable, executable; /* by all levels, or by the entry's Protection */
	uint8_t page_file;	   /* for PAGE_PAGEFILE */
	uint64_t page_file_offset; /* in pages */
	bool compressed;	   /* asked of the compressed store */
	/* Why `data` is NULL, where the state alone doesn't say it; static words, or NULL. */
	const char *why;
};

/*
 * `dtb` is what CR3 holds: a physical address, low bits ignored. With PAE it is a multiple of 32,
 * not of a page.
 */
struct space *space_new(const struct memory *memory, uint64_t dtb);
void space_free(struct space *space); /* NULL is fine */
DEFINE_CLEANUP(struct space, space_free)
#define _cleanup_space_ _cleanup_(space_free_p)

const struct memory *space_memory(const struct space *space);
uint64_t space_dtb(const struct space *space);

/*
 * Lets a process's space follow prototype PTEs, which lie in `kernel` (a space of the same thread,
 * which must outlive it; may be the space itself). `find` gives the kernel address of the prototype
 * PTE that the VAD has for a page, 0 when there is none; NULL when VADs are not known.
 */
typedef uint64_t space_find_prototype(void *context, uint64_t address);
void space_set_prototypes(struct space *space, struct space *kernel, space_find_prototype *find,
			  void *context);

/*
 * Makes the space leave out the compressed store: pages in it are not present. For the spaces through
 * which the store's own structures are read, so that no page needs itself.
 */
void space_leave_out_store(struct space *space);

/* Is `address` one that the processor would take: canonical on x64, of 32 bits on x86? */
bool space_canonical(const struct space *space, uint64_t address);

/*
 * Looks a page up. A frame that the image does not hold, or a page file that was not given, leaves
 * `data` NULL, the state as it is.
 */
void space_page(struct space *space, uint64_t address, struct page *page);

/* Reads one prototype PTE at a kernel address, as space_page() would on its way. */
void space_prototype_page(struct space *space, uint64_t prototype, struct page *page);

/*
 * Looks up the page at `address` but for its bytes (`data` stays NULL) and returns how many bytes
 * from the start of that page on it answers for: of all pages in them, up to that of `last`, the
 * same is to be said, apart from `frame` and `entry`. At least a page; not always all such pages.
 */
uint64_t space_run(struct space *space, uint64_t address, uint64_t last, struct page *page);

/*
 * The first address from `address` on, before `end`, whose page may be present (in memory, in a page
 * file); `end` when there is none. What is not is passed over in runs: ranges may be terabytes. Each
 * run counts a step of `budget` (may be NULL); `end` also when it is used up.
 */
uint64_t space_present(struct space *space, uint64_t address, uint64_t end, struct budget *budget);

/* What is said of a page that is looked at in a walk over all tables. */
enum table_answer {
	TABLE_DULL,    /* nothing: nor will it be at another address, or in another space */
	TABLE_NOTABLE, /* nothing, but it may be elsewhere */
	TABLE_STOP,    /* it is what was looked for */
};

/*
 * A walk over all that page maps have. Tables may share tables, to any number of addresses: one all of
 * whose pages are dull is looked at once in all walks, any other once in each space.
 */
struct table_walk {
	enum table_answer (*page)(void *context, uint64_t address, const uint8_t *data);
	void *context;
	struct budget *budget;	   /* of steps; NULL: none */
	struct address_set dull;   /* tables, by level */
	struct address_set looked; /* those of the current space, in which something was notable */
	bool everywhere;	   /* look at the latter wherever they are mapped */
};

/*
 * Calls walk->page() for the pages of `space` from `first` to `last` that are present, upwards.
 * Both are limits of what an entry of the first table covers (2^39 bytes on x64, 2^30 with PAE, 2^22
 * without). Returns whether it was stopped; otherwise budget_exceeded() tells whether it was cut off.
 */
bool space_walk(struct space *space, uint64_t first, uint64_t last, struct table_walk *walk);

/* Forgets what walk->looked has: for another space, or to look once more. */
void table_walk_again(struct table_walk *walk);
void table_walk_free(struct table_walk *walk);

/*
 * Of a view of a section: which pages are the process's own, not those that the section has now?
 * They were written to and copied since, be the copy in memory or paged out, or their entries lead to
 * other prototype PTEs than the view's. The view's `count`
 * pages begin at `address`, its prototype PTEs at `prototype` in the kernel's space. Sets bit i % 64
 * of own[i / 64] for page i; of what can't be told otherwise too. `own` was cleared before.
 */
void space_own_pages(struct space *space, uint64_t address, uint64_t prototype, size_t count,
		     uint64_t *own);

/* Why page->data is NULL, in words: "page file 0 not given". Static, or in `buffer`. */
const char *page_why(const struct page *page, char *buffer, size_t size);

/*
 * The bytes at `address`, zero-copy: a pointer, and in `*available` how many lie there in one
 * piece (to the end of the page). NULL when they are not present.
 */
const uint8_t *space_at(struct space *space, uint64_t address, size_t *available);

/* Copies `size` bytes from `address`, across pages; false (nothing promised) if any is missing. */
bool space_read(struct space *space, uint64_t address, void *buffer, size_t size);

/* One little-endian value; false when it is not present. */
bool space_u16(struct space *space, uint64_t address, uint16_t *value);
bool space_u32(struct space *space, uint64_t address, uint32_t *value);
bool space_u64(struct space *space, uint64_t address, uint64_t *value);

/* A pointer of `size` bytes, 4 or 8. */
bool space_pointer(struct space *space, uint64_t address, unsigned int size, uint64_t *value);

/*
 * A UNICODE_STRING (or UNICODE_STRING32, by pointer size) at `address`, as UTF-8. NULL when the
 * structure or the text is not present or makes no sense; "" when it is empty. The caller frees
 * it.
 */
char *space_unicode_string(struct space *space, uint64_t address, unsigned int pointer_size);

/*
 * Where the text of such a structure is: its address and its length in bytes, 0 when it is empty.
 * False when the structure is not present or makes no sense.
 */
bool space_unicode_place(struct space *space, uint64_t address, unsigned int pointer_size,
			 uint64_t *buffer, uint16_t *length);

/* Such a text as UTF-8; NULL when it is not present. The caller frees it. */
char *space_utf16(struct space *space, uint64_t buffer, uint16_t length);

#endif
