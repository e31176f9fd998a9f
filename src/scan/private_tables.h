/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: tables of resolved APIs in the private memory of a process.
 *
 * Most memory of an image is private, and most of it has no such table. A table counts only for a
 * module or region that refers to it. So tables are looked for only where pointers of such code
 * lead.
 */
#ifndef SCAN_PRIVATE_TABLES_H
#define SCAN_PRIVATE_TABLES_H

#include <impscan/address_set.h>
#include <impscan/rebuild.h>
#include <impscan/view.h>

/* The tables of a process found so far, of pointers of one size. All zero to begin with. */
struct private_tables {
	struct rebuilt found;
	struct address_set pages; /* numbers of the pages that were looked at */
	bool ranged;		  /* `low` and `high` are set */
	uint64_t low, high;	  /* the first and the last address of private memory */
};

void private_tables_free(struct private_tables *tables);

/*
 * Adds the tables that any pointer within [base, base + size) leads to, be it data or part of an
 * instruction, or that an instruction refers to relative to itself.
 *
 * map: names the addresses; its pointer size is that of the tables.
 * memory: of the process. The work is counted against memory->budget, and ends with it.
 */
void private_tables_find(struct private_tables *tables, struct view *view,
			 const struct export_map *map, const struct rebuild_memory *memory,
			 uint64_t base, uint64_t size);

#endif
