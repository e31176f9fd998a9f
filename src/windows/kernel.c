/*
 * windows_open(): from an image to a kernel that is known for certain.
 *
 * Every candidate page map is tried until one leads to a kernel whose System process is what the
 * build's profile says; a candidate is never taken for looking plausible.
 */
#include "windows/discover.h"
#include "windows/infer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* What was tried, for the sentence that tells of failure. */
struct attempts {
	size_t maps;		 /* page maps tried */
	uint64_t kernel_base;	 /* a kernel that was found, but not confirmed */
	uint32_t build;		 /* its build */
	enum paging paging;	 /* its page map's kind */
	bool no_profile;	 /* it has no profile */
	char *inference;	 /* why none could be inferred, a line each; NULL: not tried */
	bool other_profile;	 /* the user's is for another kind of page map */
	struct error *profile;	 /* a profile that could not be read */
	struct error *page_file; /* one that can't be used: there is no sense in going on */
	unsigned int page_files; /* bit N: page file N is read */
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

/*
 * Takes the profile that fits best of those by which `find` finds System; where they are equal the
 * user's, and of the shipped ones the last, which is of the latest updates.
 */
static bool choose(struct windows *windows, struct space *space, const struct choice *choice,
		   bool (*find)(struct windows *windows, struct space *space))
{
	struct windows best = {0};
	int best_fit = 0;
	bool best_added = false;
	for (size_t i = 0; i < choice->count; i++) {
		windows->profile = choice->items[i].profile;
		windows_set_entries(windows);
		if (!find(windows, space))
			continue;
		int fit = choice->count > 1 ? profile_fit(windows) : 0;
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
	windows_set_entries(windows);
	return true;
}

static bool confirm(struct windows *windows, struct space *space, struct profiles *profiles,
		    const struct windows_options *options, struct attempts *attempts)
{
	struct choice choice = {0};
	collect(windows, profiles, options, &choice, attempts);
	bool found = choose(windows, space, &choice, system_find) ||
		     choose(windows, space, &choice, system_sweep);
	free(choice.items);
	return found;
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
	if (infer_profile(windows, space, profiles, &inference)) {
		windows->inferred = take_ptr(inference.profile);
		windows->doubt = take_ptr(inference.doubt);
		return true;
	}
	free(attempts->inference);
	attempts->inference = take_ptr(inference.tried);
	return false;
}

static bool try_page_map(struct windows *windows, const struct page_map *map,
			 struct profiles *profiles, const struct windows_options *options,
			 struct attempts *attempts)
{
	if (options->profile && !profile_fits_paging(options->profile, map->paging)) {
		attempts->other_profile = true;
		return false;
	}
	attempts->maps++;
	memory_free(windows->memory);
	bool x64 = map->paging == PAGING_X64;
	*windows = (struct windows){
		.image = windows->image,
		.memory = memory_new(windows->image, map->paging),
		.architecture = x64 ? ARCHITECTURE_X64 : ARCHITECTURE_X86,
		.pointer_size = x64 ? 8 : 4,
	};
	attempts->page_file = add_page_files(windows->memory, options, attempts->page_files);
	if (attempts->page_file)
		return false;
	_cleanup_space_ struct space *space = space_new(windows->memory, map->dtb);
	bool found = options->kernel_base ? kernel_image_at(windows, space, options->kernel_base)
					  : kernel_image_find(windows, space, map->kernel_hint);
	if (!found)
		return false;
	attempts->kernel_base = windows->kernel_base;
	attempts->paging = map->paging;
	if (!kernel_build(windows, space) && !options->profile)
		return false;
	attempts->build = windows->build;
	bool known = !options->infer && confirm(windows, space, profiles, options, attempts);
	if (!known && (options->profile || !infer(windows, space, profiles, attempts)))
		return false;
	module_list_find(windows, space);
	snprintf(windows->found_by, sizeof(windows->found_by), "%s", map->source);
	return true;
}

/* The kernel's banner, as /proc/version has it, somewhere in the first 4 GB of the image. */
static bool looks_like_linux(const struct image *image)
{
	static const char banner[] = "Linux version ";
	size_t count;
	const struct image_range *ranges = image_ranges(image, &count);
	image_expect_all(image, true);
	for (size_t i = 0; i < count && ranges[i].start < UINT64_C(1) << 32; i++) {
		size_t size;
		const uint8_t *data = image_at(image, ranges[i].start, &size);
		if (data && memmem(data, size, banner, sizeof(banner) - 1))
			return true;
	}
	return false;
}

/* What was tried, and what the user can give. */
static struct error *inference_failed(const struct image *image,
				      const struct windows_options *options,
				      const struct attempts *attempts)
{
	_cleanup_text_ struct text why = {0};
	for (const char *s = attempts->inference; *s; s++)
		text_add_string(&why, *s == '\n' ? "; " : (char[]){*s, '\0'});
	return error_new("%s: Windows build %u (%s) at 0x%llx %s, and its layout can't be inferred "
			 "from the image: %s. Give a profile with --profile: made of the "
			 "kernel's symbols by --import-symbols, or one of --list-profiles",
			 image_path(image), attempts->build, paging_name(attempts->paging),
			 (unsigned long long)attempts->kernel_base,
			 options->infer		? "was found"
			 : attempts->no_profile ? "has no profile"
						: "is not as its profile says",
			 text_string(&why));
}

static struct error *not_found(const struct image *image, const struct windows_options *options,
			       const struct attempts *attempts)
{
	const char *path = image_path(image);
	if (attempts->profile)
		return error_new("%s: a kernel of build %u was found, but its profile can't be "
				 "read: %s",
				 path, attempts->build, error_message(attempts->profile));
	if (attempts->inference)
		return inference_failed(image, options, attempts);
	if (attempts->no_profile)
		return error_new("%s: Windows build %u (%s) at 0x%llx has no profile; see "
				 "--list-profiles, and give one with --profile",
				 path, attempts->build, paging_name(attempts->paging),
				 (unsigned long long)attempts->kernel_base);
	if (attempts->kernel_base)
		return error_new("%s: a Windows kernel (build %u) is at 0x%llx, but its System "
				 "process was not found by %s; the image may be damaged, or needs "
				 "another --dtb or --profile",
				 path, attempts->build, (unsigned long long)attempts->kernel_base,
				 options->profile ? options->profile->name
						  : "the profile of that build");
	if (options->dtb)
		return error_new("%s: no Windows kernel behind the page map at 0x%llx; leave "
				 "--dtb out to search for it",
				 path, (unsigned long long)options->dtb);
	if (looks_like_linux(image))
		return error_new("%s: this is the memory of a Linux machine; impscan reads that "
				 "of Windows",
				 path);
	if (attempts->other_profile)
		return error_new("%s: no kernel of the kind that profile %s is for was found (%zu "
				 "page maps tried); leave --profile out to look for others",
				 path, options->profile->name, attempts->maps);
	return error_new("%s: no Windows kernel found (%zu page maps tried: header of the "
			 "image, low stub, scan of the whole image); if you know the page map's "
			 "physical address, give it with --dtb",
			 path, attempts->maps);
}

/* As windows_open(); of `page_files`, bit N says whether page file N is read. */
static struct error *open_with(const struct image *image, struct profiles *profiles,
			       const struct windows_options *options, unsigned int page_files,
			       struct windows **ret)
{
	_cleanup_windows_ struct windows *windows = alloc_new(struct windows);
	struct attempts attempts = {.page_files = page_files};
	struct page_maps maps = {0};
	size_t next = 0;

	windows->image = image;
	page_maps_known(image, options, &maps);
	bool found = false, scanned = options->dtb != 0;
	while (!found && !attempts.page_file) {
		if (next == maps.count) {
			if (scanned)
				break;
			scanned = true;
			page_maps_scan(image, &maps);
			continue;
		}
		found = try_page_map(windows, &maps.items[next++], profiles, options, &attempts);
	}
	free(maps.items);
	struct error *error = attempts.page_file;
	if (!found && !error)
		error = not_found(image, options, &attempts);
	error_free(attempts.profile);
	free(attempts.inference);
	/* Sweeps for it, where there were any, are over. */
	image_expect_all(image, false);
	if (!error)
		pages_find(windows);
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
		*ret = with;
		return NULL;
	}
	*ret = take_ptr(without);
	return NULL;
}

void windows_close(struct windows *windows)
{
	for (size_t i = 0; i < windows->paging_file_count; i++)
		free(windows->paging_files[i].name);
	memory_free(windows->memory);
	profile_free(windows->inferred);
	free(windows->doubt);
	free(windows);
}

struct space *windows_kernel_space(const struct windows *windows)
{
	struct space *space = space_new(windows->memory, windows->dtb);
	space_set_prototypes(space, space, NULL, NULL); /* paged pool may be prototype pages */
	return space;
}
