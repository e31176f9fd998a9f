/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: samples compared with a module by the addresses that they import.
 */
#ifndef SCAN_RESOLVED_H
#define SCAN_RESOLVED_H

#include "scan/module_open.h"
#include "scan/unit_maps.h"

/*
 * Compares the rebuilt lists of a module with the samples of the search, whose imports are resolved
 * in the module's process. Adds what it matches to finding->hits, see known_explain().
 *
 * opened: its list was rebuilt: opened->rebuilt.
 *
 * The work is counted against maps->samples. Returns why not all samples were compared, the end of
 * a sentence about that; NULL: all were.
 */
const char *resolve_samples(struct unit_maps *maps, struct worker *worker,
			    const struct opened_module *opened, struct finding *finding);

#endif
