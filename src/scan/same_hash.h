/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: how many modules of a machine have the same hash, which is known when all
 * have been looked at. A search's matches are kept until then, as the modules and the hits that
 * they will be made of.
 */
#ifndef SCAN_SAME_HASH_H
#define SCAN_SAME_HASH_H

#include <impscan/match.h>
#include <impscan/rows.h>

/* Fingerprints of the hashes of all modules. All zero to begin with. */
struct hash_counts {
	uint64_t *items;
	size_t count;
	size_t capacity;
	bool sorted;
};

/* Notes the hashes of a module's lists. */
void hash_counts_add(struct hash_counts *counts, const struct row *row);

/* How many other modules have the hash of `row` that its match is by. The first call sorts. */
size_t hash_counts_others(struct hash_counts *counts, const struct row *row);

/* Forgets them, and keeps the memory for those of another machine. */
void hash_counts_clear(struct hash_counts *counts);

void hash_counts_free(struct hash_counts *counts);

/* A module whose rows are made later. */
struct kept_module {
	struct row *row;
	struct hits *hits; /* NULL: it resembles nothing */
};

struct kept_modules {
	struct kept_module *items;
	size_t count;
	size_t capacity;
	size_t memory; /* bytes that they take */
};

/* Keeps copies of a row and a reference to its hits. */
void kept_modules_add(struct kept_modules *kept, const struct row *row, struct hits *hits);

/* Forgets them, and releases all they took. */
void kept_modules_clear(struct kept_modules *kept);

#endif
