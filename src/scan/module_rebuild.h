/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: the rebuilt import list of an opened module or region, by the names that
 * addresses have in its process.
 */
#ifndef SCAN_MODULE_REBUILD_H
#define SCAN_MODULE_REBUILD_H

#include "scan/module_open.h"
#include "scan/unit_maps.h"

/*
 * Rebuilds the list of a module; opened->declared, where it was read (with its entries), is used
 * for it. Tables in private memory that the module refers to count where no loader put it there.
 *
 * rebuilt: memory for it; becomes opened->rebuilt.
 *
 * The work is counted against maps->tables; where that ends rebuilt->cut is set.
 */
void module_rebuild(struct unit_maps *maps, struct opened_module *opened, struct rebuilt *rebuilt);

/*
 * Tells whether rebuilding the module would give the settled list: one that another process has
 * with the same import directory, in which every slot leads to what the directory names. Its
 * declared list need not be read for that.
 *
 * rebuilt: scratch memory.
 *
 * After false nothing was counted against maps->tables.
 */
bool module_is_settled(struct unit_maps *maps, struct opened_module *opened,
		       const struct settled *settled, struct rebuilt *rebuilt);

/*
 * Returns the list of a module that was rebuilt as a settled one, for module_is_settled() in other
 * processes; NULL when it is not settled. The caller owns it, see settled_free().
 */
struct settled *module_settle(struct unit_maps *maps, const struct opened_module *opened);

#endif
