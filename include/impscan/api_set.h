/*
 * API sets: names such as api-ms-win-core-heap-l1-1-0 that stand for a DLL. A process has the list
 * of them in memory (PEB.ApiSetMap); where it can't be read, a table of the common ones answers.
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
 * Reads the schema at `address` (PEB.ApiSetMap), version 2, 4 or 6. NULL when nothing there makes
 * sense; entries on pages that are not present are left out. Immutable, for any number of threads;
 * processes of one boot share one schema.
 */
struct api_sets *api_sets_read(api_set_read *read, void *context, uint64_t address);
void api_sets_free(struct api_sets *sets);
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
