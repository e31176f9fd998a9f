/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * windows_open(): from an image to a kernel that is known for certain.
 *
 * Every candidate page map is tried until one leads to a kernel whose System process is what the
 * build's profile says; a candidate is never taken for looking plausible.
 *
 * Anything can be made to look like a page map, in any number, and a few tables like all of memory. So
 * all that is looked at is counted against a budget, by what the file really holds: each page map gets
 * a share of it, and those that don't come to an end with that a larger one later, when all others
 * had their turn. What is dear, sweeps and inference, comes last.
 */
#include "discover/infer.h"
#include "discover/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* Steps to begin with a page map; to look at a kernel that was found; and to infer its layout. */
#define MAP_STEPS    20
#define KERNEL_STEPS 500
#define INFER_STEPS  5000

/* Steps that each page map gets at first, how many times more later, and of how many maps the least. */
#define SHARE_FIRST 100000
#define SHARE_LEAST 2000
#define SHARE_MORE  8

const char *const windows_cut_names[WINDOWS_CUT_COUNT] = {
	"the kernel's header claims a size that no kernel has: only a part of it was searched",
	"the search for the kernel's list of modules was cut off: drivers may not be known",
	"the search for the kernel's list of page files was cut off: they are not known",
	"the search for the compressed store was cut off: its pages are not read",
	"comparing the profiles of the build was cut off: another of them may fit better",
	"holding the page files against the image was cut off: only a part of what tells of them "
	"was compared",
};

void windows_set_entries(const struct windows *windows)
{
	struct entry_layout layout = entry_layout_of(windows->profile);
	memory_set_entries(windows->memory, &layout);
}

bool profile_fits_paging(const struct profile *profile, enum paging paging)
{
	bool x64 = paging == PAGING_X64;
	return (profile->architecture == ARCHITECTURE_X64) == x64 &&
	       (x64 || (profile_offset(profile, MMPTE_size) == 8) == (paging == PAGING_PAE));
}

/* A kernel that was found, but not its System. */
struct suspect {
	size_t map;
	uint64_t kernel_base;
	const uint8_t *pages[SYSTEM_PAGES];
	bool swept; /* nothing is left to be tried */
};

struct discovery {
	struct windows *windows;
	struct profiles *profiles;
	const struct windows_options *options;
	struct page_maps maps;
	unsigned int page_files;    /* bit N: page file N is read */
	struct memory *memories[3]; /* by paging; NULL: not needed yet */
	struct table_walk walk;
	struct budget budget;
	struct suspect *suspects;
	size_t suspect_count;
	size_t suspect_capacity;
	struct attempts attempts;
};

/* The profiles that may be the build's. */
struct candidate {
	const struct profile *profile;
	bool added; /* by the user */
};

struct choice {
	struct candidate *items;
	size_t count;
	size_t capacity;
};

static void collect(const struct windows *windows, struct profiles *profiles,
		    const struct windows_options *options, struct choice *choice,
		    struct attempts *attempts)
{
	enum paging paging = memory_paging(windows->memory);
	if (options->profile) {
		array_push(choice->items, choice->count, choice->capacity)->profile =
			options->profile;
		return;
	}
	_cleanup_free_ size_t *found = alloc_zero(profiles_count(profiles) + 1, sizeof(*found));
	size_t count = profiles_match(profiles, windows->architecture, windows->build, found,
				      profiles_count(profiles));
	for (size_t i = 0; i < count; i++) {
		const struct profile *profile;
		struct error *error = profiles_get(profiles, found[i], &profile);
		if (error) {
			error_free(attempts->profile);
			attempts->profile = error;
		} else if (profile_fits_paging(profile, paging)) {
			*array_push(choice->items, choice->count, choice->capacity) =
				(struct candidate){profile,
						   profiles_summary(profiles, found[i]).added};
		}
	}
	if (!choice->count)
		attempts->no_profile = true;
}

/* A way to find System by windows->profile. */
typedef bool find_system(struct windows *windows, struct space *space,
			 const struct windows_options *options);

static bool find_known(struct windows *windows, struct space *space,
		       const struct windows_options *options)
{
	(void)options;
	return system_find(windows, space);
}

