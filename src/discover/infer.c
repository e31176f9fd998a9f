/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order in which a layout is inferred, and the result: a profile of what the image confirms,
 * and sentences about what it does not. See infer.h.
 */
#include "discover/infer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "discover/internal.h"

struct model {
	const struct profile *profile;
	uint32_t distance; /* in builds */
};

static int compare_models(const void *a, const void *b)
{
	const struct model *x = a, *y = b;
	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return strcmp(x->profile->name, y->profile->name);
}

/* The profiles of other builds for such page maps, the nearest builds first. */
static void find_models(struct infer *infer, struct profiles *profiles)
{
	const struct candidate *candidate = infer->candidate;
	size_t count = profiles_count(profiles), found = 0;
	_cleanup_free_ struct model *models = alloc_zero(count + 1, sizeof(*models));
	for (size_t i = 0; i < count; i++) {
		const struct profile *profile;
		struct profile_summary summary = profiles_summary(profiles, i);
		bool own = candidate->build >= summary.build_first &&
			   candidate->build <= summary.build_last;
		if (own || summary.architecture != candidate->architecture)
			continue;
		struct error *error = profiles_get(profiles, i, &profile);
		if (error) {
			infer_failed(infer, "%s", error_message(error));
			error_free(error);
			continue;
		}
		/* A profile that was inferred itself is no model. */
		if (profile->inferred ||
		    !profile_fits_paging(profile, memory_paging(candidate->memory)))
			continue;
		models[found++] = (struct model){
			.profile = profile,
			.distance = candidate->build < summary.build_first
					    ? summary.build_first - candidate->build
					    : candidate->build - summary.build_last,
		};
	}
	qsort(models, found, sizeof(*models), compare_models);
	infer->model = alloc_zero(found + 1, sizeof(*infer->model));
	for (size_t i = 0; i < found; i++)
		infer->model[i] = models[i].profile;
	infer->model_count = found;
}

/* Assumes page-table entries as the nearest build has them, until they are inferred. */
static void begin(struct infer *infer)
{
	const struct profile *nearest = infer->model[0];
	infer_set(infer, MMPTE_size, profile_offset(nearest, MMPTE_size), INFER_VERIFIED);
	for (enum profile_member i = 0; i < PROFILE_MEMBER_COUNT; i++)
		if (i != MMPTE_size && !strncmp(profile_type_name(i), "MMPTE", 5))
			infer_take(infer, nearest, &i, 1, INFER_ASSUMED);
	candidate_use_profile(infer->candidate, infer->profile);
}

/* Has every model the member, and in the same place? */
static bool is_constant(const struct infer *infer, enum profile_member member)
{
	if (!profile_member_universal(member))
		return false;
	for (size_t i = 0; i < infer->model_count; i++)
		if (!profile_has(infer->model[i], member) ||
		    !infer_same(infer->model[0], infer->model[i], &member, 1))
			return false;
	return true;
}

static void take_constants(struct infer *infer)
{
	for (enum profile_member i = 0; i < PROFILE_MEMBER_COUNT; i++)
		if (!infer->looked_for[i] && is_constant(infer, i))
			infer_take(infer, infer->model[0], &i, 1, INFER_ASSUMED);
}

/* Drops sizes that are assumed: members that were found may lie beyond them. */
static void drop_sizes(struct infer *infer)
{
	for (enum profile_member i = 0; i < PROFILE_MEMBER_COUNT; i++)
		if (infer->state[i] == INFER_ASSUMED && i != MMPTE_size &&
		    !strcmp(profile_member_name(i), "size"))
			infer_drop(infer, &i, 1);
}

static void finish(struct infer *infer)
{
	struct candidate *candidate = infer->candidate;
	struct profile *profile = infer->profile;
	_cleanup_text_ struct text assumed = {0};
	size_t verified = 0, found = 0, all = 0;
	for (enum profile_member i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		all += infer->state[i] != INFER_ABSENT;
		verified += infer->state[i] == INFER_VERIFIED;
		found += infer->state[i] == INFER_FOUND;
		if (infer->state[i] == INFER_ASSUMED)
			text_add_format(&assumed, "%s%s.%s", assumed.length ? ", " : "",
					profile_type_name(i), profile_member_name(i));
	}
	const char *paging = memory_paging(candidate->memory) == PAGING_PAE ? "-pae" : "";
	profile->name = alloc_printf("inferred-%u-%s%s", candidate->build,
				     architecture_name(candidate->architecture), paging);
	profile->description =
		alloc_printf("Windows build %u, inferred from an image", candidate->build);
	profile->variant = alloc_strdup("");
	profile->source = alloc_printf("an image of build %u and, to begin with, the profile %s",
				       candidate->build, infer->model[0]->name);
	profile->origin =
		alloc_printf("inferred: %zu of %zu fields verified", verified + found, all);
	profile->inferred =
		alloc_printf("%zu of %zu fields verified on up to %zu processes, %zu of "
			     "them found by search; assumed: %s",
			     verified + found, all, infer->sample_count, found,
			     assumed.length ? text_string(&assumed) : "none");
	profile->build_first = profile->build_last = candidate->build;
}

static bool infer_all(struct infer *infer, struct space *space)
{
	struct candidate *candidate = infer->candidate;
	begin(infer);
	if (!infer_processes(infer, space))
		return false;
	struct windows machine = candidate_machine(candidate);
	_cleanup_space_ struct space *kernel = windows_kernel_space(&machine);
	infer->kernel = kernel;
	bool found = infer_user(infer);
	if (found)
		infer_process_details(infer);
	found = found && infer_vads(infer);
	if (found) {
		infer_sections(infer);
		infer_entries(infer);
		infer_wow64(infer);
		candidate_use_profile(candidate, infer->profile);
		infer_pages(infer);
		take_constants(infer);
		drop_sizes(infer);
		if (profile_fit(&machine, candidate->budget) <= 0) {
			infer_failed(infer, "the layout as a whole: more of it disagrees with the "
					    "image than agrees");
			found = false;
		}
	}
	infer->kernel = NULL;
	return found;
}

static void release(struct infer *infer)
{
	for (size_t i = 0; i < infer->sample_count; i++) {
		struct infer_process *sample = &infer->sample[i];
		free(sample->body);
		space_free(sample->space);
		modules_free(&sample->modules);
		vads_free(&sample->vads);
	}
	free(infer->sample);
	address_set_free(&infer->eprocesses);
	free(infer->model);
	text_free(&infer->doubt);
	text_free(&infer->tried);
}

bool infer_profile(struct candidate *candidate, struct space *space, struct profiles *profiles,
		   char **tried)
{
	_cleanup_profile_ struct profile *profile = alloc_new(struct profile);
	struct infer infer = {.candidate = candidate, .profile = profile};
	profile->architecture = candidate->architecture;
	candidate->profile = profile;
	find_models(&infer, profiles);
	bool found = false;
	if (!infer.model_count)
		infer_failed(&infer, "there is no profile of any other build to begin with");
	else
		found = infer_all(&infer, space);
	if (budget_exceeded(candidate->budget)) {
		infer_failed(&infer, "it was cut off: what the image describes is far more than it "
				     "holds");
		found = false;
	}
	if (found) {
		finish(&infer);
		candidate->doubt = alloc_strdup(text_string(&infer.doubt));
		candidate->inferred = take_ptr(profile);
	} else {
		*tried = alloc_strdup(text_string(&infer.tried));
		candidate->profile = NULL;
	}
	release(&infer);
	return found;
}
