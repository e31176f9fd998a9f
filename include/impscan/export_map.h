/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The modules of one process by address, and which exports lead to an address.
 *
 * A process has one map for its 64-bit modules, one for its 32-bit modules; the kernel has one. A
 * map is cheap to build: the export tables are shared (exports.h). Once finished it does not
 * change, but only one thread may use it at a time, since forwarders are followed when they are
 * first needed.
 *
 * Room: exports.
 */
#ifndef IMPSCAN_EXPORT_MAP_H
#define IMPSCAN_EXPORT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/api_set.h>
#include <impscan/cleanup.h>
#include <impscan/exports.h>

struct export_map;

/*
 * Makes an empty map. `pointer_size` is 4 or 8. The map takes a reference to `sets`, which may be
 * NULL. Add the modules, then call export_map_finish(). Release with export_map_free().
 */
struct export_map *export_map_new(unsigned int pointer_size, struct api_sets *sets);
void export_map_free(struct export_map *map); /* NULL is fine */
DEFINE_CLEANUP(struct export_map, export_map_free)
#define _cleanup_export_map_ _cleanup_(export_map_free_p)

/*
 * Adds a module. Of modules that overlap the one at the lower address is kept.
 *
 * base, size	where it is mapped, in bytes
 * name		of its file, in any case, "KERNEL32.DLL"; NULL or "": the one in its export
 *		directory
 * table	the map takes a reference; NULL: no exports, or none that can be read
 */
void export_map_add(struct export_map *map, uint64_t base, uint64_t size, const char *name,
		    struct export_table *table);

/* Call once, after the last export_map_add() and before anything below. */
void export_map_finish(struct export_map *map);

#define EXPORT_FORWARDERS_MAX \
	(1u << 19) /* forwarders that a map follows; it ignores further ones */

unsigned int export_map_pointer_size(const struct export_map *map);
struct api_sets *export_map_api_sets(const struct export_map *map); /* no new reference */

/* A module of a map. Belongs to the map. */
struct export_module {
	uint64_t base;
	uint64_t size;
	const char *name;		  /* in lower case, "kernel32.dll" */
	const struct export_table *table; /* NULL: no exports known */
};

/* Returns the number of modules, and module number `i` in the order of addresses. */
size_t export_map_count(const struct export_map *map);
const struct export_module *export_map_module(const struct export_map *map, size_t i);

/*
 * The range of addresses in which all modules lie, from `low` to before `high`: no other address is
 * an export's. export_map_set_range() widens it, for one range that holds for all processes: see
 * struct rebuild_memory.
 */
void export_map_range(const struct export_map *map, uint64_t *low, uint64_t *high);
void export_map_set_range(struct export_map *map, uint64_t low, uint64_t high);

/* Returns the module that contains `address`, or NULL. */
const struct export_module *export_map_module_at(const struct export_map *map, uint64_t address);

/*
 * The pages of the first 4 GB in which exports start: page i by bit i % 64 of bits[i / 64]. Of 4
 * bytes of code every second value may be an address of a module: this rules out most of them.
 */
struct export_pages {
	uint64_t *bits;
	uint32_t first, last; /* pages; `first` is above `last` where there are none */
};

/* Returns those of a map for pointers of 4 bytes; NULL: it is for 8 bytes. They are the map's. */
const struct export_pages *export_map_pages(const struct export_map *map);

/* May an export start at `address`? A quick test. */
static inline bool export_pages_maybe(const struct export_pages *pages, uint32_t address)
{
	uint32_t page = address >> 12;
	return pages->bits[page / 64] >> page % 64 & 1;
}

/* Does any export start at `address`? Fast enough for every pointer of an image. */
bool export_map_hit(const struct export_map *map, uint64_t address);

/* An export that leads to an address. */
struct export_candidate {
	const struct export_module *module;
	const struct pe_export *export;
	bool forwarded; /* it is a forwarder: the address lies in another module */
};

/*
 * Finds all exports that lead to `address`: first those of the module that contains it, then
 * forwarders of others. Stores the first `limit` of them, and returns how many there are.
 */
size_t export_map_find(const struct export_map *map, uint64_t address,
		       struct export_candidate *candidates, size_t limit);

/*
 * Returns the address that an import resolves to, as the loader would find it: API sets are
 * replaced by their hosts, and forwarders followed. Returns 0 when a module or the export is
 * missing.
 *
 * dll		the DLL, or an API set
 * name		the function; NULL: the import is by `ordinal`
 */
uint64_t export_map_resolve(const struct export_map *map, const char *dll, const char *name,
			    uint32_t ordinal);

/*
 * Called for a DLL that is looked up by its name.
 *
 * importer	the DLL whose forwarder has the name; NULL: the program
 * module	what was found; NULL: nothing
 */
typedef void export_map_passed(void *context, const char *dll, const char *importer,
			       const struct export_module *module);

/* Resolves an import as export_map_resolve() does, and calls `passed` for each DLL on the way. */
void export_map_follow(const struct export_map *map, const char *dll, const char *name,
		       uint32_t ordinal, export_map_passed *passed, void *context);

/* Returns the module called `dll`, or that hosts the API set `dll`; NULL: the process has none. */
const struct export_module *export_map_dll(const struct export_map *map, const char *dll);

/*
 * The same for one importer, since the host of an API set may depend on it. `importer` is the name
 * of a DLL; NULL: the program.
 */
const struct export_module *export_map_dll_for(const struct export_map *map, const char *dll,
					       const char *importer);

#endif