/*
 * Takes the profile that fits best of those by which `find` finds System; where they are equal the
 * user's, and of the shipped ones the last, which is of the latest updates.
 */
static bool choose(struct windows *windows, struct space *space, const struct choice *choice,
		   find_system *find, const struct windows_options *options)
{
	struct windows best = {0};
	unsigned int cut = 0;
	int best_fit = 0;
	bool best_added = false;
	for (size_t i = 0; i < choice->count; i++) {
		windows->profile = choice->items[i].profile;
		windows_set_entries(windows);
		if (!find(windows, space, options))
			continue;
		int fit = choice->count > 1 ? profile_fit(windows) : 0;
		if (choice->count > 1 && budget_exceeded(windows->budget))
			cut = CUT_FIT;
		if (best.profile &&
		    (fit < best_fit || (fit == best_fit && best_added != choice->items[i].added)))
			continue;
		best = *windows;
		best_fit = fit;
		best_added = choice->items[i].added;
	}
	if (!best.profile) {
		windows->profile = NULL;
		return false;
	}
	*windows = best;
	windows->cut |= cut;
	windows_set_entries(windows);
	return true;
}

/* Adds those that were given; of `used`, bit N says whether page file N is read. */
static struct error *add_page_files(struct memory *memory, const struct windows_options *options,
				    unsigned int used)
{
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		if (!options->page_files[i])
			continue;
		try_(memory_add_page_file(memory, i, options->page_files[i]));
		memory_use_page_file(memory, i, used >> i & 1);
	}
	return NULL;
}

/* The layout from the image itself; windows owns it then. */
static bool infer(struct windows *windows, struct space *space, struct profiles *profiles,
		  struct attempts *attempts)
{
	_cleanup_inference_ struct inference inference;
	(void)budget_spend(windows->budget, INFER_STEPS);
	if (infer_profile(windows, space, profiles, &inference)) {
		windows->inferred = take_ptr(inference.profile);
		windows->doubt = take_ptr(inference.doubt);
		return true;
	}
	free(attempts->inference);
	attempts->inference = take_ptr(inference.tried);
	return false;
}

/* Sets windows up to see the image through a page map; false when that can't be. */
static bool begin_map(struct discovery *discovery, const struct page_map *map)
{
	struct windows *windows = discovery->windows;
	struct memory **memory = &discovery->memories[map->paging];
	bool x64 = map->paging == PAGING_X64;
	if (!*memory) {
		*memory = memory_new(windows->image, map->paging);
		discovery->attempts.page_file =
			add_page_files(*memory, discovery->options, discovery->page_files);
		if (discovery->attempts.page_file)
			return false;
	}
	memory_reset_entries(*memory);
	*windows = (struct windows){
		.image = windows->image,
		.memory = *memory,
		.architecture = x64 ? ARCHITECTURE_X64 : ARCHITECTURE_X86,
		.pointer_size = x64 ? 8 : 4,
		.budget = &discovery->budget,
	};
	return true;
}

/* Looks for a kernel behind a page map, for so many steps at most; false and *cut: or longer. */
static bool find_kernel(struct discovery *discovery, const struct page_map *map,
			struct space *space, uint64_t steps, bool *cut)
{
	struct windows *windows = discovery->windows;
	struct budget share = {.limit = steps};
	uint64_t base = discovery->options->kernel_base;
	windows->budget = &share;
	(void)budget_spend(&share, MAP_STEPS);
	bool found = base ? kernel_image_at(windows, space, base)
			  : kernel_image_find(windows, space, map->kernel_hint, &discovery->walk);
	*cut = !found && budget_exceeded(&share);
	(void)budget_spend(&discovery->budget, min_of(share.spent, share.limit));
	windows->budget = &discovery->budget;
	return found;
}

/* Was a kernel with the same System looked at, by another page map? If not, it is noted. */
static bool is_suspect(struct discovery *discovery, size_t map, struct space *space)
{
	const uint8_t *pages[SYSTEM_PAGES];
	system_pages(discovery->windows, space, pages);
	for (size_t i = 0; i < discovery->suspect_count; i++)
		if (pages[1] && pages[2] &&
		    !memcmp(pages, discovery->suspects[i].pages, sizeof(pages)) &&
		    discovery->suspects[i].kernel_base == discovery->windows->kernel_base)
			return true;
	struct suspect *suspect = array_push(discovery->suspects, discovery->suspect_count,
					     discovery->suspect_capacity);
	suspect->map = map;
	suspect->kernel_base = discovery->windows->kernel_base;
	memcpy(suspect->pages, pages, sizeof(pages));
	return false;
}

