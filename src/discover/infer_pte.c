/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Infers the form of entries of pages that are not valid: that of the nearest build which agrees
 * with the image.
 */
#include "discover/infer.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>

/* Pages that are looked at. */
#define MOST_ENTRIES 1000000

static bool is_entry_member(enum profile_member member)
{
	return !strncmp(profile_type_name(member), "MMPTE", 5);
}

void infer_entries(struct infer *infer)
{
	enum profile_member members[PROFILE_MEMBER_COUNT];
	size_t count = 0;
	for (enum profile_member i = 0; i < PROFILE_MEMBER_COUNT; i++)
		if (is_entry_member(i) && i != MMPTE_size)
			members[count++] = i;
	struct entry_facts facts = {0};
	for (size_t i = 0; i < infer->sample_count; i++)
		for (size_t k = 0; k < infer->sample[i].vads.count; k++)
			entry_facts_add(&facts, infer->profile, infer->kernel,
					infer->sample[i].space, &infer->sample[i].vads.items[k],
					MOST_ENTRIES);
	const struct profile *best = infer->model[0];
	struct tally best_tally = {0};
	for (size_t i = 0; i < infer->model_count; i++) {
		struct tally tally = entry_facts_judge(&facts, infer->model[i]);
		/* One is enough: an address of 48 bits does not agree by chance. */
		if (tally.bad * 4 > tally.good || tally.good <= best_tally.good)
			continue;
		best = infer->model[i];
		best_tally = tally;
	}
	enum infer_state state = best_tally.good ? INFER_VERIFIED : INFER_ASSUMED;
	infer_take(infer, best, members, count, state);
	if (!best_tally.good && facts.count + facts.absent)
		infer_doubt(infer,
			    "the form of page-table entries (MMPTE) is assumed to be that of "
			    "%s: nothing in the image shows it",
			    best->name);
	free(facts.items);
}
