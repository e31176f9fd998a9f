/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Statistics over many page-table entries that are not valid: they show how this kernel stores
 * entries, which no symbol tells (InvalidPteMask, the place of the page file's number), and how far
 * each page file is used.
 *
 * Room: memory.
 */
#ifndef IMPSCAN_ENTRY_VOTES_H
#define IMPSCAN_ENTRY_VOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/budget.h>
#include <impscan/cleanup.h>
#include <impscan/space.h>

/* The most frequent masks among some entries, and how many entries have each. */
#define MASK_TALLY 8
struct mask_tally {
	struct {
		uint64_t mask;
		uint64_t votes;
	} masks[MASK_TALLY];
	size_t count;
};

/* What the entries say. Zero-initialise it, and add entries by entry_votes_add(). */
struct entry_votes {
	uint64_t entries; /* how many: those that are entry_is_kept() */
	bool cut;	  /* for the caller's use: whether there were more tables */

	/* For InvalidPteMask: the masks of entries with a clear SwizzleBit. */
	struct mask_tally transition; /* in transition: frame bits above the image's memory */
	struct mask_tally zero;	      /* demand zero: page-file offsets of no or one such bit */
	uint64_t paged;		      /* in a page file: how many, */
	uint64_t paged_bits[64];      /* and how many of them have each bit set */
	uint64_t plain;		      /* entries with a set SwizzleBit: there is a mask */

	/*
	 * For the number's place: entries in a page file with any of bits 1-3 set, of bits 12-15.
	 */
	uint64_t low, high, both, neither;

	/*
	 * Of each page file, by the layout and mask that the memory has: entries in it, and the
	 * highest page among them + 1.
	 */
	struct {
		uint64_t pages;
		uint64_t end;
	} page_files[PAGE_FILES];
};

/*
 * Adds the entries of the last-level page tables of `space` between the addresses `first` and
 * `end`, of up to `tables` tables. Stops early when `budget` (NULL: no limit) is used up. Set the
 * mask before (memory_set_invalid_mask()) where page_files[] is to be used.
 */
void entry_votes_add(struct entry_votes *votes, struct space *space, uint64_t first, uint64_t end,
		     unsigned int tables, struct budget *budget);

/*
 * Sets `*mask` to InvalidPteMask: 1 << (the processor's physical address bits - 1), or 0 where most
 * entries show that there is none. False when no entry shows anything.
 */
bool entry_votes_mask(const struct entry_votes *votes, uint64_t *mask);

/*
 * The lowest bit of the page file's number: 1 (bits 1-4), or 12 (bits 12-15, since the updates of
 * 2018); 0 when the entries don't show it. Where the number is not, kernels have the flags
 * PageFileReserved and PageFileAllocated, one of which is set in every entry.
 */
unsigned int entry_votes_number(const struct entry_votes *votes);

#endif