static void found(struct discovery *discovery, const struct page_map *map, struct space *space)
{
	struct windows *windows = discovery->windows;
	struct budget budget = {.limit = discovery->budget.limit / 4};
	windows->budget = &budget;
	module_list_find(windows, space);
	windows->budget = NULL;
	snprintf(windows->found_by, sizeof(windows->found_by), "%s", map->source);
	discovery->memories[map->paging] = NULL; /* it is for windows now */
}

enum outcome {
	MAP_NOTHING, /* as far as this page map goes */
	MAP_CUT,     /* there may be more */
	MAP_FOUND,
};

/* All but what is dear: that is for try_suspect(). */
static enum outcome try_page_map(struct discovery *discovery, size_t number, uint64_t steps)
{
	struct windows *windows = discovery->windows;
	const struct windows_options *options = discovery->options;
	struct attempts *attempts = &discovery->attempts;
	const struct page_map *map = &discovery->maps.items[number];
	bool cut;
	if (options->profile && !profile_fits_paging(options->profile, map->paging)) {
		attempts->other_profile = true;
		return MAP_NOTHING;
	}
	if (!begin_map(discovery, map))
		return MAP_NOTHING;
	_cleanup_space_ struct space *space = space_new(windows->memory, map->dtb);
	if (!find_kernel(discovery, map, space, steps, &cut))
		return cut ? MAP_CUT : MAP_NOTHING;
	attempts->kernel_base = windows->kernel_base;
	attempts->paging = map->paging;
	(void)budget_spend(&discovery->budget, KERNEL_STEPS);
	if (!kernel_build(windows, space) && !options->profile)
		return MAP_NOTHING;
	attempts->build = windows->build;
	if (is_suspect(discovery, number, space))
		return MAP_NOTHING;
	struct choice choice = {0};
	if (!options->infer)
		collect(windows, discovery->profiles, options, &choice, attempts);
	bool known = choose(windows, space, &choice, find_known, options);
	/* Without a profile, no sweep would help. */
	bool swept = !choice.count;
	free(choice.items);
	discovery->suspects[discovery->suspect_count - 1].swept = swept;
	if (!known &&
	    (!swept || options->profile || !infer(windows, space, discovery->profiles, attempts)))
		return MAP_NOTHING;
	found(discovery, map, space);
	return MAP_FOUND;
}

/* What is dear, of a kernel whose System was not found in a cheaper way. */
static bool try_suspect(struct discovery *discovery, const struct suspect *suspect)
{
	struct windows *windows = discovery->windows;
	const struct windows_options *options = discovery->options;
	struct attempts *attempts = &discovery->attempts;
	const struct page_map *map = &discovery->maps.items[suspect->map];
	if (suspect->swept || !begin_map(discovery, map))
		return false;
	_cleanup_space_ struct space *space = space_new(windows->memory, map->dtb);
	if (!kernel_image_at(windows, space, suspect->kernel_base) ||
	    (!kernel_build(windows, space) && !options->profile))
		return false;
	struct choice choice = {0};
	collect(windows, discovery->profiles, options, &choice, attempts);
	bool known = choose(windows, space, &choice, system_sweep, options);
	free(choice.items);
	if (!known && (options->profile || !infer(windows, space, discovery->profiles, attempts)))
		return false;
	found(discovery, map, space);
	return true;
}

/* Tries the page maps that there are, for `steps` at most. */
static bool try_maps(struct discovery *discovery, uint64_t steps)
{
	struct page_maps *maps = &discovery->maps;
	struct attempts *attempts = &discovery->attempts;
	const uint64_t before = discovery->budget.spent;
	size_t left = maps->count;
	uint64_t share = steps / (2 * (left + 1));
	share = max_of(min_of(share, (uint64_t)SHARE_FIRST), (uint64_t)SHARE_LEAST);
	for (bool more = true; more; share *= SHARE_MORE) {
		more = false;
		for (size_t i = 0; i < maps->count && !attempts->page_file; i++) {
			uint64_t spent = discovery->budget.spent - before;
			if (maps->items[i].done)
				continue;
			if (spent >= steps || budget_exceeded(&discovery->budget))
				return false;
			enum outcome outcome =
				try_page_map(discovery, i, min_of(share, steps - spent));
			if (outcome == MAP_FOUND)
				return true;
			maps->items[i].done = outcome == MAP_NOTHING;
			more |= outcome == MAP_CUT;
		}
	}
	return false;
}

