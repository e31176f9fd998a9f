/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finding a Windows machine in an image: its page map, its kernel and the profile that fits.
 *
 * Room: discover.
 */
#ifndef IMPSCAN_DISCOVER_H
#define IMPSCAN_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>
#include <impscan/entry_votes.h>
#include <impscan/windows.h>

/* What the user knows better; all zero: find it. */
struct windows_options {
	uint64_t dtb;		       /* physical address of the page map */
	uint64_t kernel_base;	       /* where ntoskrnl.exe is loaded */
	const struct profile *profile; /* this layout, whatever the build */
	bool infer; /* infer the layout from the image, without the profiles of its build */
	const char *page_files[PAGE_FILES]; /* paths by number; see memory_add_page_file() */
	/* Called while the image is searched, with bytes; NULL: it is not told. */
	void (*progress)(void *context, size_t done, size_t total);
	void *progress_context;
};

/*
 * Finds the kernel, its page map and its build, confirmed through System's EPROCESS, and chooses
 * the profile; where there is none of the build that fits, infers it. On failure the error says what was tried. `image` and `profiles` must outlive it.
 */
struct error *windows_open(const struct image *image, struct profiles *profiles,
			   const struct windows_options *options, struct windows **ret);

/*
 * Counts the pages that page tables of all processes name in each page file (votes->page_files):
 * what giving it would help. Reads every page table, so it is for --info.
 */
void windows_page_file_use(const struct windows *windows, struct entry_votes *votes);

/* Bytes of a sentence of windows_page_file_doubt(): a path, and what is said of it. */
#define PAGE_FILE_DOUBT (4096 + 256)

/*
 * Does page file `number`, as it was given, belong to this image? True, and a sentence, where
 * something speaks against it: contents that can't be (then it is not used), its size, pages beyond
 * its end. `votes` by windows_page_file_use(), or NULL: the last is not asked.
 */
bool windows_page_file_doubt(const struct windows *windows, unsigned int number,
			     const struct entry_votes *votes, char *sentence, size_t size);

#endif
