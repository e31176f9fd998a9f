/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: images that are nothing but data.
 */
#ifndef SCAN_PLAIN_DATA_H
#define SCAN_PLAIN_DATA_H

#include "scan/module_open.h"
#include "scan/unit.h"

/*
 * Is a PE that no loader put there nothing but data, though nothing tells that its memory can't be
 * run? It is where it has no code at all (resources, API sets), and where it lies as in its file
 * and is the file of a module that the loader put elsewhere: such are mapped to read resources and
 * symbols of them. Always false where the image tells what can be run.
 *
 * finding: what the PE came to.
 * unit: has the findings of all modules of the loader.
 */
bool is_plain_data(struct view *view, const struct unit *unit, const struct opened_module *opened,
		   const struct module *module, const struct finding *finding);

#endif
