/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Export tables ready to be searched, and the cache that shares them between processes.
 *
 * An export table is what one DLL exports, wherever it is mapped. It is read once, never changes,
 * is counted by references, and may be used by any number of threads.
 *
 * Not here: parsing an export directory (pe_exports.h), and the modules of one process with their
 * addresses (export_map.h).
 *
 * Room: exports.
 */
#ifndef IMPSCAN_EXPORTS_H
#define IMPSCAN_EXPORTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>
#include <impscan/pe.h>
#include <impscan/pe_exports.h>

struct export_table;

/*
 * Makes a table. It takes over `exports`, which are empty afterwards. `size` is SizeOfImage, in
 * bytes: exports beyond it are not found by their address. Release with export_table_unref().
 */
struct export_table *export_table_new(struct pe_exports *exports, uint32_t size);

/* Reads the exports of a PE into a new table. Returns NULL when it has none. */
struct export_table *export_table_read(const struct pe *pe);

/* Adds a reference, and returns the table. */
struct export_table *export_table_ref(struct export_table *table);

/* Drops a reference; the last one frees the table. NULL is fine. */
void export_table_unref(struct export_table *table);
DEFINE_CLEANUP(struct export_table, export_table_unref)
#define _cleanup_export_table_ _cleanup_(export_table_unref_p)

/*
 * Returns what the table was made of. Forwarded exports have a `forwarder`. Belongs to the table.
 */
const struct pe_exports *export_table_exports(const struct export_table *table);

/*
 * Tells whether the DLL, by its headers, may be loaded anywhere, so that no file can know the
 * addresses of its exports. False where the table was not read from headers.
 */
bool export_table_movable(const struct export_table *table);

/* Returns the steps of a budget that reading the table takes, once. */
uint64_t export_table_cost(const struct export_table *table);

/* Returns the bytes of memory that the table takes. */
size_t export_table_memory(const struct export_table *table);

/*
 * The tables of one run of the program, each with the pages that it was read from. Any number of
 * threads may use a cache at once.
 */
struct export_cache;

struct export_cache *export_cache_new(void);
void export_cache_free(struct export_cache *cache); /* NULL is fine */
DEFINE_CLEANUP(struct export_cache, export_cache_free)
#define _cleanup_export_cache_ _cleanup_(export_cache_free_p)

/*
 * Looks in the cache for the exports of a DLL. They are the same when the DLL has the same size,
 * and the same bytes in all pages that a table was read from.
 *
 * reader	reads the DLL in memory
 * pointer_size	receives 4 or 8
 * table	receives the table, with a reference for the caller; NULL: the DLL exports nothing
 *
 * Returns false, and sets nothing, when the cache does not have them.
 */
bool export_cache_find(struct export_cache *cache, const struct pe_reader *reader,
		       unsigned int *pointer_size, struct export_table **table);

/*
 * A lock that one thread holds while it reads a DLL's exports and keeps them, so that others which
 * want the same wait instead of reading them as well. Look in the cache again once it is held.
 * Release with export_cache_unlock().
 */
struct export_reading {
	pthread_mutex_t *mutex;
};

struct export_reading export_cache_lock(struct export_cache *cache, const struct pe_reader *reader);
void export_cache_unlock(struct export_reading *reading);
#define _cleanup_export_reading_ __attribute__((cleanup(export_cache_unlock), unused))

/*
 * Puts a table into the cache, which takes a reference of its own. A full cache does nothing: then
 * each process reads the exports for itself, with the same result.
 *
 * reader	reads the DLL
 * pages	the `count` pages from which the headers and exports were read, in any order,
 *		repeated or not; their bytes must stay valid as long as the cache
 * pointer_size	4 or 8
 * table	NULL: the DLL exports nothing
 */
void export_cache_keep(struct export_cache *cache, const struct pe_reader *reader,
		       const struct module_page *pages, size_t count, unsigned int pointer_size,
		       struct export_table *table);

#endif
