/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room discover: the steps of finding a machine in an image.
 *
 *	open.c          windows_open(): all of it, and what becomes of it
 *	finder.c        tries page maps and what is behind them, cheap ways first
 *	page_map.c      where could the page map be?          physical address, perhaps a hint
 *	kernel_image.c  is a kernel mapped there, and where?  base of ntoskrnl.exe, build
 *	system.c        where is System?                      EPROCESS, list heads
 *	choose.c        which profile is the machine's?
 *	fit.c           how well does a profile fit?
 *	infer.c         no profile of the build: the layout from the image, see infer.h
 *	candidate.c     the machine that is tried, as far as it is known
 *	not_found.c     tells what was tried
 *	cid_table.c     the table of PIDs
 *	pfn_database.c  what the kernel knows of frames
 *	pages.c         what finds pages that are not there: entries, page files, store
 *	page_files.c    are the page files that were given those of this image?
 */
#ifndef DISCOVER_INTERNAL_H
#define DISCOVER_INTERNAL_H

#include <impscan/discover.h>
#include <impscan/kernel_address.h>
#include <impscan/store.h>
#include <impscan/text.h>
#include <impscan/windows.h>

#include "discover/candidate.h"

/* FILETIME of 1999-01-01 and of 2100-01-01: a time outside is none of a process. */
#define FILETIME_FIRST UINT64_C(0x01be3519aca68000)
#define FILETIME_LAST  UINT64_C(0x022f716377640000)

/* KUSER_SHARED_DATA, at one address in every kernel, and the versions in it. */
#define KUSER_SHARED_DATA   UINT64_C(0xfffff78000000000)
#define KUSER_SHARED_DATA32 UINT64_C(0xffdf0000)
#define KUSER_MAJOR_VERSION 0x26c
#define KUSER_MINOR_VERSION 0x270

/* A place where a page map may be. */
struct page_map {
	enum paging paging;
	uint64_t dtb;
	uint64_t kernel_hint; /* an address in or near the kernel, or 0 */
	unsigned int doubt; /* of one that a scan found: entries that speak against it, and more */
	const char *source; /* "low stub", "page-map scan" ... */
	bool done;	    /* it was tried to the end */
};

struct page_maps {
	struct page_map *items;
	size_t count;
	size_t capacity;
	size_t more; /* that were not kept */
};

/*
 * A kernel address as a header or a debugger's block has it. There, those of 32-bit kernels are
 * extended to 64 bits by their sign.
 */
static inline uint64_t kernel_pointer(enum paging paging, uint64_t address)
{
	bool extended = address >> 31 == UINT64_C(0x1ffffffff);
	return paging != PAGING_X64 && extended ? address & UINT32_MAX : address;
}

/* What costs nothing: the user's word, the header's hints, the low stub. */
void page_maps_known(const struct image *image, const struct windows_options *options,
		     struct page_maps *maps);

/* Tells how far a sweep of the image is. */
struct sweep_progress {
	const struct windows_options *options;
	uint64_t done, total; /* bytes */
	uint64_t shown;	      /* `done` when it was told last */
};

struct sweep_progress sweep_begin(const struct image *image, const struct windows_options *options);

/* Adds bytes to what is done. */
void sweep_advance(struct sweep_progress *progress, uint64_t bytes);

/* It is over. */
void sweep_end(struct sweep_progress *progress);

/* Tries page map `number` of the list. Returns whether the search is over. */
typedef bool page_map_likely(void *context, size_t number);

/*
 * Reads the image for pages that could be a page map, and adds them, those first that look most
 * like one. maps->more counts those that are left out, since there are more than a machine has.
 * Calls `likely` (NULL: nothing) for each that has KUSER_SHARED_DATA when it is found; where that
 * returns true it ends at once, and returns true.
 */
bool page_maps_scan(const struct image *image, const struct windows_options *options,
		    struct page_maps *maps, page_map_likely *likely, void *context);

/*
 * Returns how well the profile of `windows` fits what the image has behind its System: facts that
 * agree less those that don't, over the first processes. To be compared among profiles of one
 * image. What is read counts against `budget` (NULL: not bounded).
 */
int profile_fit(const struct windows *windows, struct budget *budget);

/*
 * Sets the memory up for what is this machine's own of page-table entries, and for its compressed
 * store; finds the page files. The memory has the profile's entries, the kernel and System are
 * known. Takes `steps` at most (see budget.h); returns what was cut off, enum discovery_cut.
 */
unsigned int pages_find(struct windows *windows, uint64_t steps);

/*
 * Compares the page files that were given, none of which is used so far, with what the image has of
 * the same pages; see page_files.c. From now on those are used that agree with it. Sets `*cut` when
 * not all was compared that could be. Returns a bit for each page file that is used.
 */
unsigned int page_files_judge(const struct windows *windows,
			      struct page_file_evidence evidence[PAGE_FILES], bool *cut);

/*
 * Returns how many files named as page files are by default are found by windows->profile, whose
 * layout is in doubt: other structures have paths, too.
 */
size_t paging_files_count(const struct windows *windows, struct space *space,
			  struct budget *budget);

/* Returns the HANDLE_TABLE of PIDs; 0: not found, or `budget` (NULL: not bounded) has ended. */
uint64_t cid_table_find(const struct windows *windows, struct space *kernel, struct budget *budget);

/*
 * Returns the address of the array of MMPFNs; 0: not found, not needed, or `budget` (NULL: not
 * bounded) has ended. `windows` is as it was afterwards.
 */
uint64_t pfn_database_find(struct windows *windows, struct space *kernel, struct budget *budget);

/* What a profile says of the compressed store; it must have SMKM_STORE_MGR.KeyToStoreTree. */
struct store_layout store_layout_of(const struct profile *profile);

#endif
