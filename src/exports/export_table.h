/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room exports: what an export table consists of, and how it is searched. */
#ifndef EXPORTS_EXPORT_TABLE_H
#define EXPORTS_EXPORT_TABLE_H

#include <stdatomic.h>

#include <impscan/exports.h>
#include <impscan/hash_table.h>

/* A place of the hash table of names. */
struct export_name {
	uint32_t hash;
	uint32_t item; /* position among the exports + 1; 0: free */
};

struct export_table {
	atomic_uint references;
	struct pe_exports exports;
	uint32_t size; /* SizeOfImage */
	bool movable;  /* see export_table_movable() */
	/*
	 * The exports that are not forwarded, by RVA and then by position: their RVAs and
	 * positions.
	 */
	uint32_t *rvas;
	uint32_t *direct;
	size_t direct_count;
	uint32_t *forwards; /* positions of those that are forwarded */
	size_t forward_count;
	struct hash_table names; /* of struct export_name: the exports with names */
	uint64_t name_bytes;	 /* of all names, counted for each export */
	uint32_t *by_ordinal;	 /* positions, by ordinal */
	/* A bit for each 8 bytes up to the last export or STARTS_MAX: some export starts there. */
	uint8_t *starts;
	uint32_t starts_end; /* number of bits */
};

#define STARTS_MAX (256u << 20)

/* Returns the export with a name, or with an ordinal; NULL when there is none. */
const struct pe_export *export_table_named(const struct export_table *table, const char *name);
const struct pe_export *export_table_ordinal(const struct export_table *table, uint32_t ordinal);

/* Returns the first position in `rvas` whose RVA is at or above `rva`. */
size_t export_table_lower_bound(const struct export_table *table, uint32_t rva);

/* May an export start at `rva`? A quick test that rules out most addresses. */
static inline bool export_table_maybe(const struct export_table *table, uint64_t rva)
{
	if (rva / 8 >= table->starts_end)
		return rva > STARTS_MAX && rva < table->size;
	return table->starts[rva / 64] & 1u << rva / 8 % 8;
}

#endif
