/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What many page-table entries together say of how this kernel writes them.
 *
 * Room: memory.
 */
#ifndef IMPSCAN_ENTRY_VOTES_H
#define IMPSCAN_ENTRY_VOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>
#include <impscan/budget.h>
#include <impscan/space.h>

/*
 * What the entries of some page tables say of how the kernel writes them: for finding the
 * InvalidPteMask, which is 1 << (the processor's physical address bits - 1), or 0 on a machine
 * that needs none, and which no exported symbol leads to. Start with all zero.
 */
#define MASK_TALLY 8
struct mask_tally {
	struct {
		uint64_t mask;
		uint64_t votes;
	} masks[MASK_TALLY];
	size_t count;
};

struct entry_votes {
	struct mask_tally transition; /* by entries in transition whose SwizzleBit is clear */
	struct mask_tally zero;	      /* by those that are demand zero */
	/* By those in a page file: how many, and in how many of them each bit is set. */
	uint64_t paged;
	uint64_t paged_bits[64];
	uint64_t plain; /* whose SwizzleBit is set: so this kernel knows of a mask */
	/*
	 * Of those in a page file: which have bits in either place where kernels keep the file's
	 * number, 1-4 and 12-15; see entry_votes_number().
	 */
	uint64_t low, high, both, neither;
	uint64_t entries; /* looked at */
	bool cut;	  /* the caller's: not all tables were */
	struct {
		uint64_t pages; /* entries that name this page file */
		uint64_t end;	/* the highest offset among them + 1, in pages */
	} page_files[16];
};

/*
 * Adds the entries of up to `tables` last-level page tables of a space, those of `first` to `end`.
 * For page_files[] to be right, the mask must have been told before. Ends where `budget` (may be NULL)
 * does.
 */
void entry_votes_add(struct entry_votes *votes, struct space *space, uint64_t first, uint64_t end,
		     unsigned int tables, struct budget *budget);

/* The mask that most entries carry; false when none of them tells. */
bool entry_votes_mask(const struct entry_votes *votes, uint64_t *mask);

/*
 * Where entries in a page file have its number: 1 (bits 1-4), 12 (bits 12-15, since the updates of
 * 2018), 0 when they don't tell. Where the number is not, there are the flags PageFileReserved and
 * PageFileAllocated; one of them is set in every entry of the kernels that have them.
 */
unsigned int entry_votes_number(const struct entry_votes *votes);

#endif
