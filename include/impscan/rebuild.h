/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The REBUILT import list of a module or a region: what its address tables show, even where the
 * import directory is gone.
 *
 * For each slot the most reliable source is used. These are, in this order: names in the import
 * directory; addresses under a descriptor whose names are gone; tables that are found by comparing
 * every aligned pointer with the exports of the process's modules; single slots that code uses.
 *
 * The list of the original file can't always be told from memory: a module may have tables that it
 * filled at run time, and Microsoft's linker gives the directory another order than the address
 * tables. So there are several lists, the most probable one first: print that one, and match all.
 *
 * Words:
 *
 * slot		one pointer of an address table
 * area		what is searched: a module, or a region without headers
 * hooked	of a slot: it does not lead directly to the export that it names
 * clean page	a page that is not present, or has no pointer, at any multiple of 4 bytes, that
 *		leads into the range of the map's modules and out of the area
 * settled list	a rebuilt list that is the declared list, complete and without hooks or other tables
 *
 * Room: rebuild.
 */
#ifndef IMPSCAN_REBUILD_H
#define IMPSCAN_REBUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/budget.h>
#include <impscan/export_map.h>
#include <impscan/imports.h>
#include <impscan/pe.h>
#include <impscan/text.h>

/*
 * How the memory of a process is read, by one thread. The caller of the functions below fills it
 * in, and keeps the bytes valid that at() returns until they return.
 */
struct rebuild_memory {
	/*
	 * Returns the bytes at `address`; NULL when they are not present. `*available` receives how
	 * many there are in one piece, at least to the end of the page.
	 */
	const uint8_t *(*at)(const struct rebuild_memory *memory, uint64_t address,
			     size_t *available);
	/*
	 * Returns the first address from `address` on whose page may be present; `end` when there
	 * is none before it. It skips reserved ranges, which may be terabytes. NULL: all pages may
	 * be.
	 */
	uint64_t (*present)(const struct rebuild_memory *memory, uint64_t address, uint64_t end);
	/*
	 * The same, but next() may also skip pages that were found clean before: in this process,
	 * or in another one that has the same bytes there, the same module, and a map with the same
	 * range (export_map_set_range()). found_clean() is called for each clean page; with
	 * pointers of 4 bytes for each that has no pointer to an export of the map, and looking at
	 * pages is counted by the caller, REBUILT_PAGE_STEPS each. Both may be NULL: then no page
	 * is skipped.
	 */
	uint64_t (*next)(const struct rebuild_memory *memory, uint64_t address, uint64_t end);
	void (*found_clean)(const struct rebuild_memory *memory, uint64_t address);
	struct budget *budget; /* for all work; NULL: unlimited */
	void *context;	       /* for the functions */
};

#define REBUILT_PAGE_STEPS 10

/* What an import is known by. */
enum rebuilt_source {
	REBUILT_NAMES, /* its name in the import directory */
	REBUILT_IAT,   /* its address in a table of the directory, or that the header names */
	REBUILT_TABLE, /* its address in a table that was found */
	REBUILT_CALL,  /* its address in a single slot that code uses */
};
#define REBUILT_SOURCES 4

/* Returns "names", "iat", "table" or "call". */
const char *rebuilt_source_name(enum rebuilt_source source);

#define REBUILT_NO_TABLE UINT32_MAX

/* One slot of a table. For its names ask rebuilt_dll() and rebuilt_name(). */
struct rebuilt_entry {
	uint64_t slot;	 /* address of the slot */
	uint64_t value;	 /* the pointer in it; 0 when it is not present */
	uint64_t target; /* address of the export; 0: unknown */
	enum rebuilt_source source;
	enum import_kind kind; /* IMPORT_UNKNOWN: the slot leads to no export */
	bool hooked;
	bool present;	  /* the slot could be read */
	uint16_t ordinal; /* if IMPORT_ORDINAL */
	uint32_t
		group; /* slots that follow each other and belong to one DLL have the same number */
	uint32_t table; /* number of its table, or REBUILT_NO_TABLE */
	uint32_t dll;	/* offset in `names` of struct rebuilt */
	uint32_t name;	/* the same, if IMPORT_NAME */
};

/* An address table. */
struct rebuilt_table {
	uint64_t start, end; /* addresses */
	size_t first, count; /* its entries */
	size_t imports;	     /* entries that have a name or an ordinal */
	bool directory;	     /* it consists of the slots of the import directory */
	bool outside;	     /* it lies outside the area, which refers to it */
	bool elsewhere;	     /* its memory belongs to other code: regions do not take it */
	uint32_t section;    /* number of its section; UINT32_MAX: unknown */
};

