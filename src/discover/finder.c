/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds a machine in an image: one that is known for certain.
 *
 * Every candidate page map is tried until one leads to a kernel whose System process is what the
 * build's profile says. A candidate is never taken for looking plausible.
 *
 * Anything can be made to look like a page map, in any number, and a few tables like all of memory.
 * So all that is looked at is counted against a budget, by what the file really holds. Each page
 * map gets a share of it. Those that need more get a larger one when all others had theirs. What
 * costs most, sweeps and inference, comes last.
 */
#include "discover/finder.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "discover/infer.h"
#include "discover/internal.h"

/* Steps of beginning with a page map, of looking at a kernel, and of inferring its layout. */
#define MAP_STEPS    20
#define KERNEL_STEPS 500
#define INFER_STEPS  5000

/*
 * Steps that each page map gets at first, at most and at least; the factor for those it gets later.
 */
#define SHARE_FIRST 100000
#define SHARE_LEAST 2000
#define SHARE_MORE  8

/* So many likely page maps are tried as soon as the scan finds them. */
#define EAGER_MAPS 16

/* A kernel that was found, whose System was not. */
struct suspect {
	struct page_map map;
	uint64_t kernel_base;
	const uint8_t *pages[SYSTEM_PAGES];
	bool swept; /* a sweep for its System makes no sense */
};

struct finder {
	struct candidate *candidate;
	struct profiles *profiles;
	const struct windows_options *options;
	struct page_maps maps;
	unsigned int page_files;    /* bit N: page file N is read */
	struct memory *memories[3]; /* by paging; NULL: not needed yet */
	struct table_walk walk;
	struct budget budget;
	size_t eager; /* page maps that were tried while the scan went on */
	struct suspect *suspects;
	size_t suspect_count;
	size_t suspect_capacity;
	struct attempts attempts;
};

static bool find_known(struct candidate *candidate, struct space *space,
		       const struct windows_options *options)
{
	(void)options;
	return system_find(candidate, space);
}

/* Gives the memory the page files of the options. Of `used`, bit N says whether N is read. */
static struct error *add_page_files(struct memory *memory, const struct windows_options *options,
				    unsigned int used)
{
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		if (!options->page_files[i])
			continue;
		if (options->page_sources[i])
			try_(memory_add_page_source(memory, i, options->page_sources[i]));
		else
			try_(memory_add_page_file(memory, i, options->page_files[i]));
		memory_use_page_file(memory, i, used >> i & 1);
	}
	return NULL;
}

/* The layout from the image itself. */
static bool infer(struct finder *finder, struct space *space)
{
	char **tried = &finder->attempts.inference;
	free(*tried);
	*tried = NULL;
	(void)budget_spend(finder->candidate->budget, INFER_STEPS);
	return infer_profile(finder->candidate, space, finder->profiles, tried);
}

/* Begins a new candidate, for a page map; false when a page file can't be read. */
static bool begin_map(struct finder *finder, const struct page_map *map)
{
	struct candidate *candidate = finder->candidate;
	struct memory **memory = &finder->memories[map->paging];
	bool x64 = map->paging == PAGING_X64;
	if (!*memory) {
		*memory = memory_new(candidate->image, map->paging);
		finder->attempts.page_file =
			add_page_files(*memory, finder->options, finder->page_files);
		if (finder->attempts.page_file)
			return false;
	}
	memory_reset_entries(*memory);
	*candidate = (struct candidate){
		.image = candidate->image,
		.memory = *memory,
		.architecture = x64 ? ARCHITECTURE_X64 : ARCHITECTURE_X86,
		.pointer_size = x64 ? 8 : 4,
		.budget = &finder->budget,
	};
	return true;
}

/* Looks for a kernel behind a page map. Sets `*cut` when `steps` were not enough. */
static bool find_kernel(struct finder *finder, const struct page_map *map, struct space *space,
			uint64_t steps, bool *cut)
{
	struct candidate *candidate = finder->candidate;
	struct budget share = {.limit = steps};
	uint64_t base = finder->options->kernel_base;
	candidate->budget = &share;
	(void)budget_spend(&share, MAP_STEPS);
	bool found = base ? kernel_image_at(candidate, space, base)
			  : kernel_image_find(candidate, space, map->kernel_hint, &finder->walk);
	*cut = !found && budget_exceeded(&share);
	(void)budget_spend(&finder->budget, min_of(share.spent, share.limit));
	candidate->budget = &finder->budget;
	return found;
}

