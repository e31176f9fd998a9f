/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known to be good: modules of clean machines, as listings of these name them, and lists of
 * hashes. A row that they have need not be looked at again.
 *
 * Room: match.
 */
#ifndef IMPSCAN_GOOD_H
#define IMPSCAN_GOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>
#include <impscan/hash.h>

struct list_report;

/* A set of known-good modules. */
struct good;

struct good *good_new(void);
void good_free(struct good *good);
DEFINE_CLEANUP(struct good, good_free)
#define _cleanup_good_ _cleanup_(good_free_p)

/* Sets what is tried for encrypted archives, before "infected"; it stays the caller's. */
void good_set_password(struct good *good, const char *password);

/* What a module is known by. */
struct good_module {
	const char *name;
	const char *path;   /* its last two parts count, in any case */
	uint64_t size;	    /* bytes */
	uint32_t timestamp; /* of its PE header; 0: unknown */
	bool no_imports;    /* it was read whole, and has no import list */
	bool names_unread;  /* it is .NET or Go, and its types or functions could not be read */
	struct hashes
		hashes; /* of its declared list, "" without one; of names the two SHA-256 count */
	struct hashes rebuilt; /* of its rebuilt list, "" where there is no other */
};

/*
 * Adds a file: impscan's own CSV or JSON (lines) of modules, of which those that are flagged or not
 * read whole are left out, or a list of hashes in any form (known_add_list()); or an archive or
 * compressed file of such.
 *
 * report: what became of a list's lines, to be released with list_report_free(); may be NULL.
 *
 * Returns in `*modules` how many modules or hashes are known by it. Fails when it can't be read, or
 * there are none.
 */
struct error *good_add(struct good *good, const char *path, size_t *modules,
		       struct list_report *report);

/*
 * Tells whether a module, of which nothing is flagged, is known: one of a listing with this name,
 * path and hashes; or where it has no imports, with this name, path, size, and time stamp or hash
 * of its types or functions; or a list's entry with these hashes and, unless it has no name, this
 * name. An entry without a name does not count where many programs have the hash (match_note()). A
 * .NET module or one by Go is known only where the hash of its types or functions is, too, since
 * its import list is its runtime's.
 */
bool good_has(const struct good *good, const struct good_module *module);

#endif
