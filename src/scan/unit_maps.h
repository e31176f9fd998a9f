/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: rebuilding the import lists of one process.
 */
#ifndef SCAN_UNIT_MAPS_H
#define SCAN_UNIT_MAPS_H

#include <impscan/budget.h>
#include <impscan/rebuild.h>

#include "scan/clean_pages.h"
#include "scan/private_tables.h"
#include "scan/unit.h"

/* What the addresses of a process are called, made when first asked for. */
struct unit_maps {
	const struct unit_context *context;
	struct view *view;
	const struct process *process;
	const struct modules *modules; /* all that were found */
	struct api_sets *api_sets;     /* with a reference, once a map was made; may be NULL */
	bool api_sets_refused;	       /* there is a schema, and it makes no sense */
	struct export_map *map[2];     /* of 8 and 4 byte pointers */
	bool shared[2];		       /* their range is the same in all processes */
	struct private_tables private_tables[2]; /* of the same pointer sizes, found so far */
	/* Modules whose exports were left out of a map, since those before took all there is. */
	size_t left_out;
	/*
	 * What the process's declared lists may cost, and what looking for tables: two, so that memory
	 * full of tables does not hide what is declared.
	 */
	struct budget names, tables;
};

void unit_maps_init(struct unit_maps *maps, const struct unit_context *context, struct view *view,
		    const struct process *process, const struct modules *modules);
/* Counts what lists have cost against the view's budget; returns whether it was enough. Once. */
bool unit_maps_close(struct unit_maps *maps);
void unit_maps_free(struct unit_maps *maps);
#define _cleanup_unit_maps_ __attribute__((cleanup(unit_maps_free)))

/* The export map of a pointer size (4 or 8). */
const struct export_map *unit_map(struct unit_maps *maps, unsigned int pointer_size);

/*
 * Is the map of a pointer size, once it was made, one whose range of addresses is the same in all
 * processes? Then what one process finds clean is clean for the others that map it.
 */
bool unit_map_is_shared(const struct unit_maps *maps, unsigned int pointer_size);

/* The tables found in the process's private memory so far, of a pointer size. */
struct private_tables *unit_private_tables(struct unit_maps *maps, unsigned int pointer_size);

#endif