/* Was the same kernel tried by another page map? If not, notes it. */
static bool is_suspect(struct finder *finder, const struct page_map *map, struct space *space)
{
	const uint8_t *pages[SYSTEM_PAGES];
	system_pages(finder->candidate, space, pages);
	for (size_t i = 0; i < finder->suspect_count; i++)
		if (pages[1] && pages[2] &&
		    !memcmp(pages, finder->suspects[i].pages, sizeof(pages)) &&
		    finder->suspects[i].kernel_base == finder->candidate->kernel_base)
			return true;
	struct suspect *suspect =
		array_push(finder->suspects, finder->suspect_count, finder->suspect_capacity);
	suspect->map = *map;
	suspect->kernel_base = finder->candidate->kernel_base;
	memcpy(suspect->pages, pages, sizeof(pages));
	return false;
}

static void found(struct finder *finder, const struct page_map *map, struct space *space)
{
	struct candidate *candidate = finder->candidate;
	struct budget budget = {.limit = finder->budget.limit / 4};
	candidate->budget = &budget;
	module_list_find(candidate, space);
	candidate->budget = NULL;
	candidate->page_map_source = map->source;
	finder->memories[map->paging] = NULL; /* it is for windows now */
}

enum outcome {
	MAP_NOTHING, /* as far as this page map goes */
	MAP_CUT,     /* there may be more */
	MAP_FOUND,
};

/* Tries a page map, without what costs much: that is for try_suspect(). */
static enum outcome try_page_map(struct finder *finder, size_t number, uint64_t steps)
{
	struct candidate *candidate = finder->candidate;
	const struct windows_options *options = finder->options;
	struct attempts *attempts = &finder->attempts;
	const struct page_map *map = &finder->maps.items[number];
	bool cut;
	if (options->profile && !profile_fits_paging(options->profile, map->paging)) {
		attempts->other_profile = true;
		return MAP_NOTHING;
	}
	if (!begin_map(finder, map))
		return MAP_NOTHING;
	_cleanup_space_ struct space *space = space_new(candidate->memory, map->dtb);
	if (!find_kernel(finder, map, space, steps, &cut))
		return cut ? MAP_CUT : MAP_NOTHING;
	attempts->kernel_base = candidate->kernel_base;
	attempts->paging = map->paging;
	(void)budget_spend(&finder->budget, KERNEL_STEPS);
	if (!kernel_build(candidate, space) && !options->profile)
		return MAP_NOTHING;
	attempts->build = candidate->build;
	if (is_suspect(finder, map, space))
		return MAP_NOTHING;
	struct choices choices = {0};
	if (!options->infer)
		choices_collect(candidate, finder->profiles, options, &choices, attempts);
	bool known = choices_try(&choices, candidate, space, find_known, options);
	/* Without a profile a sweep has nothing to look for. */
	bool swept = !choices.count;
	free(choices.items);
	finder->suspects[finder->suspect_count - 1].swept = swept;
	if (!known && (!swept || options->profile || !infer(finder, space)))
		return MAP_NOTHING;
	found(finder, map, space);
	return MAP_FOUND;
}

/* Tries what costs much: a sweep for System, and inference after it. */
static bool try_suspect(struct finder *finder, const struct suspect *suspect)
{
	struct candidate *candidate = finder->candidate;
	const struct windows_options *options = finder->options;
	struct attempts *attempts = &finder->attempts;
	const struct page_map *map = &suspect->map;
	if (suspect->swept || !begin_map(finder, map))
		return false;
	_cleanup_space_ struct space *space = space_new(candidate->memory, map->dtb);
	if (!kernel_image_at(candidate, space, suspect->kernel_base) ||
	    (!kernel_build(candidate, space) && !options->profile))
		return false;
	struct choices choices = {0};
	choices_collect(candidate, finder->profiles, options, &choices, attempts);
	bool known = choices_try(&choices, candidate, space, system_sweep, options);
	free(choices.items);
	if (!known && (options->profile || !infer(finder, space)))
		return false;
	found(finder, map, space);
	return true;
}