/* Finds it by all ways, in their order. */
static bool discover(struct discovery *discovery)
{
	struct attempts *attempts = &discovery->attempts;
	const struct image *image = discovery->windows->image;
	page_maps_known(image, discovery->options, &discovery->maps);
	uint64_t all = discovery->budget.limit;
	if (try_maps(discovery, discovery->options->dtb ? all : all / 4))
		return true;
	if (!discovery->options->dtb && !attempts->page_file) {
		page_maps_scan(image, discovery->options, &discovery->maps);
		if (try_maps(discovery, all))
			return true;
	}
	for (size_t i = 0; i < discovery->suspect_count && !attempts->page_file; i++)
		if (try_suspect(discovery, &discovery->suspects[i]))
			return true;
	for (size_t i = 0; i < discovery->maps.count; i++)
		attempts->maps += discovery->maps.items[i].done;
	attempts->listed = discovery->maps.count + discovery->maps.more;
	attempts->cut = attempts->maps < attempts->listed || budget_exceeded(&discovery->budget);
	return false;
}

static void release(struct discovery *discovery)
{
	for (size_t i = 0; i < array_size(discovery->memories); i++)
		memory_free(discovery->memories[i]);
	table_walk_free(&discovery->walk);
	free(discovery->maps.items);
	free(discovery->suspects);
	error_free(discovery->attempts.profile);
	free(discovery->attempts.inference);
}

/* As windows_open(); of `page_files`, bit N says whether page file N is read. */
static struct error *open_with(const struct image *image, struct profiles *profiles,
			       const struct windows_options *options, unsigned int page_files,
			       struct windows **ret)
{
	_cleanup_windows_ struct windows *windows = alloc_new(struct windows);
	struct discovery discovery = {
		.windows = windows,
		.profiles = profiles,
		.options = options,
		.page_files = page_files,
		.budget = {.limit = budget_of_pages(image_present_pages(image))},
	};
	windows->image = image;
	bool known = discover(&discovery);
	struct error *error = discovery.attempts.page_file;
	if (!known && !error)
		error = windows_not_found(image, options, &discovery.attempts);
	if (!known)
		*windows = (struct windows){.image = image}; /* its memory is the discovery's */
	uint64_t steps = discovery.budget.limit / 4;
	release(&discovery);
	/* Sweeps for it, where there were any, are over. */
	image_expect_all(image, false);
	if (!error)
		pages_find(windows, steps);
	if (!error)
		*ret = take_ptr(windows);
	return error;
}

/* The page files that are read, a bit each. */
static unsigned int used_page_files(const struct windows *windows)
{
	unsigned int used = 0;
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		const struct page_file *file = memory_page_file(windows->memory, i);
		used |= (unsigned int)(file && file->used) << i;
	}
	return used;
}

/*
 * A page file that is not the image's would mislead even the search for the layout. So all is found
 * without them first, then they are judged, and with those that are good all is found again.
 */
struct error *windows_open(const struct image *image, struct profiles *profiles,
			   const struct windows_options *options, struct windows **ret)
{
	_cleanup_windows_ struct windows *without = NULL;
	struct windows *with;
	bool given = false;
	for (unsigned int i = 0; i < PAGE_FILES; i++)
		given |= options->page_files[i] != NULL;
	try_(open_with(image, profiles, options, 0, &without));
	if (given && page_files_judge(without)) {
		try_(open_with(image, profiles, options, used_page_files(without), &with));
		memcpy(with->page_file_evidence, without->page_file_evidence,
		       sizeof(with->page_file_evidence));
		with->cut |= without->cut & CUT_PAGE_FILES;
		*ret = with;
		return NULL;
	}
	*ret = take_ptr(without);
	return NULL;
}
