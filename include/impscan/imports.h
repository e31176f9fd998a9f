/*
 * The import list of a module, as the import hashes want it.
 *
 * DECLARED is what the import directory says; its hashes are those of the file on disk.
 */
#ifndef IMPSCAN_IMPORTS_H
#define IMPSCAN_IMPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/*
 * An import list. `string` is the hashed form, "lib.func,lib.func", all lower case, in directory
 * order; it is meaningful for status IMPORTS_OK, and holds what could be read for IMPORTS_PARTIAL.
 */
struct imports {
	enum imports_status status;
	char reason[160];   /* in words, when the status is neither ok nor no-imports */
	size_t count;	    /* entries of `string` */
	size_t pages;	    /* 4096-byte pages that reading the list needed ... */
	size_t pages_found; /* ... and how many of them could be read */
	struct text string;
};

/*
 * Reads the import directory of `pe` exactly as pefile 2023.2.7 does for imphash, of a file or of
 * memory; see imports/declared.c for the rules. `imports` may be a used one (its memory is kept)
 * or all zero; release it with imports_free().
 */
void imports_declared(struct imports *imports, const struct pe *pe);

void imports_free(struct imports *imports);
#define _cleanup_imports_ __attribute__((cleanup(imports_free)))

/*
 * The name of an ordinal in one of the three tables that import hashes know (ws2_32, wsock32,
 * oleaut32); NULL when it has none. `dll` is lower case with its extension.
 */
const char *imports_ordinal_name(const char *dll, uint32_t ordinal);

#endif
