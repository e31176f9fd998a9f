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

#include <impscan/address_map.h>
#include <impscan/address_set.h>
#include <impscan/rebuild.h>
#include <impscan/region.h>
#include <impscan/view.h>

/* A region without a PE header is reported when this many resolved APIs stand together in it. */
#define RESOLVED_LEAST 8

/* The tables of a process found so far, of pointers of one size. All zero to begin with. */
struct private_tables {
	const struct injections *injections; /* of the process; NULL: not known */
	struct rebuilt found;
	struct address_set pages; /* numbers of the pages that were looked at */
	struct address_map areas; /* whose pointers were followed: the size for each base */
	bool ranged;		  /* `low` and `high` are set */
	uint64_t low, high;	  /* the first and the last address of private memory */
};

void private_tables_free(struct private_tables *tables);

/*
 * Does nothing for an area that was searched before. Else adds the tables that any pointer within
 * [base, base + size) leads to, be it data or part of an instruction, or that an instruction refers
 * to relative to itself.
 *
 * map: names the addresses; its pointer size is that of the tables.
 * memory: of the process. The work is counted against memory->budget, and ends with it.
 */
void private_tables_find(struct private_tables *tables, struct view *view,
			 const struct export_map *map, const struct rebuild_memory *memory,
			 uint64_t base, uint64_t size);

#endif
