/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: what was found out about an image section, for all who map it.
 *
 * A DLL is mapped by every process from the same physical pages. What its import list comes to is
 * kept with the pages that were read for it; where another process has the same pages at the same
 * places, it is the same, and nothing is parsed or hashed again. Any page with other bytes (patched,
 * absent) makes the difference seen.
 */
#ifndef SCAN_FINDING_CACHE_H
#define SCAN_FINDING_CACHE_H

#include <impscan/module_reader.h>

#include "scan/unit.h"

struct finding_cache *finding_cache_new(void);
void finding_cache_free(struct finding_cache *cache);
DEFINE_CLEANUP(struct finding_cache, finding_cache_free)
#define _cleanup_finding_cache_ _cleanup_(finding_cache_free_p)

/* What is known of a section by some pages; it stays as long as the cache. */
struct cached_finding;

/*
 * Fills `finding` when the section of reader->control_area, of which the process lets as much be read,
 * was examined before by the same pages; else NULL. For any number of threads.
 */
struct cached_finding *finding_cache_get(struct finding_cache *cache,
					 const struct module_reader *reader,
					 struct finding *finding);

/*
 * Keeps a finding with the pages that `reader` recorded for it, and the steps of a budget that it cost;
 * NULL when there are enough of it, or of all, or when any of the pages was absent.
 */
struct cached_finding *finding_cache_put(struct finding_cache *cache,
					 const struct module_reader *reader, uint64_t cost,
					 const struct finding *finding);

/* What the declared list cost when it was read. */
uint64_t cached_finding_cost(const struct cached_finding *cached);

/* The settled list (rebuild.h) that was found by those pages, or NULL; and keeping one: takes it. */
const struct settled *cached_finding_settled(struct cached_finding *cached);
void cached_finding_settle(struct finding_cache *cache, struct cached_finding *cached,
			   struct settled *settled);

void finding_free(struct finding *finding);

#endif
