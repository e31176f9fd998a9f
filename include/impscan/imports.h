/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The import list of a module, as the import hashes want it.
 *
 * DECLARED is what the import directory says; its hashes are those of the file on disk.
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
	IMPORTS_NONE,	    /* a PE that imports nothing */
	IMPORTS_PARTIAL,    /* some of the list could not be read: no hash can be given */
	IMPORTS_UNREADABLE, /* the headers or the directory could not be read */
	IMPORTS_NOT_PE,
};

/* "ok", "no-imports", "partial", "unreadable", "not-pe" */
const char *imports_status_name(enum imports_status status);

/* What is known of one import; see struct imports. */
enum import_kind {
	IMPORT_NAME,
	IMPORT_ORDINAL,
	IMPORT_UNKNOWN, /* its name could not be read, or an address replaced it */
};

/*
 * One thunk of the import directory. `slot` is where the loader puts the address. Names are offsets
 * into `names` of struct imports: imports_entry_dll(), imports_entry_name().
 */
struct import_entry {
	enum import_kind kind;
	bool hashed;	     /* has its part in `string` */
	uint16_t ordinal;    /* of IMPORT_ORDINAL */
	uint32_t descriptor; /* its number in the import directory, from 0 */
	uint32_t slot;	     /* RVA of its entry in the address table (FirstThunk) */
	uint32_t dll;
	uint32_t name; /* of IMPORT_NAME */
};

struct imports_scratch;

/*
 * An import list. `string` is the hashed form, "lib.func,lib.func", all lower case, in directory
 * order; it is meaningful for status IMPORTS_OK, and holds what could be read for IMPORTS_PARTIAL.
 *
 * impfuzzy of a bound file is taken of another string than imphash: imports_fuzzy_string().
 */
struct imports {
	/* Set by the caller before imports_declared(). */
	bool keep_entries;     /* fill `entries` */
	struct budget *budget; /* what reading and hashing lists may cost; NULL: not bounded */

	enum imports_status status;
	char reason[160];   /* in words, when the status is neither ok nor no-imports */
	size_t count;	    /* entries of `string` */
	size_t pages;	    /* in memory: 4096-byte pages that reading the list needed ... */
	size_t pages_found; /* ... and how many of them could be read; both 0 of a file on disk */
	struct text string;

	bool fuzzy_differs;
	struct text fuzzy_string; /* where it differs */

	struct import_entry *entries; /* only with keep_entries; in directory order */
	size_t entry_count;
	size_t entry_capacity;
	struct text names; /* what the entries point into, each with its NUL */

	struct imports_scratch *scratch; /* memory kept from call to call */
};

/*
 * Reads the import directory of `pe` exactly as pefile 2023.2.7 does for imphash, of a file or of
 * memory; see imports/declared.c for the rules. `imports` may be a used one (its memory is kept)
 * or all zero but for what the caller sets; release it with imports_free(). Where the budget ends
 * the list is partial or unreadable, and the reason says so.
 */
void imports_declared(struct imports *imports, const struct pe *pe);

/* The string that impfuzzy is taken of: `string`, but of some bound files a part of it. */
const struct text *imports_fuzzy_string(const struct imports *imports);

/* The DLL as the directory writes it; "" when unknown. Valid until `imports` changes. */
const char *imports_entry_dll(const struct imports *imports, const struct import_entry *entry);

/* The function as written; NULL unless IMPORT_NAME. */
const char *imports_entry_name(const struct imports *imports, const struct import_entry *entry);

/*
 * The RVA of an import directory in a PE in memory, found by its content; 0 when there is none, or
 * when the search costs more than `budget` has left. For one whose headers say nothing: pe_assume().
 */
uint32_t imports_find_directory(const struct pe *pe, struct budget *budget);

void imports_free(struct imports *imports);
#define _cleanup_imports_ __attribute__((cleanup(imports_free)))

/*
 * The name of an ordinal in one of the three tables that import hashes know (ws2_32, wsock32,
 * oleaut32); NULL when it has none. `dll` is lower case with its extension.
 */
const char *imports_ordinal_name(const char *dll, uint32_t ordinal);

#endif
