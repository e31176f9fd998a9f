/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The REBUILT import list of a module or a region: what its address tables say, whatever became of
 * the import directory.
 *
 * Slot by slot the most trusted source counts: the names of the import directory (what the loader
 * was asked for), then addresses below a descriptor whose names are gone, then tables found by
 * looking at every aligned pointer, then single slots that code calls through.
 *
 * What the original file's list was can't always be told from memory: a module may have tables it
 * filled at run time, and Microsoft's linker orders the directory otherwise than the address tables.
 * Therefore there are several `lists`, the most probable one first: print that, and match all.
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

/* A process's memory, as one thread sees it. The owner keeps pointers valid during a call. */
struct rebuild_memory {
	/*
	 * The bytes at `address` and in `*available` how many lie there in one piece (at least to
	 * the end of the page or of the memory); NULL when they are not present.
	 */
	const uint8_t *(*at)(const struct rebuild_memory *memory, uint64_t address,
			     size_t *available);
	/*
	 * The first address from `address` on, before `end`, whose page may be present; `end` when
	 * there is none. NULL: at() is asked page by page. Reserved ranges may be terabytes.
	 */
	uint64_t (*present)(const struct rebuild_memory *memory, uint64_t address, uint64_t end);
	/*
	 * Both may be NULL. found_clean() tells that the page at `address` is not present, or holds
	 * no pointer into the map's range but to the area itself, at no multiple of 4 bytes. next()
	 * gives the first address from `address` on, before `end`, whose page is worth looking at,
	 * `end` when none is: it may pass over pages that were found clean before, in this process or
	 * in another one that has the same bytes there, the same module, and a map of the same range
	 * (export_map_set_range()).
	 */
	uint64_t (*next)(const struct rebuild_memory *memory, uint64_t address, uint64_t end);
	void (*found_clean)(const struct rebuild_memory *memory, uint64_t address);
	struct budget *budget; /* what looking may cost; NULL: not bounded */
	void *context;
};

enum rebuilt_source {
	REBUILT_NAMES, /* its name in the import directory */
	REBUILT_IAT,   /* its address; the DLL by the import directory */
	REBUILT_TABLE, /* its address in a table */
	REBUILT_CALL,  /* its address in a slot that code names */
};
#define REBUILT_SOURCES 4

/* "names", "iat", "table", "call" */
const char *rebuilt_source_name(enum rebuilt_source source);

#define REBUILT_NO_TABLE UINT32_MAX

/* One import. Names: rebuilt_dll(), rebuilt_name(). */
struct rebuilt_entry {
	uint64_t slot;	 /* address of its slot */
	uint64_t value;	 /* what the slot holds; 0 when it is not present */
	uint64_t target; /* the export's address; 0 when unknown */
	enum rebuilt_source source;
	enum import_kind kind; /* IMPORT_UNKNOWN: the slot leads to no export */
	bool hooked;	       /* the slot does not lead straight to what it names */
	bool present;	       /* the slot could be read */
	uint16_t ordinal;      /* of IMPORT_ORDINAL */
	uint32_t group;	       /* entries of one DLL in one piece have the same number */
	uint32_t table;	       /* its number in `tables`, or REBUILT_NO_TABLE */
	uint32_t dll;
	uint32_t name;
};

/* Slots that belong together. */
struct rebuilt_table {
	uint64_t start, end;
	size_t first, count; /* its entries */
	size_t imports;	     /* those that have a name or an ordinal */
	bool directory;	     /* it is the one that the import directory describes */
	bool outside;	     /* it lies outside the module, which refers to it */
	uint32_t section;    /* its number in the section table; UINT32_MAX: unknown */
};

/* A list to be hashed, in exactly the form of struct imports' `string`. */
struct rebuilt_list {
	struct text string;
	size_t count;
	const char *what; /* in words: "tables of section 2, kernel32 first" */
};

#define REBUILT_LISTS_MAX 8

