/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * windows_open(): finds a machine, judges its page files, and says what the user should know of it.
 */
#include <impscan/discover.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/minidump.h>

#include "discover/finder.h"
#include "discover/internal.h"
#include "discover/process_dump.h"
#include "discover/process_search.h"
#include "discover/whole.h"

/* By bits of enum discovery_cut. */
static const char *const cut_sentences[DISCOVERY_CUT_COUNT] = {
	"the kernel's header claims a size that no kernel has: only a part of it was searched",
	"the search for the kernel's list of modules was cut off: drivers may not be known",
	"the search for the kernel's list of page files was cut off: they are not known",
	"the search for the compressed store was cut off: its pages are not read",
	"comparing the profiles of the build was cut off: another of them may fit better",
	"holding the page files against the image was cut off: only a part of what tells of them "
	"was compared",
	"the search for the kernel's table of PIDs was cut off: processes that only it knows are "
	"not listed",
	"the kernel's PFN database was not found: without PAE only that tells of memory that was "
	"made "
	"executable later",
};

/* A machine that is open, and what the user will be told of it. */
struct opened {
	struct windows *windows;
	char *layout; /* how memory was taken to lie in the file, a sentence; NULL: it is known */
	const char *page_map_source;
	char *doubt;	  /* of the layout: sentences, a line each; NULL: none */
	unsigned int cut; /* enum discovery_cut */
};

static void opened_free(struct opened *opened)
{
	if (opened->windows)
		windows_close(opened->windows);
	free(opened->doubt);
	free(opened->layout);
}
#define _cleanup_opened_ __attribute__((cleanup(opened_free)))

/* Finds what else is known of a machine; returns what was cut off, enum discovery_cut. */
static unsigned int complete(struct windows *windows)
{
	uint64_t steps = budget_of_pages(image_present_pages(windows->image));
	unsigned int cut = pages_find(windows, steps / 4);
	_cleanup_space_ struct space *kernel = windows_kernel_space(windows);
	/* As much as a source of processes may take. */
	struct budget budget = {.limit = windows_work(windows) / SEARCH_SHARES};
	windows->psp_cid_table = cid_table_find(windows, kernel, &budget);
	cut |= budget_exceeded(&budget) ? CUT_CID_TABLE : 0u;
	budget = (struct budget){.limit = windows_work(windows) / SEARCH_SHARES};
	windows->pfn_database = pfn_database_find(windows, kernel, &budget);
	bool needed = memory_paging(windows->memory) == PAGING_X86;
	return cut | (needed && !windows->pfn_database ? CUT_PFN_DATABASE : 0u);
}

/* Of `page_files`, bit N says whether page file N of the options is read. */
static struct error *open_with(const struct image *image, struct profiles *profiles,
			       const struct windows_options *options, unsigned int page_files,
			       struct opened *opened)
{
	struct candidate candidate;
	try_(find_machine(image, profiles, options, page_files, &candidate));
	opened->windows = alloc_new(struct windows);
	*opened->windows = candidate_machine(&candidate);
	opened->windows->inferred = candidate.inferred;
	opened->page_map_source = candidate.page_map_source;
	opened->doubt = candidate.doubt;
	opened->cut = candidate.cut | complete(opened->windows);
	return NULL;
}

/* Of the machine of a layout: why that was chosen, as a sentence. */
static char *layout_sentence(const struct image *image, const char *why)
{
	const char *guess = image_layout_guess(image), *file = image_laid_by(image);
	if (file)
		return alloc_printf("several state files beside it list as much memory as it has, "
				    "and it was read by '%s'%s; give that alone to be sure",
				    file, why);
	return guess ? alloc_printf(
			       "nothing in the file says where its memory lies: it was read "
			       "%s%s; with the .vmss or .vmsn that belongs to a .vmem beside it, "
			       "nothing need be guessed",
			       guess, why)
		     : NULL;
}

/*
 * Opens what the other layout of the image makes of a machine, by the same page map. Not where that
 * can't be more: where both layouts have other pages for the page map, or less of the machine as it
 * is known is whole by the other one. `ours`: what of it is whole as it is.
 */
