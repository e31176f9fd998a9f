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
	struct rebuild_memory memory[2];
	struct private_tables others[2]; /* found so far */
	const struct own_pages *own;	 /* of the image that is looked at; NULL: none is */
	struct clean_section *section;	 /* its section */
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
 * Rebuilds the list of [base, base + size). `pe` and `declared` (with entries) may be NULL: a
 * region without header. With `private_too`, tables in private memory that it refers to count.
 */
void unit_rebuild(struct unit_maps *maps, struct rebuilt *rebuilt, unsigned int pointer_size,
		  uint64_t base, uint64_t size, const struct pe *pe, const struct imports *declared,
		  bool private_too);

/*
 * Is the module's list what `settled` says? And to keep what unit_rebuild() said as such; NULL when
 * something in it is open.
 */
bool unit_settled(struct unit_maps *maps, struct rebuilt *rebuilt, unsigned int pointer_size,
		  uint64_t base, uint64_t size, const struct pe *pe, const struct settled *settled);
struct settled *unit_settle(struct unit_maps *maps, const struct rebuilt *rebuilt,
			    unsigned int pointer_size, uint64_t base, uint64_t size,
			    const struct pe *pe, const struct imports *declared);

#endif