struct rebuilt {
	struct rebuilt_entry *entries; /* the directory's in its order, then by slot */
	size_t count;
	size_t capacity;
	struct rebuilt_table *tables;
	size_t table_count;
	size_t table_capacity;
	/* The most probable first, no two equal, none empty. */
	struct rebuilt_list lists[REBUILT_LISTS_MAX];
	size_t list_count;
	size_t sources[REBUILT_SOURCES]; /* entries by source, those with a name or ordinal */
	size_t hooked;
	size_t unknown;	    /* slots that lead to no export */
	size_t pages;	    /* of the area that were looked at ... */
	size_t pages_found; /* ... and those present: slots may lie in the others */
	/* The first list is another than the declared one: not by hooks, which keep their names. */
	bool differs;
	/* Why not all could be looked at, in words: then there are no lists. NULL: all was. Static. */
	const char *cut;
	struct text names;
	struct rebuild_scratch *scratch; /* memory kept from call to call */
};

/* What is to be looked at. */
struct rebuild_area {
	uint64_t base;
	uint64_t size;
	const struct pe
		*pe; /* its headers, or NULL; those with another status than PE_OK count not */
	/* imports_declared() of `pe` with keep_entries, or NULL. */
	const struct imports *declared;
	/*
	 * Tables found in private memory of the process (rebuild_private()), or NULL. Where the import
	 * directory gives nothing, those that this area refers to belong to it.
	 */
	const struct rebuilt *others;
	bool counted; /* looking at its pages was counted against the budget already */
};

/*
 * Rebuilds the list of a module or of a region without any header. `rebuilt` may be a used one (its
 * memory is kept) or all zero; release it with rebuilt_free(). `map` must be finished, and of the
 * area's pointer size.
 */
void rebuild(struct rebuilt *rebuilt, const struct export_map *map,
	     const struct rebuild_memory *memory, const struct rebuild_area *area);

/*
 * Adds the tables of a piece of private data (heap, writable private region) to `rebuilt`: call it
 * for each, starting from an empty one; then set `others`. No lists are made.
 */
void rebuild_private(struct rebuilt *rebuilt, const struct export_map *map,
		     const struct rebuild_memory *memory, uint64_t start, uint64_t size);

/*
 * What one process's module came to, for the next process that maps the same pages with its import
 * directory and names: NULL unless the list is settled, see rebuild/settled.c.
 */
struct settled;
struct settled *settled_new(const struct rebuilt *rebuilt, const struct export_map *map,
			    const struct rebuild_area *area);
void settled_free(struct settled *settled);
size_t settled_memory(const struct settled *settled); /* bytes, without the export tables */

/*
 * Would rebuild() say of the area what it said before: that the declared list is the whole list,
 * without hooks? area->declared is not needed. False also means that `rebuilt` is to be made anew.
 * For any number of threads.
 */
bool settled_holds(const struct settled *settled, struct rebuilt *rebuilt,
		   const struct export_map *map, const struct rebuild_memory *memory,
		   const struct rebuild_area *area);

/* The DLL as an import would name it, "kernel32.dll"; "" when unknown. */
const char *rebuilt_dll(const struct rebuilt *rebuilt, const struct rebuilt_entry *entry);

/* The function; NULL unless IMPORT_NAME. */
const char *rebuilt_name(const struct rebuilt *rebuilt, const struct rebuilt_entry *entry);

/*
 * Limits of what is kept of one area, or of the private tables of one process: beyond them
 * rebuilt->cut is set.
 */
#define REBUILT_ENTRIES_MAX (1u << 17)
#define REBUILT_TEXT_MAX    (4u << 20) /* bytes of all names, or of one list */

/* Empties it, keeping its memory. */
void rebuilt_clear(struct rebuilt *rebuilt);
void rebuilt_free(struct rebuilt *rebuilt);
#define _cleanup_rebuilt_ __attribute__((cleanup(rebuilt_free)))

#endif
