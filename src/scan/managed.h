/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: .NET assemblies that are no images. A runtime of .NET reads what it loads
 * from arrays of bytes, from bundles and from many files as it lies in the file, in memory that
 * need not be executable.
 */
#ifndef SCAN_MANAGED_H
#define SCAN_MANAGED_H

#include "scan/unit_maps.h"

/*
 * Adds the assemblies that lie in private and mapped memory of a process in file layout, if a
 * runtime of .NET is among its modules; of copies of the same one the one that has most pages. What
 * is at the base of another module is left out. `modules` are those of `maps`, all others are in
 * it. Costs no more than a part of the view's budget; what is cut off is noted in modules->damage,
 * and sets view->cut.
 */
void managed_find(struct unit_maps *maps, struct modules *modules);

#endif
