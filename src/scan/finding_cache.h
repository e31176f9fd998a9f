/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: findings about image sections, kept for all processes that map them.
 *
 * A DLL is mapped by every process from the same physical pages. The finding about its declared
 * list is kept together with the pages that were read for it. When another process has the same
 * bytes in these pages, its finding is the same, and nothing is parsed or hashed again. A page that
 * differs, since it was patched or is absent, is noticed.
 */
#ifndef SCAN_FINDING_CACHE_H
#define SCAN_FINDING_CACHE_H

#include <impscan/module_reader.h>

#include "scan/unit.h"

/* For any number of threads. */
struct finding_cache *finding_cache_new(void);
void finding_cache_free(struct finding_cache *cache);
DEFINE_CLEANUP(struct finding_cache, finding_cache_free)
#define _cleanup_finding_cache_ _cleanup_(finding_cache_free_p)

/*
 * The steps of budgets that reading a module takes: its declared list, and what
 * program_names_read() does.
 */
struct finding_cost {
	uint64_t names;
	uint64_t programs;
};

/* A finding in the cache. Valid as long as the cache. */
struct cached_finding;

/*
 * Looks for the finding about a module.
 *
 * reader: the module's. It must be in the section reader->control_area, have the same size, and the
 *	process must have the same pages.
 * finding: gets a copy, which the caller owns.
 *
 * Returns NULL, and leaves `finding` alone, when there is none.
 */
struct cached_finding *finding_cache_get(struct finding_cache *cache,
					 const struct module_reader *reader,
					 struct finding *finding);

/*
 * Keeps a copy of a finding.
 *
 * reader: has recorded the pages that the finding was made from.
 * cost: what reading the module took.
 *
 * Returns NULL when it is not kept: a page was absent, or the cache has enough findings about this
 * section or takes enough memory.
 */
struct cached_finding *finding_cache_put(struct finding_cache *cache,
					 const struct module_reader *reader,
					 const struct finding_cost *cost,
					 const struct finding *finding);

/* Returns what reading the module took. */
const struct finding_cost *cached_finding_cost(const struct cached_finding *cached);

/* Returns the settled list (rebuild.h) of a module with those pages, or NULL. The cache owns it. */
const struct settled *cached_finding_settled(struct cached_finding *cached);

/*
 * Adds a settled list to a finding, and takes it over. It is freed when there is one, or no room.
 */
void cached_finding_settle(struct finding_cache *cache, struct cached_finding *cached,
			   struct settled *settled);

#endif
