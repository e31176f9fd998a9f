/*
 * windows_open(): from an image to a kernel that is known for certain.
 *
 * Every candidate page map is tried until one leads to a kernel whose System process is what the
 * build's profile says; a candidate is never taken for looking plausible.
 */
#include "windows/discover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* What was tried, for the sentence that tells of failure. */
struct attempts {
	size_t maps;	       /* page maps tried */
	uint64_t kernel_base;  /* a kernel that was found, but not confirmed */
	uint32_t build;	       /* its build */
	bool no_profile;       /* it has no profile */
	struct error *profile; /* a profile that could not be read */
};

/* Chooses among the profiles of the build the first by which System is found. */
static bool confirm(struct windows *windows, struct space *space, struct profiles *profiles,
		    const struct windows_options *options, struct attempts *attempts)
{
	if (options->profile) {
		windows->profile = options->profile;
		return system_find(windows, space);
	}
	size_t found[16];
	size_t count = profiles_match(profiles, windows->architecture, windows->build, found,
				      array_size(found));
	if (!count)
		attempts->no_profile = true;
	for (size_t i = 0; i < min_of(count, array_size(found)); i++) {
		struct error *error = profiles_get(profiles, found[i], &windows->profile);
		if (error) {
			error_free(attempts->profile);
			attempts->profile = error;
			continue;
		}
		if (system_find(windows, space))
			return true;
	}
	windows->profile = NULL;
	return false;
}

static bool try_page_map(struct windows *windows, const struct page_map *map,
			 struct profiles *profiles, const struct windows_options *options,
			 struct attempts *attempts)
{
	attempts->maps++;
	*windows = (struct windows){
		.image = windows->image,
		.memory = windows->memory,
		.architecture = ARCHITECTURE_X64,
		.pointer_size = 8,
	};
	_cleanup_space_ struct space *space = space_new(windows->memory, map->dtb);
	bool found = options->kernel_base ? kernel_image_at(windows, space, options->kernel_base)
					  : kernel_image_find(windows, space, map->kernel_hint);
	if (!found)
		return false;
	attempts->kernel_base = windows->kernel_base;
	if (!kernel_build(windows, space) && !options->profile)
		return false;
	attempts->build = windows->build;
	if (!confirm(windows, space, profiles, options, attempts))
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
	for (size_t i = 0; i < count && ranges[i].start < UINT64_C(1) << 32; i++) {
		size_t size;
		const uint8_t *data = image_at(image, ranges[i].start, &size);
		if (data && memmem(data, size, banner, sizeof(banner) - 1))
			return true;
	}
	return false;
}

static struct error *not_found(const struct image *image, const struct windows_options *options,
			       const struct attempts *attempts)
{
	const char *path = image_path(image);
	if (attempts->profile)
		return error_new("%s: a kernel of build %u was found, but its profile can't be "
				 "read: %s",
				 path, attempts->build, error_message(attempts->profile));
	if (attempts->no_profile)
		return error_new("%s: Windows build %u at 0x%llx has no profile; see "
				 "--list-profiles, and give one with --profile",
				 path, attempts->build, (unsigned long long)attempts->kernel_base);
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
	return error_new("%s: no 64-bit Windows kernel found (%zu page maps tried: header of the "
			 "image, low stub, scan of the whole image); if you know the page map's "
			 "physical address, give it with --dtb",
			 path, attempts->maps);
}

static struct entry_field entry_field(const struct profile *profile, enum profile_member member)
{
	const struct profile_field *field = &profile->field[member];
	return (struct entry_field){.bit = field->bit, .bits = field->bits};
}

/* Tells the memory how this build's page-table entries look. */
static void set_entries(struct windows *windows)
{
	const struct profile *profile = windows->profile;
	memory_set_entries(
		windows->memory,
		&(struct entry_layout){
			.frame = entry_field(profile, MMPTE_TRANSITION_PageFrameNumber),
			.protection = entry_field(profile, MMPTE_SOFTWARE_Protection),
			.page_file_number = entry_field(profile, MMPTE_SOFTWARE_PageFileLow),
			.page_file_offset = entry_field(profile, MMPTE_SOFTWARE_PageFileHigh),
			.prototype_address = entry_field(profile, MMPTE_PROTOTYPE_ProtoAddress),
			.prototype_address_low =
				entry_field(profile, MMPTE_PROTOTYPE_ProtoAddressLow),
			.prototype_address_high =
				entry_field(profile, MMPTE_PROTOTYPE_ProtoAddressHigh),
			.prototype_protection = entry_field(profile, MMPTE_PROTOTYPE_Protection),
		});
}

struct error *windows_open(const struct image *image, struct profiles *profiles,
			   const struct windows_options *options, struct windows **ret)
{
	_cleanup_windows_ struct windows *windows = alloc_new(struct windows);
	struct attempts attempts = {0};
	struct page_maps maps = {0};
	size_t next = 0;

	windows->image = image;
	windows->memory = memory_new(image, PAGING_X64);
	page_maps_known(image, options, &maps);
	bool found = false, scanned = options->dtb != 0;
	while (!found) {
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
	struct error *error = found ? NULL : not_found(image, options, &attempts);
	error_free(attempts.profile);
	if (!error)
		set_entries(windows);
	if (!error)
		*ret = take_ptr(windows);
	return error;
}

void windows_close(struct windows *windows)
{
	memory_free(windows->memory);
	free(windows);
}

struct space *windows_kernel_space(const struct windows *windows)
{
	struct space *space = space_new(windows->memory, windows->dtb);
	space_set_prototypes(space, space, NULL, NULL); /* paged pool may be prototype pages */
	return space;
}
