/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: what hashes were found to resemble, so that a search of many rows compares
 * each module's only once. For any number of threads.
 */
#ifndef SCAN_HITS_CACHE_H
#define SCAN_HITS_CACHE_H

#include <stdbool.h>

#include <impscan/match.h>
#include <impscan/text.h>

struct hits_cache;

struct hits_cache *hits_cache_new(void);
void hits_cache_free(struct hits_cache *cache);

/* Finds what was kept for a key; `*hits`: a reference, or NULL for nothing that it resembles. */
bool hits_cache_find(struct hits_cache *cache, const struct text *key, struct hits **hits);

/* Keeps a reference of its own. When it has grown too large, everything before is forgotten. */
void hits_cache_add(struct hits_cache *cache, const struct text *key, struct hits *hits);

#endif
