/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: what the addresses of one process stand for, and the budgets of work for
 * its import lists. The lists themselves are made by module_rebuild.c.
 */
#ifndef SCAN_UNIT_MAPS_H
#define SCAN_UNIT_MAPS_H

#include <stdatomic.h>

#include <impscan/budget.h>
#include <impscan/rebuild.h>
#include <impscan/region.h>

#include "scan/clean_pages.h"
#include "scan/private_tables.h"
#include "scan/unit.h"

/*
 * The export maps of a process, one for each pointer size; each is made when it is first asked for.
 * Index 0 of the arrays is for 8 bytes, 1 for 4 bytes.
 */
struct unit_maps {
	const struct unit_context *context;
	struct view *view;
	const struct process *process;
	const struct modules *modules; /* all that were found */
	struct injections injections;  /* of the view, once unit_find_modules() has found them */
	struct api_sets *api_sets;     /* a reference; NULL: none, or no map was made so far */
	bool api_sets_refused;	       /* there is a schema, and it makes no sense */
	struct export_map *map[2];     /* NULL: not made so far */
	bool shared[2];		       /* their range is the same in all processes */
	bool unknown_to_files[2];      /* see unit_map_unknown_to_files() */
	/* Of 4 bytes, where files may know the addresses: modules that export something, and whether
	 * these are all and don't overlap, so that pages can be skipped by them. */
	struct exporters exporters;
	bool exporters_known;
	struct private_tables private_tables[2]; /* of the same pointer sizes, found so far */
	/* Modules whose exports were left out of a map, since those before took all there is. */
	size_t left_out;
	/*
	 * For reading declared lists, for looking for tables, for comparing these with samples, and
	 * for what .NET and Go programs have beside lists. They are separate budgets, so that
	 * memory full of tables leaves enough for the declared lists, and tables that resemble many
	 * samples leave enough for all others.
	 */
	struct budget names, tables, samples, programs;
	bool runs_dotnet, runs_dotnet_known; /* see unit_runs_dotnet() */
	atomic_size_t progress; /* number of the module whose exports are being read for a map */
	/* Where the symbols of samples lead to (sample_imports.h); NULL: not asked so far. */
	uint64_t *resolved[2];
};

/*
 * Initialises the maps of a process. All parameters must outlive them; `modules` may still be
 * filled, until the first map is asked for.
 */
void unit_maps_init(struct unit_maps *maps, const struct unit_context *context, struct view *view,
		    const struct process *process, const struct modules *modules);

/*
 * Counts the work of the lists against the view's budget. To be called once. Returns whether the
 * budgets were enough.
 */
bool unit_maps_close(struct unit_maps *maps);
void unit_maps_free(struct unit_maps *maps);
#define _cleanup_unit_maps_ __attribute__((cleanup(unit_maps_free)))

/* Returns the export map of a pointer size (4 or 8). It stays the property of `maps`. */
const struct export_map *unit_map(struct unit_maps *maps, unsigned int pointer_size);

/*
 * Reads the exports of module number `i` into the cache of all processes, where unit_map() will
 * find them. Counts nothing.
 */
void unit_map_read_ahead(struct unit_maps *maps, size_t i);

/*
 * Tells whether the export map of a pointer size, which must have been made, covers a range of
 * addresses that is the same in all processes. Then a page that is clean in one process is clean in
 * all that map it.
 */
bool unit_map_is_shared(const struct unit_maps *maps, unsigned int pointer_size);

/*
 * Tells whether no file can know the addresses of an export map, which must have been made, since
 * they change with each start of the machine. Then pages of images that nobody has written to need
 * no look.
 */
bool unit_map_unknown_to_files(const struct unit_maps *maps, unsigned int pointer_size);

/*
 * Returns the modules that an export map of 4 bytes, which must have been made, has exports of;
 * NULL: pages can't be skipped by them.
 */
const struct exporters *unit_map_exporters(const struct unit_maps *maps, unsigned int pointer_size);

/* Returns the tables found so far in the private memory of the process, of a pointer size. */
struct private_tables *unit_private_tables(struct unit_maps *maps, unsigned int pointer_size);

/*
 * Tells whether the process has a module that runs .NET assemblies, or is one that has a runtime in
 * itself, once all modules are found.
 */
bool unit_runs_dotnet(struct unit_maps *maps);

#endif
