/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `source`: where the parts of a split file belong in it, be they files of a folder
 * or of an archive.
 */
#ifndef IMPSCAN_SOURCE_PARTS_H
#define IMPSCAN_SOURCE_PARTS_H

#include "source/internal.h"

struct part_place {
	uint64_t offset; /* in the file that they make */
	uint64_t size;	 /* bytes; of one that is missing: set by parts_place() */
	bool missing;	 /* it is not there, or empty */
	bool empty;	 /* of these: which it is */
};

/*
 * Gives parts their places, the first of which is there. One that is missing is as large as all the
 * others. Where these differ, what is behind the first that is missing has no place. Returns how
 * many have one, from the first on; the last of them is there.
 */
size_t parts_place(struct part_place *parts, size_t count);

/*
 * Says which parts are not there, and which have no place: `placed` of `count` have one. Adds
 * sentences to `told`, joined by "; ", for source_warn(). `names` are those of the parts.
 */
void parts_tell(struct text *told, const char *const *names, const struct part_place *parts,
		size_t count, size_t placed);

/* A part of a source that is not there: it is never ready, and no hole. */
struct source_gap {
	uint64_t start, end; /* offsets */
};

/* How many bytes are ready from `offset` on, of `size`: up to the next gap. Gaps are sorted. */
uint64_t gaps_ready(const struct source_gap *gaps, size_t count, uint64_t offset, uint64_t size);

/* Says that ranges of a sparse source are not holes. They are sorted, and not in each other. */
void source_keep_data(struct source *source, const struct source_gap *gaps, size_t count);

/* Takes gaps, sorted and not in each other, out of what a source has, which is not lazy. */
void source_set_gaps(struct source *source, const struct source_gap *gaps, size_t count);

#endif
