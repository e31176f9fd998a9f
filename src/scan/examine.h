/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: what one opened module comes to. Opening it is module_open.h's.
 */
#ifndef SCAN_EXAMINE_H
#define SCAN_EXAMINE_H

#include "scan/module_open.h"
#include "scan/unit_maps.h"

/*
 * Examines a module and fills `finding`: its declared and its rebuilt list, their hashes, and what
 * they match. Sets the flags of `module` that only this tells: hooked, patched, wow64.
 *
 * opened: by MODULE_OPEN_RECORD. Its lists lie in the worker's memory afterwards, until the next
 * module is examined. A list is NULL that was not read: by -F, or since the cache had the finding.
 * module: one of maps->modules.
 * finding: all zero. Release with finding_free().
 */
void examine(struct unit_maps *maps, struct worker *worker, struct opened_module *opened,
	     struct module *module, struct finding *finding);

#endif
