/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Within the room `imports`: one run over an import directory. */
#ifndef IMPORTS_INTERNAL_H
#define IMPORTS_INTERNAL_H

#include <impscan/imports.h>
#include <impscan/pe_cursor.h>

/* pefile's limits. */
enum {
	THUNKS_MAX = 0x2000,	 /* MAX_IMPORT_SYMBOLS: of all tables together */
	NAME_MAX_LENGTH = 0x200, /* MAX_IMPORT_NAME_LENGTH, MAX_DLL_LENGTH */
	REPEATED_MAX = 15,	 /* MAX_REPEATED_ADDRESSES */
	INVALID_MAX = 1000,	 /* names, from the start of a table */
	ERRORS_MAX = 5,		 /* descriptors that give nothing */
};
#define SPREAD_MAX (UINT64_C(128) << 20) /* MAX_ADDRESS_SPREAD */

/* A table of thunks, by name or by address. */
struct table {
	uint64_t *values;
	size_t count;
	size_t capacity;
};

/* How a table ended. Only TABLE_ENDED and TABLE_ABSENT leave anything in it. */
enum table_end {
	TABLE_ENDED,	 /* by a zero or a limit; may be empty */
	TABLE_DROPPED,	 /* it broke one of pefile's rules */
	TABLE_OUTSIDE,	 /* it ran out of what can be read */
	TABLE_ABSENT,	 /* memory: it ran into a page that is not present or not a table */
	TABLE_ADDRESSES, /* memory: addresses instead of names; the table holds them */
};

/* The values seen in one table: open addressing. A slot of an older generation is free. */
struct value_set {
	struct value_slot {
		uint64_t value;
		uint64_t generation;
	} * slots;
	size_t capacity; /* a power of 2 */
	size_t count;
	uint64_t generation;
};

/* A function's name as it was found. */
struct found {
	enum import_kind kind;
	bool hashed;
	bool bound; /* its entries of the two tables differ */
	uint16_t ordinal;
	uint16_t length;
	const char *data; /* of a name in one piece, else NULL */
	size_t copied;	  /* of another: its offset in `copies` */
};

struct imports_scratch {
	struct table by_name;	 /* OriginalFirstThunk */
	struct table by_address; /* FirstThunk */
	struct value_set set;
	struct found *found;
	size_t found_capacity;
	struct text copies; /* names that lie across pages */
	struct text dll;    /* lower case */
	uint8_t *seen;	    /* pages, see struct pe_cursor */
	size_t seen_size;
};

struct reading {
	struct imports *imports;
	struct imports_scratch *scratch;
	const struct pe *pe;
	struct pe_cursor cursor;
	bool memory;
	size_t thunks;	      /* read so far, of all tables */
	size_t pages_counted; /* of the cursor's, against the budget */
	uint32_t descriptor;  /* the current one's number */
	bool beyond;	/* in memory: behind what ends the list for the loader, anything may lie */
	size_t trouble; /* places that could not be read or make no sense */
	bool stopped;	/* the budget has ended */
	uint64_t zero_page;  /* page number + 1 last found all zero; 0: none */
	uint64_t other_page; /* page number + 1 last found not so */
};

/* One IMAGE_IMPORT_DESCRIPTOR, and how long its tables may be by pefile's rule. */
struct descriptor {
	uint32_t rva;
	uint32_t original_first_thunk;
	uint32_t name;
	uint32_t first_thunk;
	int64_t max_length;
};

/*
 * Reads a table, at most `max_length` bytes. In memory `addresses` says that an address may stand
 * where the file has a name's RVA.
 */
enum table_end table_read(struct reading *r, struct table *table, uint32_t rva, int64_t max_length,
			  bool addresses);

/*
 * Reads both tables and the names of a descriptor: `found` of the scratch, one for each thunk, and
 * how many; `*kept` of them are to be hashed.
 */
size_t thunks_read(struct reading *r, const struct descriptor *d, size_t *kept);

/* Adds `count` thunks of a descriptor to the list. `dll` is NULL when its name can't be read. */
void names_add(struct reading *r, const struct descriptor *d, size_t count, const char *dll,
	       size_t dll_length);

/*
 * A DLL's name as the hashed string has it: `low` becomes the name in lower case, or "*invalid*";
 * returns how much of it stands before the dot.
 */
size_t names_library(struct text *low, const char *dll, size_t length);

/*
 * Adds "lib.func", after a comma where it is not the first; `name` NULL: of an ordinal. False when
 * pefile's rules leave such an import out.
 */
bool names_append(struct text *text, const struct text *low, size_t library, const char *name,
		  uint32_t ordinal);

/* pefile's ideas of a function's name and of a file name. */
bool names_valid_function(const char *name, size_t length);
bool names_valid_dll(const char *name, size_t length);

/*
 * In memory: is this what a page left that holds something else by now? Names have no characters
 * but printable ASCII. pefile passes others over, and would do so in the file; but better no hash
 * than another one.
 */
bool names_garbage(const char *name, size_t length);

/* Notes a place of memory that is not there, or that can't be what the file holds. */
void trouble_absent(struct reading *r, const char *what, uint64_t rva);
void trouble_damage(struct reading *r, const char *what, uint64_t rva, const char *why);

/* Is the page of an RVA there and nothing but zeros? */
bool page_is_zero(struct reading *r, uint64_t rva);

#endif
