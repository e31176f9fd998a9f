/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room discover: which form entries of pages that are not valid (MMPTE_*) have.
 */
#ifndef DISCOVER_ENTRY_FORM_H
#define DISCOVER_ENTRY_FORM_H

#include <impscan/vad.h>

/* How many facts agree with a guess, and how many do not. */
struct tally {
	int good;
	int bad;
};

static inline void tally_add(struct tally *tally, bool good)
{
	if (good)
		tally->good++;
	else
		tally->bad++;
}

/* An entry of a page that leads to a prototype PTE. */
struct entry_fact {
	uint64_t value;
	uint64_t prototype; /* by the VAD */
};

struct entry_facts {
	struct entry_fact *items;
	size_t count;
	size_t capacity;
	size_t looked;
	/* Of those that lead to a page file or to a frame in transition: ... */
	size_t absent;
	size_t swizzled;    /* with the bit that is SwizzleBit now */
	size_t page_file_0; /* to a page file, with none of the bits that were its number */
};

/*
 * Collects the entries of a VAD's pages, until `limit` pages were looked at in all. Of `profile`
 * only MMPTE.size and, where it has it, MMVAD.FirstPrototypePte are used. The caller frees
 * facts->items.
 */
void entry_facts_add(struct entry_facts *facts, const struct profile *profile, struct space *kernel,
		     struct space *space, const struct vad *vad, size_t limit);

/* Returns how many facts agree with the form that `profile` has. */
struct tally entry_facts_judge(const struct entry_facts *facts, const struct profile *profile);

#endif
