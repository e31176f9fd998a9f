/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: making rows of processes, modules and findings. The texts of a row are
 * theirs.
 */
#ifndef SCAN_ROW_H
#define SCAN_ROW_H

#include <impscan/rows.h>

#include "scan/unit.h"

/*
 * A row with the facts of a process and one of its modules, and nothing on import lists: all that
 * scan_only_matches() looks at. `module` NULL: the process has none to show.
 */
struct row row_of(const struct process *process, const struct module *module);

/* What rows call the image of a machine. */
const char *image_name_of(const struct windows *windows, const struct scan_options *options);

/* Adds what examining the module has found, and the file it was written to. */
void row_add_finding(struct row *row, const struct finding *finding);

/* Is it a module that is known to be good, read whole, with nothing flagged? */
bool row_is_good(const struct scan_options *options, const struct row *row);

/* Sets the known hash that the module resembles. */
void row_set_match(struct row *row, const struct match *match);

/* A slot of a module's rebuilt list. */
struct import_row import_row_of(const struct process *process, const struct module *module,
				const struct rebuilt *rebuilt, const struct rebuilt_entry *entry);

#endif
