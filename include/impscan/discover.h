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
#include <impscan/process.h>
#include <impscan/windows.h>

/* What the user knows better; all zero: find it. */
struct windows_options {
	uint64_t dtb;		       /* physical address of the page map */
	uint64_t kernel_base;	       /* where ntoskrnl.exe is loaded */
	const struct profile *profile; /* this layout, whatever the build */
	bool infer; /* infer the layout from the image, without the profiles of its build */
	const char *page_files[PAGE_FILES]; /* paths by number; see memory_add_page_file() */
	/* Page files that are open already: of these the paths are only names. They outlive the call. */
	const struct source *page_sources[PAGE_FILES];
	/*
	 * Read all page tables to see whether the page files have all pages that are needed of
	 * them.
	 */
	bool count_page_files;
	/*
	 * Search only for what is found soon, since most likely there is none: the image's first 4
	 * GB, with a quarter of the work.
	 */
	bool brief;
	/* Called while the image is searched, with bytes; NULL: nobody is told. */
	void (*progress)(void *context, size_t done, size_t total);
	void *progress_context;
};

/* What is searched of an image briefly, in bytes from address 0 on. */
#define WINDOWS_BRIEF (UINT64_C(1) << 32)

/* How many pages of a page file were compared with the image. */
struct page_file_evidence {
	size_t alike;  /* pages that nearly are what the image says they must be */
	size_t unlike; /* pages that can't be */
};

/* A machine that was found, and how. */
struct discovery {
	struct windows *windows;
	const char *page_map_source; /* static words: how the page map was found */
	struct page_file_evidence page_files[PAGE_FILES]; /* of those given, by number */
	char **warnings; /* sentences for the user: an inferred layout, what was cut off, page files */
	size_t warning_count;
	size_t warning_capacity;
};

/*
 * Finds the kernel, its page map and its build, confirms them by System's EPROCESS, and chooses the
 * profile. Where no profile of the build fits, the layout is inferred. Page files are used only
 * where they agree with the image. Errors say what was tried; then `discovery` is empty. `image`
 * and `profiles` must outlive it. Release it with discovery_free().
 */
struct error *windows_open(const struct image *image, struct profiles *profiles,
			   const struct windows_options *options, struct discovery *discovery);
void discovery_free(struct discovery *discovery);
#define _cleanup_discovery_ __attribute__((cleanup(discovery_free)))

/*
 * Lists the processes: those of ActiveProcessLinks from System on, in the order of the ring (a
 * broken ring is followed from both ends), then those that only other sources know, by PID. With
 * `deep`, `threads` threads sweep physical memory for EPROCESS structures. Each source has a share
 * of the work that the image is worth, and of the number of processes; processes->damage says which
 * were cut off. Release the list with processes_free().
 */
void windows_processes(const struct windows *windows, bool deep, unsigned int threads,
		       struct processes *processes);

/*
 * Counts the pages that the page tables of all processes name in each page file
 * (votes->page_files): what a page file would help to read. Reads every page table. votes->cut:
 * they cost too much work, and not all were read.
 */
void windows_page_file_use(const struct windows *windows, struct entry_votes *votes);

/*
 * Returns a sentence on what speaks against page file `number`, as it was given, being that of the
 * image; NULL: nothing, or none was given. That is contents that can't be (then it is not used),
 * its size, and with `votes` of windows_page_file_use() (NULL: not asked) pages beyond its end. The
 * caller frees it.
 */
char *discovery_page_file_doubt(const struct discovery *discovery, unsigned int number,
				const struct entry_votes *votes);

#endif
