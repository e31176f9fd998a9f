/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs by Go: the names of their functions, which Go's runtime needs and which therefore are in
 * every program, stripped or not; and the hashes of them, where the import list tells nothing,
 * since all programs by one version of Go have the same.
 *
 * The names are found through the table of functions ("pclntab": Go's runtime/symtab.go and
 * debug/gosym), by its header, or by the runtime's description of the module (runtime.moduledata)
 * where the header was wiped. Go 1.2 and later.
 *
 * Room: golang.
 */
#ifndef IMPSCAN_GOLANG_H
#define IMPSCAN_GOLANG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/budget.h>
#include <impscan/hash.h>
#include <impscan/pe.h>
#include <impscan/text.h>

enum golang_status {
	GOLANG_OK,
	GOLANG_NONE,	/* no program by Go: nothing in it says so */
	GOLANG_ABSENT,	/* a page that is needed is not present: no hash can be given */
	GOLANG_DAMAGED, /* the table can't be right, or goes beyond a limit: no hash can be given */
	GOLANG_STOPPED, /* the budget has ended: no hash can be given */
};

/* The forms of the table, by the version of Go that began with it. */
enum golang_table {
	GOLANG_TABLE_UNKNOWN,
	GOLANG_TABLE_1_2,  /* to 1.15 */
	GOLANG_TABLE_1_16, /* and 1.17 */
	GOLANG_TABLE_1_18, /* and 1.19; also 1.20 and later, where the header's magic was changed */
	GOLANG_TABLE_1_20, /* and later */
};

/* How the table was found. */
enum golang_found {
	GOLANG_NOT_FOUND,
	GOLANG_BY_HEADER,     /* its header is as Go writes it */
	GOLANG_BY_STRUCTURE,  /* its header has another magic: changed, so that it is not found */
	GOLANG_BY_MODULEDATA, /* its header was wiped */
};

/* What is read of a table at most. No program known has a tenth of it. */
#define GOLANG_FUNCTIONS_MAX (1 << 22)	/* functions */
#define GOLANG_NAME_MAX	     4096	/* bytes of one name */
#define GOLANG_NAMES_MAX     (32 << 20) /* bytes of all names that are kept */

/* A program by Go. */
struct golang {
	enum golang_status status;
	char reason[160]; /* why the status is neither GOLANG_OK nor GOLANG_NONE; else "" */

	enum golang_table table;
	enum golang_found found;
	uint32_t table_rva; /* where the table's header is, or was */
	size_t functions;   /* in the table; known also where names could not be read */
	/* Only of status GOLANG_OK: names that gimphash is taken of, and that gimpfuzzy is. */
	size_t kept, own;
	/*
	 * Whether names seem to be replaced, as garble does: no package of Go's standard library is
	 * among those that have functions, beside the runtime. Hashes then differ from build to
	 * build.
	 */
	bool garbled;

	/*
	 * Both "" unless the status is GOLANG_OK and there are such names.
	 *
	 * gimphash: Nextron Systems'. gimpfuzzy is impscan's own: libfuzzy's hash of the names,
	 * joined by commas, of functions that are not of Go's standard library, in the order of the
	 * table, each from its last "/" on. gimphash's names are no good for it: most of them are
	 * the standard library's, so that any two programs that use net/http would resemble each
	 * other.
	 */
	char gimphash[SHA256_SIZE];
	char gimpfuzzy[IMPFUZZY_SIZE];

	/* By the build information, as bytes of the image; each empty when unknown. */
	struct text version; /* "go1.19.8" */
	struct text module;  /* path of the main module, else of the main package */

	struct text names;     /* what gimphash is the SHA-256 of */
	struct text own_names; /* what gimpfuzzy is the ssdeep hash of */
};

/*
 * Reads a program by Go, in a file or in memory, also without headers (pe_assume()).
 *
 * golang	all zero, or used before (its memory is kept). Release it with golang_free().
 * pe		of status PE_OK; anything else has the status GOLANG_NONE
 * budget	for searching and reading; NULL: unlimited
 */
void golang_read(struct golang *golang, const struct pe *pe, struct budget *budget);

/*
 * Returns whether a list, in its hashed form ("kernel32.setwaitabletimer,..."), imports what Go's
 * runtime does. All versions import the functions that this looks for, and few other programs do.
 */
bool golang_likely_by_imports(const struct text *list);

/* Returns whether a program has the sections that Go's own linker makes. */
bool golang_likely_by_sections(const struct pe *pe);

/* Returns "ok", "no-go", "absent", "damaged" or "stopped". */
const char *golang_status_name(enum golang_status status);

/* Returns which versions of Go write such tables: "1.16-1.17"; "" for GOLANG_TABLE_UNKNOWN. */
const char *golang_table_name(enum golang_table table);

/*
 * Returns whether gimphash takes the name of a function, and sets `*kept` to the part of `name`
 * that it takes: the rules of gimphash by Nextron Systems (README.md and go/main.go).
 */
bool golang_keeps(const char *name, const char **kept);

/* Releases everything, and empties `golang`. */
void golang_free(struct golang *golang);
#define _cleanup_golang_ __attribute__((cleanup(golang_free)))

#endif