/* Tries the page maps that there are, for `steps` at most. */
static bool try_maps(struct finder *finder, uint64_t steps)
{
	struct page_maps *maps = &finder->maps;
	struct attempts *attempts = &finder->attempts;
	const uint64_t before = finder->budget.spent;
	size_t left = maps->count;
	uint64_t share = steps / (2 * (left + 1));
	share = max_of(min_of(share, (uint64_t)SHARE_FIRST), (uint64_t)SHARE_LEAST);
	for (bool more = true; more; share *= SHARE_MORE) {
		more = false;
		for (size_t i = 0; i < maps->count && !attempts->page_file; i++) {
			uint64_t spent = finder->budget.spent - before;
			if (maps->items[i].done)
				continue;
			if (spent >= steps || budget_exceeded(&finder->budget))
				return false;
			enum outcome outcome =
				try_page_map(finder, i, min_of(share, steps - spent));
			if (outcome == MAP_FOUND)
				return true;
			maps->items[i].done = outcome == MAP_NOTHING;
			more |= outcome == MAP_CUT;
		}
	}
	return false;
}

/*
 * Tries a page map that the scan has just found: mostly it is the kernel's, and the rest of the
 * image need not be read. Returns whether it is.
 */
static bool try_likely(void *context, size_t number)
{
	struct finder *finder = context;
	if (finder->eager++ >= EAGER_MAPS || finder->attempts.page_file ||
	    budget_exceeded(&finder->budget))
		return false;
	enum outcome outcome = try_page_map(finder, number, SHARE_FIRST);
	finder->maps.items[number].done = outcome == MAP_NOTHING;
	return outcome == MAP_FOUND;
}

/* Tries everything, in order of cost. */
static bool try_all(struct finder *finder)
{
	struct attempts *attempts = &finder->attempts;
	const struct image *image = finder->candidate->image;
	page_maps_known(image, finder->options, &finder->maps);
	uint64_t all = finder->budget.limit;
	if (try_maps(finder, finder->options->dtb ? all : all / 4))
		return true;
	if (!finder->options->dtb && !attempts->page_file) {
		if (page_maps_scan(image, finder->options, &finder->maps, try_likely, finder) ||
		    try_maps(finder, all))
			return true;
	}
	for (size_t i = 0; i < finder->suspect_count && !attempts->page_file; i++)
		if (try_suspect(finder, &finder->suspects[i]))
			return true;
	for (size_t i = 0; i < finder->maps.count; i++)
		attempts->maps += finder->maps.items[i].done;
	attempts->listed = finder->maps.count + finder->maps.more;
	attempts->cut = attempts->maps < attempts->listed || budget_exceeded(&finder->budget);
	return false;
}

static void release(struct finder *finder)
{
	for (size_t i = 0; i < array_size(finder->memories); i++)
		memory_free(finder->memories[i]);
	table_walk_free(&finder->walk);
	free(finder->maps.items);
	free(finder->suspects);
	error_free(finder->attempts.profile);
	free(finder->attempts.inference);
}

struct error *find_machine(const struct image *image, struct profiles *profiles,
			   const struct windows_options *options, unsigned int page_files,
			   struct candidate *candidate)
{
	struct finder finder = {
		.candidate = candidate,
		.profiles = profiles,
		.options = options,
		.page_files = page_files,
		.budget = {.limit = budget_of_pages(image_present_pages(image))},
	};
	if (options->brief)
		finder.budget.limit /= 4;
	*candidate = (struct candidate){.image = image};
	bool known = try_all(&finder);
	struct error *error = finder.attempts.page_file;
	if (!known && !error)
		error = windows_not_found(image, options, &finder.attempts);
	release(&finder);
	/* Sweeps of the image, where there were any, are over. */
	image_expect_all(image, false);
	return error;
}
