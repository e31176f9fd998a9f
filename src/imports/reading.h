/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room imports: the state of reading one import directory. */
#ifndef IMPORTS_READING_H
#define IMPORTS_READING_H

#include <impscan/hash_table.h>
#include <impscan/imports.h>
#include <impscan/pe_cursor.h>

/* pefile's limits. */
enum {
	THUNKS_MAX = 0x2000,	 /* MAX_IMPORT_SYMBOLS: of all tables together */
	NAME_MAX_LENGTH = 0x200, /* MAX_IMPORT_NAME_LENGTH, MAX_DLL_LENGTH */
	REPEATED_MAX = 15,	 /* MAX_REPEATED_ADDRESSES */
	INVALID_MAX = 1000,	 /* invalid names in a row, from the start of a table */
	ERRORS_MAX = 5,		 /* descriptors without any import */
};
#define SPREAD_MAX (UINT64_C(128) << 20) /* MAX_ADDRESS_SPREAD */

/* The thunks of one table: OriginalFirstThunk's or FirstThunk's. */
struct thunk_table {
	uint64_t *values;
	size_t count;
	size_t capacity;
};

/*
 * The set of values that one table has had so far. A place whose generation is not the set's is
 * free, so that emptying the set costs nothing.
 */
struct value_set {
	struct hash_table table; /* of struct value_place */
	uint64_t generation;
	uint64_t wanted; /* the value that is looked for */
};

struct value_place {
	uint64_t value;
	uint64_t generation;
};

/* One thunk as it was read. */
struct thunk {
	enum import_kind kind;
	bool hashed; /* it belongs into the hashed string if its DLL has a name */
	bool bound;  /* its values in the two tables differ */
	uint16_t ordinal;
	uint16_t length;  /* of the name, without NUL */
	const char *data; /* the name where it lies in one piece; else NULL, see `copied` */
	size_t copied;	  /* offset in `copies` of a name that crosses a page's end */
};

/* Memory kept from one directory to the next. */
struct imports_scratch {
	struct thunk_table by_name;    /* OriginalFirstThunk */
	struct thunk_table by_address; /* FirstThunk */
	struct value_set set;
	struct thunk *thunks; /* of the current descriptor */
	size_t thunk_capacity;
	struct text copies; /* names that cross a page's end, each with its NUL */
	struct text dll;    /* the current DLL's name in lower case */
	uint8_t *seen;	    /* a bit for each page, see struct pe_cursor */
	size_t seen_size;
};

/* Reading one import directory. */
struct import_reading {
	struct imports *imports;
	struct imports_scratch *scratch;
	const struct pe *pe;
	struct pe_cursor cursor;
	bool memory;	      /* of a mapped module; else of a file */
	size_t thunks;	      /* read so far, of all tables */
	size_t pages_counted; /* of the cursor's pages: counted against the budget */
	uint32_t descriptor;  /* number of the current one */
	bool beyond;	      /* in memory: the loader stopped before, so anything may lie here */
	size_t trouble;	      /* places that could not be read or make no sense */
	bool stopped;	      /* the budget is used up */
	bool names_base_tried;
	uint64_t names_base; /* see names_rva(); 0: not known */
	uint64_t zero_page;  /* number + 1 of the page last found to be all zero; 0: none */
	uint64_t other_page; /* number + 1 of the page last found not to be */
};

/* One IMAGE_IMPORT_DESCRIPTOR. */
struct descriptor {
	uint32_t rva;
	uint32_t original_first_thunk;
	uint32_t name;
	uint32_t first_thunk;
	int64_t max_length; /* bytes that pefile lets its tables have */
};

/*
 * Reads both tables of a descriptor and the names that they lead to, into `thunks` of the scratch.
 * Returns how many there are; `*kept` of them are to be hashed. In thunks.c.
 */
size_t thunks_read(struct import_reading *r, const struct descriptor *d, size_t *kept);

/*
 * Is an entry of a name table one that the kernel's loader made an address: of a kernel module, and
 * neither an RVA nor an ordinal? In name_addresses.c.
 */
bool names_is_address(const struct import_reading *r, uint64_t value);

/*
 * Gives the RVA that such an entry had in the file. Returns false where that is not certain. In
 * name_addresses.c.
 */
bool names_rva(struct import_reading *r, uint64_t value, uint64_t *rva);

/*
 * Adds the first `count` thunks of the scratch to the list, as imports of `dll`. `dll` is NULL when
 * the name can't be read: then they have entries, but no part in the hashed string. In
 * import_names.c.
 */
void names_add(struct import_reading *r, const struct descriptor *d, size_t count, const char *dll,
	       size_t dll_length);

/*
 * Note that something of the directory is not present, or can't be what the file holds there: the
 * list will be partial. `what` names it, "import table"; `why` is a sentence's end. In trouble.c.
 */
void trouble_absent(struct import_reading *r, const char *what, uint64_t rva);
void trouble_damage(struct import_reading *r, const char *what, uint64_t rva, const char *why);

/* Is the page of an RVA present and nothing but zeros? In trouble.c. */
bool page_is_zero(struct import_reading *r, uint64_t rva);

#endif