/* A list to be hashed. */
struct rebuilt_list {
	struct text string; /* in the same form as that of struct imports */
	size_t count;	    /* imports in it */
	const char *what;   /* how it was made, "in the order of the tables"; static */
	/* Numbers of the entries in it, in its order. None: it is a copy of the declared list. */
	uint32_t *order;
	size_t order_count, order_capacity;
};

#define REBUILT_LISTS_MAX 8

/* The result. All zero is an empty one. Release it with rebuilt_free(). */
struct rebuilt {
	struct rebuilt_entry *entries; /* the directory's in its order, then by address */
	size_t count;
	size_t capacity;
	struct rebuilt_table *tables;
	size_t table_count;
	size_t table_capacity;
	/* The most probable one first; no two are equal, and none is empty. */
	struct rebuilt_list lists[REBUILT_LISTS_MAX];
	size_t list_count;
	size_t sources[REBUILT_SOURCES]; /* entries with a name or ordinal, by source */
	size_t hooked;			 /* entries that are hooked */
	size_t unknown;			 /* slots that lead to no export */
	size_t pages;			 /* of the area that were wanted ... */
	size_t pages_found; /* ... and those of them that are present: the others may have slots */
	/* The first list is not the declared one. Hooks alone don't make it differ. */
	bool differs;
	/*
	 * Why a part of the area was left out, a static sentence; then there are no lists. Else
	 * NULL.
	 */
	const char *cut;
	struct text names;		 /* names of the entries, each with its NUL */
	struct rebuild_scratch *scratch; /* memory kept from call to call */
};

/* What is searched: a module, or a region without headers. */
struct rebuild_area {
	uint64_t base;
	uint64_t size; /* in bytes */
	/* Its headers; NULL: none. They are ignored unless their status is PE_OK. */
	const struct pe *pe;
	/* What imports_declared() made of `pe`, with keep_entries; NULL: nothing. */
	const struct imports *declared;
	/*
	 * Tables that rebuild_private() found; NULL: none. Where the import directory has no slots,
	 * the area gets those to which it refers; without headers none that is marked as of
	 * `elsewhere`.
	 */
	const struct rebuilt *others;
	bool counted; /* the search of its pages has been counted against the budget */
	bool data;    /* nothing tells that it is code: only tables in it count */
};

/*
 * Rebuilds the list of an area.
 *
 * rebuilt	all zero, or used before (its memory is kept)
 * map		the modules of the process, finished, of the area's pointer size
 */
void rebuild(struct rebuilt *rebuilt, const struct export_map *map,
	     const struct rebuild_memory *memory, const struct rebuild_area *area);

/*
 * Adds the tables of a range of private data, such as a heap, to `rebuilt`, without making lists.
 * Call it for each range of a process, beginning with an empty `rebuilt`, and use the result as
 * `others`.
 */
void rebuild_private(struct rebuilt *rebuilt, const struct export_map *map,
		     const struct rebuild_memory *memory, uint64_t start, uint64_t size);

/*
 * A settled list of one process, to be compared with the same module of another process that maps
 * the same pages with the import directory and its names. Any number of threads may use it.
 */
struct settled;

/*
 * Returns what rebuild() made of an area, if that is a settled list; else NULL. Release with
 * settled_free().
 */
struct settled *settled_new(const struct rebuilt *rebuilt, const struct export_map *map,
			    const struct rebuild_area *area);
void settled_free(struct settled *settled); /* NULL is fine */

/* Returns the bytes of memory that it takes, without the export tables. */
size_t settled_memory(const struct settled *settled);

/*
 * Would rebuild() find the same settled list in this area? area->declared is not used. `rebuilt` is
 * only working memory: when false is returned, call rebuild().
 */
bool settled_holds(const struct settled *settled, struct rebuilt *rebuilt,
		   const struct export_map *map, const struct rebuild_memory *memory,
		   const struct rebuild_area *area);

/* Returns the DLL as an import would name it, "kernel32.dll"; "": unknown. Belongs to `rebuilt`. */
const char *rebuilt_dll(const struct rebuilt *rebuilt, const struct rebuilt_entry *entry);

/* Returns the function; NULL unless IMPORT_NAME. Belongs to `rebuilt`. */
const char *rebuilt_name(const struct rebuilt *rebuilt, const struct rebuilt_entry *entry);

/* Limits of the result of one area, or of one process's private data. Beyond them `cut` is set. */
#define REBUILT_ENTRIES_MAX (1u << 17)
#define REBUILT_TEXT_MAX    (4u << 20) /* bytes of all names, or of one list */

/* Empties `rebuilt`, keeping its memory. */
void rebuilt_clear(struct rebuilt *rebuilt);

/* Releases everything. `rebuilt` is all zero afterwards. */
void rebuilt_free(struct rebuilt *rebuilt);
#define _cleanup_rebuilt_ __attribute__((cleanup(rebuilt_free)))

#endif
