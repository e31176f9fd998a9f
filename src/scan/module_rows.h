/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: rows of modules on their way out. In a listing each is handed out as it
 * comes; in a search once for every match, when all modules of the machine were counted.
 */
#ifndef SCAN_MODULE_ROWS_H
#define SCAN_MODULE_ROWS_H

#include <impscan/match.h>
#include <impscan/rows.h>
#include <impscan/scan.h>

#include "scan/same_hash.h"

/* Fill in the first three; release it with module_rows_free(). */
struct module_rows {
	const struct scan_options *options;
	const struct scan_events *events;
	struct scan_summary *summary;
	struct matches matches; /* of the module handed out last */
	struct hash_counts counts;
	struct kept_modules kept; /* in a search, until all hashes are counted */
	bool early;		  /* there were too many to keep, and some were handed out before */
};

/*
 * Takes a module that is not known to be good. `hits`: what its lists resemble; stays the caller's.
 * Returns false where the receiver has had enough.
 */
bool module_rows_add(struct module_rows *rows, const struct row *row, struct hits *hits);

/* Counts a module that options->good knows, and that has no row therefore. */
void module_rows_add_good(struct module_rows *rows, const struct row *row);

/* Takes a process that has no module to show. */
bool module_rows_add_empty(struct module_rows *rows, const struct row *row);

/* All modules of a machine were taken: hands out what was kept. Another machine may follow. */
bool module_rows_end(struct module_rows *rows);

void module_rows_free(struct module_rows *rows);
#define _cleanup_module_rows_ __attribute__((cleanup(module_rows_free)))

#endif
