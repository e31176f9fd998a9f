/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: modules written as PE files into a folder (-d).
 */
#ifndef SCAN_MODULE_FILE_H
#define SCAN_MODULE_FILE_H

#include "scan/module_open.h"
#include "scan/unit_maps.h"

/*
 * Writes a module as a file of options->dump_directory, if a row of it will be handed out; the
 * result goes to finding->dump. For any number of threads.
 *
 * examined: the module as it was examined, with its lists. NULL: it was not.
 * finding: what it came to.
 */
void dump_module(struct unit_maps *maps, struct worker *worker, const struct process *process,
		 const struct opened_module *examined, const struct module *module,
		 struct finding *finding);

/*
 * Removes the file of a dump when all files together take too much. To be called for each dump in
 * the order of rows, before its row is handed out.
 */
void dump_settle(const struct unit_context *context, struct dump *dump);

/* Removes the file of a dump whose unit is never handed out. NULL is fine. */
void dump_forget(const struct unit_context *context, struct dump *dump);

void dump_free(struct dump *dump);

#endif