static void open_other(const struct windows *windows, const struct image *other,
		       struct profiles *profiles, const struct windows_options *options,
		       const struct whole *ours, struct opened *opened)
{
	struct windows_options same = *options;
	if (!ours->broken ||
	    image_page(other, windows->dtb) != image_page(windows->image, windows->dtb) ||
	    whole_of(windows, other).whole < ours->whole)
		return;
	same.dtb = windows->dtb;
	same.kernel_base = windows->kernel_base;
	error_free(open_with(other, profiles, &same, 0, opened));
}

/* Takes the layout by which more of the machine is whole. */
static void compare_layouts(const struct image *image, struct profiles *profiles,
			    const struct windows_options *options, struct opened *opened)
{
	const struct image *other = image_other_layout(image);
	_cleanup_opened_ struct opened second = {0};
	_cleanup_free_ char *why = NULL;
	struct whole ours = whole_of(opened->windows, image), theirs = {0};
	open_other(opened->windows, other, profiles, options, &ours, &second);
	if (second.windows)
		theirs = whole_of(second.windows, other);
	if (second.windows && whole_more(&theirs, &ours)) {
		why = alloc_printf(", since %zu processes and drivers are whole so, and %zu "
				   "otherwise",
				   theirs.whole, ours.whole);
		second.page_map_source = opened->page_map_source;
		second.layout = layout_sentence(other, why);
		struct opened less = *opened;
		*opened = second;
		second = less;
		return;
	}
	if (!ours.broken)
		why = alloc_printf(", by which all %zu processes and drivers are whole",
				   ours.whole);
	opened->layout = layout_sentence(image, why ? why : "");
}

/* As open_with() without page files, by the layout of the image that makes most sense. */
static struct error *open_layout(const struct image *image, struct profiles *profiles,
				 const struct windows_options *options, struct opened *opened)
{
	struct error *error = open_with(image, profiles, options, 0, opened);
	const struct image *other = image_other_layout(image);
	if (!other)
		return error;
	if (!error) {
		compare_layouts(image, profiles, options, opened);
		return NULL;
	}
	struct error *neither = open_with(other, profiles, options, 0, opened);
	if (neither) {
		error_free(neither);
		return error;
	}
	error_free(error);
	opened->layout = layout_sentence(other, ", since no kernel is found otherwise");
	return NULL;
}

/*
 * A page file that is not the image's would mislead even the search for the layout. So all is found
 * without them first, then they are judged, and with those that are good all is found again.
 */
static struct error *open_and_judge(const struct image *image, struct profiles *profiles,
				    const struct windows_options *options, struct opened *opened,
				    struct page_file_evidence *evidence)
{
	bool given = false, cut = false;
	for (unsigned int i = 0; i < PAGE_FILES; i++)
		given |= options->page_files[i] != NULL;
	try_(open_layout(image, profiles, options, opened));
	unsigned int used = given ? page_files_judge(opened->windows, evidence, &cut) : 0;
	if (used) {
		const struct image *chosen = opened->windows->image;
		char *layout = take_ptr(opened->layout);
		opened_free(opened);
		*opened = (struct opened){.layout = layout};
		try_(open_with(chosen, profiles, options, used, opened));
	}
	opened->cut |= cut ? CUT_PAGE_FILES : 0;
	return NULL;
}

static void warn(struct discovery *discovery, char *sentence)
{
	*array_push(discovery->warnings, discovery->warning_count, discovery->warning_capacity) =
		sentence;
}

/* That the layout was inferred, and what is not certain of it. */
static void warn_inferred(struct discovery *discovery, const char *doubt)
{
	const struct windows *windows = discovery->windows;
	if (!windows->profile->inferred)
		return;
	warn(discovery, windows->inferred ? alloc_printf("the layout of Windows build %u was %s",
							 windows->build, windows->profile->origin)
					  : alloc_printf("profile %s was inferred from an image",
							 windows->profile->name));
	for (size_t length; doubt && *doubt; doubt += length + (doubt[length] == '\n')) {
		length = strcspn(doubt, "\n");
		if (length)
			warn(discovery, alloc_printf("%.*s", (int)length, doubt));
	}
}

