/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * API sets: names such as api-ms-win-core-heap-l1-1-0 that stand for a DLL, their host.
 *
 * A process has the schema, the list of all API sets with their hosts, in memory (PEB.ApiSetMap).
 * Where it can't be read, a built-in table of the common ones is used.
 *
 * Room: exports.
 */
#ifndef IMPSCAN_API_SET_H
#define IMPSCAN_API_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copies `size` bytes at `address` of a process's memory. Returns false when any of them is not
 * present.
 */
typedef bool api_set_read(void *context, uint64_t address, void *buffer, size_t size);

/*
 * A parsed schema. It never changes, is counted by references, and may be used by any number of
 * threads.
 */
struct api_sets;

/*
 * Copies the schema of a process, version 2, 4 or 6. Pages that are not present become zeros.
 *
 * address	PEB.ApiSetMap
 * size		receives the size in bytes
 * whole	receives whether all pages are present. A schema of version 2 does not tell its
 *		size: it ends where the memory does
 *
 * Returns the copy, which the caller frees; NULL when there is no schema.
 */
uint8_t *api_sets_copy(api_set_read *read, void *context, uint64_t address, size_t *size,
		       bool *whole);

/*
 * Parses the copy of a schema, `size` bytes. Entries on pages that are not present are left out.
 * Returns NULL when there is no valid entry, or when entries overlap so that together they are
 * larger than the schema. Release with api_sets_unref().
 */
struct api_sets *api_sets_parse(const uint8_t *schema, size_t size);

/* Copies and parses. Returns NULL when either fails. */
struct api_sets *api_sets_read(api_set_read *read, void *context, uint64_t address);

/* Adds a reference, and returns `sets`. */
struct api_sets *api_sets_ref(struct api_sets *sets);

/* Drops a reference; the last one frees it. NULL is fine. */
void api_sets_unref(struct api_sets *sets);

/* Returns the number of API sets. */
size_t api_sets_count(const struct api_sets *sets);

/* Is `dll` an API set by its name, which then begins with "api-" or "ext-" in any case? */
bool api_set_is(const char *dll);

/*
 * Returns the host of an API set, "kernelbase.dll", by the schema, or else by the built-in table;
 * NULL when neither has it. Valid as long as `sets`.
 *
 * sets		NULL: there is no schema
 * dll		the API set, with or without ".dll", in any case
 * importer	the DLL that imports it, as some hosts depend on it; NULL: unknown
 */
const char *api_set_host(const struct api_sets *sets, const char *dll, const char *importer);

#endif
