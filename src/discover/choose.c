/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chooses the profile: of those of the machine's build the one that fits best.
 */
#include "discover/finder.h"

#include <impscan/alloc.h>

#include "discover/internal.h"

void choices_collect(const struct candidate *candidate, struct profiles *profiles,
		     const struct windows_options *options, struct choices *choices,
		     struct attempts *attempts)
{
	enum paging paging = memory_paging(candidate->memory);
	if (options->profile) {
		array_push(choices->items, choices->count, choices->capacity)->profile =
			options->profile;
		return;
	}
	_cleanup_free_ size_t *found = alloc_zero(profiles_count(profiles) + 1, sizeof(*found));
	size_t count = profiles_match(profiles, candidate->architecture, candidate->build, found,
				      profiles_count(profiles));
	for (size_t i = 0; i < count; i++) {
		const struct profile *profile;
		struct error *error = profiles_get(profiles, found[i], &profile);
		if (error) {
			error_free(attempts->profile);
			attempts->profile = error;
		} else if (profile_fits_paging(profile, paging)) {
			*array_push(choices->items, choices->count, choices->capacity) =
				(struct choice){profile,
						profiles_summary(profiles, found[i]).added};
		}
	}
	if (!choices->count)
		attempts->no_profile = true;
}

bool choices_try(const struct choices *choices, struct candidate *candidate, struct space *space,
		 find_system *find, const struct windows_options *options)
{
	struct {
		const struct choice *choice; /* NULL: none so far */
		uint64_t system, dtb;
		int fit;
	} best = {0};
	bool cut = false;
	for (size_t i = 0; i < choices->count; i++) {
		const struct choice *choice = &choices->items[i];
		int fit = 0;
		candidate_use_profile(candidate, choice->profile);
		if (!find(candidate, space, options))
			continue;
		if (choices->count > 1) {
			struct windows machine = candidate_machine(candidate);
			fit = profile_fit(&machine, candidate->budget);
			cut |= budget_exceeded(candidate->budget);
		}
		if (best.choice &&
		    (fit < best.fit || (fit == best.fit && best.choice->added != choice->added)))
			continue;
		best.choice = choice;
		best.system = candidate->system;
		best.dtb = candidate->dtb;
		best.fit = fit;
	}
	if (!best.choice) {
		candidate->profile = NULL;
		return false;
	}
	candidate_use_profile(candidate, best.choice->profile);
	candidate->system = best.system;
	candidate->dtb = best.dtb;
	candidate->cut |= cut ? CUT_FIT : 0;
	return true;
}
