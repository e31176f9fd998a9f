/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Within the room `imports`: one DLL's exports, ready to be looked up. */
#ifndef IMPORTS_EXPORT_TABLE_H
#define IMPORTS_EXPORT_TABLE_H

#include <stdatomic.h>

#include <impscan/export_map.h>

struct export_name {
	uint32_t hash;
	uint32_t item; /* position + 1; 0: free */
};

struct export_table {
	atomic_uint references;
	struct pe_exports exports;
	uint32_t size; /* SizeOfImage */
	/* The items that are not forwarded, by RVA and then by position. */
	uint32_t *rvas;
	uint32_t *direct;
	size_t direct_count;
	uint32_t *forwards; /* the items that are */
	size_t forward_count;
	struct export_name *names; /* a hash table of the items with names, at most half full */
	uint32_t name_mask;
	uint64_t name_bytes; /* of all names, as often as they are used */
	uint32_t *by_ordinal;
	/* A bit for each 8 bytes up to the last export, or to STARTS_MAX: one starts there. */
	uint8_t *starts;
	uint32_t starts_end;
};

#define STARTS_MAX (256u << 20)

/* The item of a name, or of an ordinal; NULL when there is none. */
const struct pe_export *export_table_named(const struct export_table *table, const char *name);
const struct pe_export *export_table_ordinal(const struct export_table *table, uint32_t ordinal);

/* The first position in `rvas` whose RVA is not below `rva`. */
size_t export_table_lower_bound(const struct export_table *table, uint32_t rva);

/* Could an export start at `rva`? */
static inline bool export_table_maybe(const struct export_table *table, uint64_t rva)
{
	if (rva / 8 >= table->starts_end)
		return rva > STARTS_MAX && rva < table->size;
	return table->starts[rva / 64] & 1u << rva / 8 % 8;
}

#endif
