/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * API sets: names such as api-ms-win-core-heap-l1-1-0 that stand for a DLL. A process has the list
 * of them in memory (PEB.ApiSetMap); where it can't be read, a table of the common ones answers.
 *
 * Room: exports.
 */
#ifndef IMPSCAN_API_SET_H
#define IMPSCAN_API_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies `size` bytes of a process's memory; false when any of them is not present. */
typedef bool api_set_read(void *context, uint64_t address, void *buffer, size_t size);

struct api_sets;

/*
 * Returns a copy of the schema at `address` (PEB.ApiSetMap), version 2, 4 or 6, `*size` bytes, which
 * the caller frees; NULL when there is none. Pages that are not present are zeros; `*whole` tells
 * whether there were none (version 2 does not know its size: it ends where they do).
 */
uint8_t *api_sets_copy(api_set_read *read, void *context, uint64_t address, size_t *size,
		       bool *whole);

/*
 * Parses a copied schema. Returns NULL when nothing in it makes sense, or its parts overlap so that
 * they are larger than all of it; entries on pages that are not present are left out. Immutable, for
 * any number of threads, counted: release with api_sets_unref().
 */
struct api_sets *api_sets_parse(const uint8_t *schema, size_t size);

/* Both in one. */
struct api_sets *api_sets_read(api_set_read *read, void *context, uint64_t address);
struct api_sets *api_sets_ref(struct api_sets *sets);
void api_sets_unref(struct api_sets *sets); /* NULL is fine */
size_t api_sets_count(const struct api_sets *sets);

/* Does a DLL's name begin as that of an API set does: "api-" or "ext-"? Any case. */
bool api_set_is(const char *dll);

/*
 * The DLL that hosts the API set `dll` (with or without ".dll", any case) for `importer`, which may
 * be NULL: "kernelbase.dll". `sets` may be NULL. When the schema has no answer, the table of the
 * common ones gives it; NULL when that has none either.
 */
const char *api_set_host(const struct api_sets *sets, const char *dll, const char *importer);

#endif
