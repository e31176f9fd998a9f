/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which exports lead to an address.
 *
 * struct export_table is what one DLL exports, wherever it is mapped: read once, immutable, counted,
 * shared by all processes and threads. struct export_cache finds the one that was read before.
 * struct export_map is one process's (one for its 64-bit side, one for its 32-bit side, one for the
 * kernel): the modules with their bases, and where forwarders lead; cheap to build. Once finished it
 * stays as it is, but is for one thread at a time: forwarders are followed when first asked for.
 *
 * Room: exports.
 */
#ifndef IMPSCAN_EXPORT_MAP_H
#define IMPSCAN_EXPORT_MAP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/api_set.h>
#include <impscan/cleanup.h>
#include <impscan/pe.h>
#include <impscan/pe_exports.h>

struct export_table;

/*
 * Makes a table of `exports`, which it takes over (they are empty afterwards). `size` is
 * SizeOfImage. Release with export_table_unref().
 */
struct export_table *export_table_new(struct pe_exports *exports, uint32_t size);
/* Reads the exports of a PE and makes a table of them; NULL when there are none. */
struct export_table *export_table_read(const struct pe *pe);

struct export_table *export_table_ref(struct export_table *table);
void export_table_unref(struct export_table *table);
DEFINE_CLEANUP(struct export_table, export_table_unref)
#define _cleanup_export_table_ _cleanup_(export_table_unref_p)

/* What it was made of. Items that are forwarded have a `forwarder`. */
const struct pe_exports *export_table_exports(const struct export_table *table);

/* Returns what reading a table costs, in steps of a budget. */
uint64_t export_table_cost(const struct export_table *table);

/* Returns the bytes of memory that a table takes. */
size_t export_table_memory(const struct export_table *table);

/* All tables of a run. For any number of threads. */
struct export_cache;

struct export_cache *export_cache_new(void);
void export_cache_free(struct export_cache *cache);
DEFINE_CLEANUP(struct export_cache, export_cache_free)
#define _cleanup_export_cache_ _cleanup_(export_cache_free_p)

/*
 * Looks for the exports of the DLL that `reader` reads, among those that were kept: true when it has
 * every page that they were read from, byte for byte, and the same size. Sets the size of its pointers, and its table
 * with a reference; NULL: it exports nothing.
 */
bool export_cache_find(struct export_cache *cache, const struct pe_reader *reader,
		       unsigned int *pointer_size, struct export_table **table);

/*
 * Held while a DLL's table is looked for again, read and kept: others that want the same wait, instead
 * of reading it as well. Release with export_cache_unlock().
 */
struct export_reading {
	pthread_mutex_t *mutex;
};

struct export_reading export_cache_lock(struct export_cache *cache, const struct pe_reader *reader);
void export_cache_unlock(struct export_reading *reading);
#define _cleanup_export_reading_ __attribute__((cleanup(export_cache_unlock)))

/*
 * Keeps a table (NULL: no exports) with the `count` pages that its headers and exports were read from,
 * by `reader`, in any order, repeated or not. They must stay as long as the cache. Keeps its own reference. What
 * finds no room is not kept: then each process reads it for itself, with the same result.
 */
void export_cache_keep(struct export_cache *cache, const struct pe_reader *reader,
		       const struct module_page *pages, size_t count, unsigned int pointer_size,
		       struct export_table *table);

struct export_map;

/* `pointer_size` is 4 or 8. `sets` may be NULL; the map keeps a reference. */
struct export_map *export_map_new(unsigned int pointer_size, struct api_sets *sets);
void export_map_free(struct export_map *map);
DEFINE_CLEANUP(struct export_map, export_map_free)
#define _cleanup_export_map_ _cleanup_(export_map_free_p)

/*
 * Adds a module. `name` is that of its file, in any case ("KERNEL32.DLL"); NULL or "": the name in
 * its export directory. `table` may be NULL (nothing exported, or nothing readable): then only the
 * range is known. Keeps a reference to the table. Of modules that overlap the lower one counts.
 */
void export_map_add(struct export_map *map, uint64_t base, uint64_t size, const char *name,
		    struct export_table *table);

/* Call once after the last export_map_add(), before any question. */
void export_map_finish(struct export_map *map);

#define EXPORT_FORWARDERS_MAX (1u << 19) /* that a map follows; those beyond are not known of */

unsigned int export_map_pointer_size(const struct export_map *map);
struct api_sets *export_map_api_sets(const struct export_map *map);
size_t export_map_count(const struct export_map *map);

struct export_module {
	uint64_t base;
	uint64_t size;
	const char *name; /* lower case, "kernel32.dll" */
	const struct export_table *table;
};

/* Number `i` in the order of addresses. */
const struct export_module *export_map_module(const struct export_map *map, size_t i);

/*
 * Every module lies from `*low` to before `*high`: no other value can be an export's. It may be set
 * wider, to one range for all processes: see struct rebuild_memory. Only once finished.
 */
void export_map_range(const struct export_map *map, uint64_t *low, uint64_t *high);
void export_map_set_range(struct export_map *map, uint64_t low, uint64_t high);

/* The module that holds `address`, or NULL. */
const struct export_module *export_map_module_at(const struct export_map *map, uint64_t address);

/* Does any export start at `address`? Made for calls by the ten million. */
bool export_map_hit(const struct export_map *map, uint64_t address);

/* One way to name an address. */
struct export_candidate {
	const struct export_module *module;
	const struct pe_export *export;
	bool forwarded; /* `module` only passes it on */
};

/*
 * All that lead to `address`: first the exports of the module that it lies in, then forwarders;
 * stores up to `limit` and returns how many there are.
 */
size_t export_map_find(const struct export_map *map, uint64_t address,
		       struct export_candidate *candidates, size_t limit);

/*
 * Where an import leads, as the loader finds it: `dll` may be an API set, forwarders are followed.
 * `name` NULL: by ordinal. 0 when it can't be told.
 */
uint64_t export_map_resolve(const struct export_map *map, const char *dll, const char *name,
			    uint32_t ordinal);

/*
 * Calls `passed` for each DLL name that is looked up on the way of an import, as export_map_resolve()
 * follows it: `dll`, then those of forwarders, with the importer (NULL: the program) and the module
 * that was found (NULL: none).
 */
typedef void export_map_passed(void *context, const char *dll, const char *importer,
			       const struct export_module *module);
void export_map_follow(const struct export_map *map, const char *dll, const char *name,
		       uint32_t ordinal, export_map_passed *passed, void *context);

/*
 * The DLL that `dll` names: itself, or an API set's host. NULL when it is not among the modules.
 */
const struct export_module *export_map_dll(const struct export_map *map, const char *dll);

/* The same for an importer, a DLL's name: API sets may differ. NULL: the program. */
const struct export_module *export_map_dll_for(const struct export_map *map, const char *dll,
					       const char *importer);

#endif
