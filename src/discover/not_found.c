/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The error when no machine is found: what was tried, and what the user can give.
 */
#include "discover/finder.h"
#include "discover/internal.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>

/* Bytes that are looked through at once. */
#define STRETCH (UINT64_C(16) << 20)

/* The kernel's banner, as /proc/version has it, somewhere in the first 4 GB of the image. */
static bool looks_like_linux(const struct image *image, const struct windows_options *options)
{
	static const char banner[] = "Linux version ";
	const uint64_t limit = UINT64_C(1) << 32;
	struct sweep_progress progress = sweep_begin(image, options);
	uint64_t start, size;
	bool found = false;
	for (uint64_t at = 0; !found && image_next_data(image, at, &start, &size) && start < limit;
	     at = start + size) {
		size_t available;
		const uint8_t *data = image_at(image, start, &available);
		size = min_of(size, data ? min_of(STRETCH, (uint64_t)available) : PAGE_SIZE);
		found = data && memmem(data, (size_t)size, banner, sizeof(banner) - 1);
		sweep_advance(&progress, size);
	}
	sweep_end(&progress);
	return found;
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
	if (attempts->inference) /* always tried where the build has no profile */
		return inference_failed(image, options, attempts);
	if (attempts->kernel_base)
		return error_new("%s: a Windows kernel (build %u) is at 0x%llx, but its System "
				 "process was not found by %s; the image may be damaged, or needs "
				 "another --dtb or --profile",
				 path, attempts->build, (unsigned long long)attempts->kernel_base,
				 options->profile ? options->profile->name
						  : "the profile of that build");
	const char *likeness = image_likeness(image);
	if (likeness)
		return error_new("'%s' %s", path, likeness);
	if (options->dtb)
		return error_new("%s: no Windows kernel behind the page map at 0x%llx; leave "
				 "--dtb out to search for it",
				 path, (unsigned long long)options->dtb);
	if (!options->brief && looks_like_linux(image, options))
		return error_new("%s: this is the memory of a Linux machine; impscan reads that "
				 "of Windows",
				 path);
	if (attempts->other_profile)
		return error_new("%s: no kernel of the kind that profile %s is for was found (%zu "
				 "page maps tried); leave --profile out to look for others",
				 path, options->profile->name, attempts->maps);
	const char *lacks = image_lacks(image);
	return error_new("%s: no Windows kernel found (%zu page maps tried: header of the "
			 "image, low stub, scan of the whole image); %s",
			 path, attempts->maps,
			 lacks ? lacks
			       : "if you know the page map's physical address, give it with --dtb");
}

struct error *windows_not_found(const struct image *image, const struct windows_options *options,
				const struct attempts *attempts)
{
	struct error *error = not_found(image, options, attempts);
	if (!attempts->cut)
		return error;
	struct error *longer =
		error_new("%s; the search was cut off after %zu of %zu page maps, since what they "
			  "describe is far more than the file holds",
			  error_message(error), attempts->maps, attempts->listed);
	error_free(error);
	return longer;
}
