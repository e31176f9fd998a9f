/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: what .NET assemblies and programs by Go have beside import lists.
 */
#ifndef SCAN_PROGRAM_NAMES_H
#define SCAN_PROGRAM_NAMES_H

#include "scan/unit_maps.h"

/* What is looked for in a module. */
struct program_search {
	bool dotnet; /* metadata also where no header names a CLR header */
	bool go;     /* search it for Go's table of functions */
};

/*
 * Reads the type references of an assembly and the functions of a Go program, and adds hashes, what
 * they match, and what could not be read to `finding`; nothing where `pe` is neither. It costs a
 * module that is neither nothing, unless it is to be searched.
 *
 * pe: of status PE_OK, or assumed.
 *
 * Returns whether the budget (maps->programs) was enough.
 */
bool program_names_read(struct unit_maps *maps, struct worker *worker, const struct pe *pe,
			const struct program_search *search, struct finding *finding);

#endif
