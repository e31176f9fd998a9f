/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The DECLARED import list of a module: what its import directory says, in the form that import
 * hashes are computed from. The hashes of a module in memory are those of its file on disk.
 *
 * Not here: the list that address tables show (rebuild.h), and hashing (hash.h).
 *
 * Room: imports.
 */
#ifndef IMPSCAN_IMPORTS_H
#define IMPSCAN_IMPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/budget.h>
#include <impscan/pe.h>
#include <impscan/text.h>

enum imports_status {
	IMPORTS_OK,
	IMPORTS_NONE,	    /* a PE without imports */
	IMPORTS_PARTIAL,    /* a part of the list could not be read: no hash can be given */
	IMPORTS_UNREADABLE, /* the headers or the directory could not be read */
	IMPORTS_NOT_PE,
};

/* Returns "ok", "no-imports", "partial", "unreadable" or "not-pe". */
const char *imports_status_name(enum imports_status status);

/* How an import names its function. */
enum import_kind {
	IMPORT_NAME,
	IMPORT_ORDINAL,
	IMPORT_UNKNOWN, /* the name could not be read, or the loader wrote an address over it */
};

/*
 * One import of the directory. For its names ask imports_entry_dll() and imports_entry_name().
 */
struct import_entry {
	enum import_kind kind;
	bool hashed;	     /* it is in `string`; pefile's rules leave some imports out */
	uint16_t ordinal;    /* if IMPORT_ORDINAL */
	uint32_t descriptor; /* number of its descriptor in the import directory, from 0 */
	uint32_t slot;	     /* RVA of its slot in the address table (FirstThunk) */
	uint32_t dll;	     /* offset in `names` of struct imports */
	uint32_t name;	     /* the same, if IMPORT_NAME */
};

struct imports_scratch;

/*
 * An import list.
 *
 * `string` is what imphash is the MD5 of: "lib.func,lib.func", in lower case, in the order of the
 * directory. Only that of status IMPORTS_OK may be hashed; with IMPORTS_PARTIAL it has what could
 * be read. impfuzzy has its own string for some bound files: see imports_fuzzy_string().
 */
struct imports {
	/* Set by the caller before imports_declared(). */
	bool keep_entries;     /* fill `entries` */
	struct budget *budget; /* for reading lists and hashing them; NULL: unlimited */

	enum imports_status status;
	char reason[160];   /* why the status is neither ok nor no-imports; else "" */
	size_t count;	    /* imports in `string` */
	size_t pages;	    /* in memory: 4096-byte pages needed to read the list ... */
	size_t pages_found; /* ... and those of them that are present; both 0 for a file on disk */
	struct text string;

	/* Name tables hold addresses, as drivers' do: a file of the same bytes has no such list. */
	bool name_addresses;
	bool fuzzy_differs;	  /* impfuzzy has its own string ... */
	struct text fuzzy_string; /* ... this one */

	struct import_entry *entries; /* only with keep_entries; in directory order */
	size_t entry_count;
	size_t entry_capacity;
	struct text names; /* names of the entries, each with its NUL */

	struct imports_scratch *scratch; /* memory kept from call to call */
};

/*
 * Reads the import directory of `pe`, a file or a module in memory, exactly as pefile 2023.2.7 does
 * for imphash; src/imports/declared.c has the rules.
 *
 * imports	all zero but for what the caller sets, or used before (its memory is kept). Release
 *		it with imports_free(). When the budget is used up the list is partial or
 *		unreadable, and the reason says so.
 */
void imports_declared(struct imports *imports, const struct pe *pe);

/*
 * Returns the string that impfuzzy is computed from. It is `string`, but for some bound files only
 * a part of it. Belongs to `imports`.
 */
const struct text *imports_fuzzy_string(const struct imports *imports);

/* Returns the DLL as the directory writes it; "" when unknown. Valid until `imports` changes. */
const char *imports_entry_dll(const struct imports *imports, const struct import_entry *entry);

/* Returns the function as the directory writes it; NULL unless IMPORT_NAME. Valid as long. */
const char *imports_entry_name(const struct imports *imports, const struct import_entry *entry);

/*
 * Returns the RVA of the import directory of a module in memory whose headers are gone, found by
 * its content. Returns 0 when there is none, or when the search takes more than `budget` has left.
 *
 * pe	what pe_assume() made in place of the headers
 */
uint32_t imports_find_directory(const struct pe *pe, struct budget *budget);

/* Releases everything, and empties `imports`; what the caller sets in it stays. */
void imports_free(struct imports *imports);
#define _cleanup_imports_ __attribute__((cleanup(imports_free)))

/*
 * Returns the name that import hashes have for an ordinal of ws2_32.dll, wsock32.dll or
 * oleaut32.dll, by pefile's tables; NULL when there is none. `dll` is in lower case, with its
 * extension.
 */
const char *imports_ordinal_name(const char *dll, uint32_t ordinal);

#endif
