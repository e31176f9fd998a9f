/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the memory room: what its files share.
 *
 *	memory.c       struct memory: setting it up
 *	space.c        looking up pages, through prototype PTEs and tables that are not valid; bytes
 *	values.c       numbers and texts, read through a space
 *	many_pages.c   questions about many pages at once
 *	tables.c       walking all tables of a page map
 *	ranges.c       the other kind of translation: a dump of a process has no page tables
 *	x86.c, pae.c, x64.c
 *	               the processor's translation, a file for each kind of page tables
 *	wide.c         what pae.c and x64.c have in common
 *	entry.c        decoding entries that are not valid
 *	entry_votes.c  statistics over such entries, for InvalidPteMask
 *	page_file.c    page files that were given
 *	stored_pages.c the pages that a space has from the compressed store
 */
#ifndef MEMORY_PAGING_H
#define MEMORY_PAGING_H

#include <impscan/entry.h>
#include <impscan/memory.h>
#include <impscan/space.h>

struct memory {
	const struct image *image;
	enum paging paging;
	const struct paging_operations *operations;
	struct entry_format format;
	uint64_t last; /* the highest address that the image holds */
	struct page_file page_files[PAGE_FILES];
	const struct page_store_ops *store; /* NULL: there is none */
	void *store_state;
	int store_number;	     /* of the virtual page file; -1: not known */
	const char *store_why;	     /* why there is none */
	size_t store_pages;	     /* that a space keeps at most */
	struct memory_range *ranges; /* see memory_set_ranges() */
	size_t range_count;
	bool ranges_known;
	unsigned int
		generation; /* counts changes after which spaces must forget what they remember */
};

/* How many last-level tables a space remembers; a power of two. */
#define SPACE_TABLES 64

/* A last-level table, found by the bits of the address above those that index it. */
struct space_table {
	uint64_t tag; /* those bits + 1; 0: empty */
	const uint8_t *entries;
	bool writable, executable;
};

struct stored_pages;

/* How many pages a space remembers the bytes of; a power of two. */
#define SPACE_PAGES 256

/* Where the bytes of a page are. */
struct space_bytes {
	uint64_t tag; /* its number + 1; 0: empty */
	const uint8_t *data;
};

struct space {
	const struct memory *memory;
	uint64_t dtb;
	unsigned int generation; /* the memory's, when `pages` and `tables` were filled */
	struct space_bytes pages[SPACE_PAGES];
	struct space *kernel; /* where prototype PTEs lie; NULL: not followed */
	space_find_prototype *find_prototype;
	void *find_context;
	struct space_table tables[SPACE_TABLES];
	size_t range;		     /* the number of the memory's range that was used last */
	bool without_store;	     /* see space_leave_out_store() */
	struct stored_pages *stored; /* decompressed pages; NULL until the first */
};

struct paging_operations {
	const char *name;
	unsigned int entry_size;  /* 4 or 8 */
	struct entry_field frame; /* in transition, as in every kernel of this kind */
	uint64_t frame_mask;	  /* of a valid entry */
	uint64_t rights;	  /* bits of a valid entry: valid, and the page's rights */
	uint64_t address_mask;	  /* virtual addresses */
	/*
	 * The first table: how far an address is shifted to index it, and how many entries it has.
	 */
	unsigned int top_shift;
	unsigned int top_entries;
	unsigned int large_shift; /* that of the highest level with large pages */
	/* The first table itself; NULL: not present. */
	const uint8_t *(*top)(const struct space *space);
	/* The physical address in the entry of a large page, of a level with that shift. */
	uint64_t (*large_frame)(uint64_t entry, unsigned int shift);
	bool top_moves; /* the tables behind the first one's entries may be trimmed and paged out */
	/*
	 * Walks the tables for a canonical address and sets page->entry and page->span. For a valid
	 * page also the state, frame, mapped and rights. For another one the state is PAGE_NO_TABLE
	 * when a table is missing, otherwise PAGE_LOST, until the entry is decoded.
	 */
	void (*walk)(struct space *space, uint64_t address, struct page *page);
	/*
	 * As space_run(), for an address that begins a page; NULL: whole page tables tell.
	 */
	uint64_t (*run)(struct space *space, uint64_t address, uint64_t last, struct page *page);
	bool (*canonical)(uint64_t address);
};

extern const struct paging_operations paging_x86;
extern const struct paging_operations paging_pae;
extern const struct paging_operations paging_x64;
extern const struct paging_operations paging_ranges;

/* Forgets the tables and pages that were remembered before the memory last changed. */
void space_refresh(struct space *space);

/* Looks up a page, without its bytes. */
void space_look_up(struct space *space, uint64_t address, struct page *page);

/* The last-level table of an address, if the space remembers it; NULL if not. */
static inline const struct space_table *space_known_table(const struct space *space,
							  uint64_t address)
{
	uint64_t span = PAGE_SIZE * (PAGE_SIZE / space->memory->operations->entry_size);
	const struct space_table *known = &space->tables[address / span % SPACE_TABLES];
	return known->tag == address / span + 1 ? known : NULL;
}

/*
 * Finds the bytes of a page by its state, frame and page file, and sets page->data and page->why. A
 * page from the compressed store is kept by the space. When that keeps as many as it may, the page
 * is written to `buffer` instead, or, if that is NULL, not read.
 */
void page_find(struct space *space, struct page *page, uint8_t *buffer);

/* page_find() for a page in the compressed store. */
void stored_page_find(struct space *space, struct page *page, uint8_t *buffer);
void stored_pages_free(struct stored_pages *stored);

void page_files_close(struct memory *memory);

/*
 * The 4096 bytes of a lower table, by an upper entry that is not valid: tables are trimmed and
 * paged out as other pages are. NULL when they are not present. They are the image's or the
 * space's.
 */
const uint8_t *space_table_behind(struct space *space, uint64_t entry);

#endif
