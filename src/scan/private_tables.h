/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: tables of resolved APIs in a process's private memory.
 *
 * Private memory is most of an image, and what fills it has no table as a rule. A table counts only
 * for a module or region that refers to it, so it is looked for where pointers lead to.
 */
#ifndef SCAN_PRIVATE_TABLES_H
#define SCAN_PRIVATE_TABLES_H

#include <impscan/address_set.h>
#include <impscan/rebuild.h>
#include <impscan/view.h>

/* The tables found so far, of pointers of one size. All zero is none. */
struct private_tables {
	struct rebuilt found;
	struct address_set pages; /* that were looked at, by number */
	bool ranged;
	uint64_t low, high; /* where private memory lies, once that was looked for (ranged) */
};

void private_tables_free(struct private_tables *tables);

/*
 * Adds the tables that any pointer within [base, base + size) leads to, be it data or part of an
 * instruction.
 */
void private_tables_find(struct private_tables *tables, struct view *view,
			 const struct export_map *map, const struct rebuild_memory *memory,
			 uint64_t base, uint64_t size);

#endif
