/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room exports: what an export table consists of, and how it is searched. */
#ifndef EXPORTS_EXPORT_TABLE_H
#define EXPORTS_EXPORT_TABLE_H

#include <pthread.h>
#include <stdatomic.h>

#include <impscan/exports.h>
#include <impscan/hash_table.h>

/* A place of the hash table of names. */
struct export_name {
	uint32_t hash;
	uint32_t item; /* position among the exports + 1; 0: free */
};

/*
 * What finds exports, made when it is first asked for: most DLLs of a process are asked for few
 * exports, or none. What is made stays as it is; the lock is for making it.
 */
struct export_index {
	pthread_mutex_t lock;
	atomic_bool rvas_known, names_known, ordinals_known;
	/*
	 * The exports that are not forwarded, by RVA and then by position: their RVAs and
	 * positions.
	 */
	uint32_t *rvas;
	uint32_t *direct;
	struct hash_table names; /* of struct export_name: the exports with names */
	uint32_t *by_ordinal;	 /* positions, by ordinal */
};

struct export_table {
	atomic_uint references;
	struct pe_exports exports;
	uint32_t size;	     /* SizeOfImage */
	bool movable;	     /* see export_table_movable() */
	size_t direct_count; /* of those that are not forwarded */
	uint32_t *forwards;  /* positions of those that are forwarded */
	size_t forward_count;
	uint64_t name_bytes; /* of all names, counted for each export */
	/*
	 * A bit for each START_SIZE bytes up to the last export or STARTS_MAX: some export starts
	 * there.
	 */
	uint8_t *starts;
	uint32_t starts_end; /* number of bits */
	struct export_index *index;
};

/* Compilers align most functions to it. */
#define START_SIZE 16

#define STARTS_MAX (256u << 20)

/* Returns the export with a name, or with an ordinal; NULL when there is none. */
const struct pe_export *export_table_named(const struct export_table *table, const char *name);
const struct pe_export *export_table_ordinal(const struct export_table *table, uint32_t ordinal);

/* Returns the index of a table with `rvas` and `direct`. */
const struct export_index *export_table_by_rva(const struct export_table *table);

/* Returns the first position in `rvas` whose RVA is at or above `rva`. */
size_t export_table_lower_bound(const struct export_table *table, uint32_t rva);

/* May an export start at `rva`? A quick test that rules out most addresses. */
static inline bool export_table_maybe(const struct export_table *table, uint64_t rva)
{
	if (rva / START_SIZE >= table->starts_end)
		return rva > STARTS_MAX && rva < table->size;
	return table->starts[rva / START_SIZE / 8] & 1u << rva / START_SIZE % 8;
}

#endif