/* What speaks against the page files that were given. */
static void warn_of_page_files(struct discovery *discovery, const struct windows_options *options)
{
	struct entry_votes votes;
	bool counted = false;
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		if (!options->page_files[i])
			continue;
		if (options->count_page_files && !counted)
			windows_page_file_use(discovery->windows, &votes);
		counted = options->count_page_files;
		char *doubt = discovery_page_file_doubt(discovery, i, counted ? &votes : NULL);
		if (doubt)
			warn(discovery, doubt);
	}
}

/* Takes the page files that lay in the image's archive, where the user gave none of that number. */
static struct windows_options with_packed(const struct image *image,
					  const struct windows_options *options)
{
	struct windows_options with = *options;
	for (unsigned int i = 0; i < SOURCE_PAGE_FILES; i++) {
		const struct source *file = source_page_file(image_source(image), i);
		if (!file || with.page_files[i])
			continue;
		with.page_files[i] = source_path(file);
		with.page_sources[i] = file;
	}
	return with;
}

/*
 * Where a page file that was given is not the image's, the one of the same number that lay in the
 * image's archive may be. Returns whether there is such a one, which is in the options then; what
 * speaks against the other is told.
 */
static bool take_packed_instead(const struct image *image, struct discovery *discovery,
				struct windows_options *options)
{
	bool taken = false;
	for (unsigned int i = 0; i < SOURCE_PAGE_FILES; i++) {
		const struct source *file = source_page_file(image_source(image), i);
		const struct page_file *read = memory_page_file(discovery->windows->memory, i);
		if (!file || !read || read->used || options->page_sources[i] == file)
			continue;
		char *doubt = discovery_page_file_doubt(discovery, i, NULL);
		warn(discovery, alloc_printf("%s; the one of the archive is tried",
					     doubt ? doubt : options->page_files[i]));
		free(doubt);
		options->page_files[i] = source_path(file);
		options->page_sources[i] = file;
		taken = true;
	}
	return taken;
}

/* Finds all, and all again where the archive's page files are taken instead of those given. */
static struct error *open_all(const struct image *image, struct profiles *profiles,
			      struct windows_options *options, struct opened *opened,
			      struct discovery *discovery)
{
	try_(open_and_judge(image, profiles, options, opened, discovery->page_files));
	discovery->windows = opened->windows;
	const bool again = take_packed_instead(image, discovery, options);
	discovery->windows = NULL;
	if (!again)
		return NULL;
	opened_free(opened);
	*opened = (struct opened){0};
	return open_and_judge(image, profiles, options, opened, discovery->page_files);
}

struct error *windows_open(const struct image *image, struct profiles *profiles,
			   const struct windows_options *given, struct discovery *discovery)
{
	struct windows_options with = with_packed(image, given), *options = &with;
	_cleanup_opened_ struct opened opened = {0};
	*discovery = (struct discovery){0};
	if (image_minidump(image)) {
		char *doubt = NULL;
		discovery->windows = process_dump_open(image, &doubt);
		if (doubt)
			warn(discovery, doubt);
		return NULL;
	}
	try_(open_all(image, profiles, options, &opened, discovery));
	discovery->windows = take_ptr(opened.windows);
	discovery->page_map_source = opened.page_map_source;
	if (opened.layout)
		warn(discovery, take_ptr(opened.layout));
	warn_inferred(discovery, opened.doubt);
	for (unsigned int i = 0; i < DISCOVERY_CUT_COUNT; i++)
		if (opened.cut >> i & 1)
			warn(discovery, alloc_strdup(cut_sentences[i]));
	warn_of_page_files(discovery, options);
	return NULL;
}

void discovery_free(struct discovery *discovery)
{
	if (discovery->windows)
		windows_close(discovery->windows);
	for (size_t i = 0; i < discovery->warning_count; i++)
		free(discovery->warnings[i]);
	free(discovery->warnings);
	*discovery = (struct discovery){0};
}
