/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the windows room: the steps of finding a kernel in an image.
 *
 *	page_map.c      where could the page map be?          physical address, perhaps a hint
 *	kernel_image.c  is a kernel mapped there, and where?  base of ntoskrnl.exe
 *	system.c        which build, and where is System?     profile, EPROCESS, list heads
 *	fit.c           which of several profiles of a build fits?
 *	infer.c         no profile of the build: the layout from the image, see infer.h
 *	kernel.c        tries it all, in order
 *	not_found.c     tells what was tried
 *	pages.c         what finds pages that are not there: entries, page files, store
 *	page_files.c    are the page files that were given those of this image?
 */
#ifndef WINDOWS_DISCOVER_H
#define WINDOWS_DISCOVER_H

#include <impscan/discover.h>
#include <impscan/kernel_address.h>
#include <impscan/store.h>
#include <impscan/text.h>
#include <impscan/windows.h>

/* FILETIME of 1999-01-01 and of 2100-01-01: a time outside is none of a process. */
#define FILETIME_FIRST UINT64_C(0x01be3519aca68000)
#define FILETIME_LAST  UINT64_C(0x022f716377640000)

/* A place where a page map may be. */
struct page_map {
	enum paging paging;
	uint64_t dtb;
	uint64_t kernel_hint; /* an address in or near the kernel, or 0 */
	const char *source;   /* "low stub", "page-map scan" ... */
	bool done;	      /* it was tried to the end */
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

/* What was tried, for the sentence that tells of failure. */
struct attempts {
	size_t maps;		 /* page maps tried to their end, ... */
	size_t listed;		 /* ... of so many */
	bool cut;		 /* the search was cut off: not all could be tried */
	uint64_t kernel_base;	 /* a kernel that was found, but not confirmed */
	uint32_t build;		 /* its build */
	enum paging paging;	 /* its page map's kind */
	bool no_profile;	 /* it has no profile */
	char *inference;	 /* why none could be inferred, a line each; NULL: not tried */
	bool other_profile;	 /* the user's is for another kind of page map */
	struct error *profile;	 /* a profile that could not be read */
	struct error *page_file; /* one that can't be used: there is no sense in going on */
};

/* Why windows_open() fails, in a sentence. */
struct error *windows_not_found(const struct image *image, const struct windows_options *options,
				const struct attempts *attempts);

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

/*
 * Reads the whole image for pages that could be a page map. `maps->more` counts those that are left
 * out, since there are more than a machine has.
 */
void page_maps_scan(const struct image *image, const struct windows_options *options,
		    struct page_maps *maps);

/*
 * Is the kernel mapped at `base`? Its header must be a PE whose export directory names
 * ntoskrnl.exe or whose PDB is a kernel's. Fills kernel_base, kernel_size, kernel_name, kernel_pdb.
 */
bool kernel_image_at(struct windows *windows, struct space *space, uint64_t base);

/*
 * Looks for it: around `hint` when that is not 0, then in all that the page map has. Spends of
 * windows->budget, and when that ends is cut off. `walk`, all zero at first, knows from page maps that
 * were tried before what need not be looked at again.
 */
bool kernel_image_find(struct windows *windows, struct space *space, uint64_t hint,
		       struct table_walk *walk);

/* Reads build_kernel, build_shared, major, minor; false when no source gives a build. */
bool kernel_build(struct windows *windows, struct space *space);

/*
 * Finds System's EPROCESS by the layout of windows->profile: by the kernel's export, by the list
 * heads that the image's header claims, by KDBG. Sets windows->system and windows->dtb.
 */
bool system_find(struct windows *windows, struct space *space);

/* Where the export PsInitialSystemProcess leads, unchecked; 0: nowhere. */
uint64_t system_export(const struct windows *windows, struct space *space);

/* PsActiveProcessHead by the image's header and by KDBG, unchecked; 0: unknown. */
void system_heads(const struct windows *windows, struct space *space, uint64_t heads[2]);

/* Is the profile for kernels with such page maps? MMPTE tells those with PAE from the others. */
bool profile_fits_paging(const struct profile *profile, enum paging paging);

/* Tells the memory how page-table entries look, by windows->profile. */
void windows_set_entries(const struct windows *windows);

/* The last resort: by a sweep of the image, as far as windows->budget allows. */
bool system_sweep(struct windows *windows, struct space *space,
		  const struct windows_options *options);

/*
 * How well windows->profile fits what the image has behind windows->system: facts that agree less
 * those that don't, over the first processes. To be compared among profiles of one image.
 */
int profile_fit(const struct windows *windows);

/*
 * What System is found by: the bytes of the pages that hold the kernel's header, the variable that its
 * export leads to, and the EPROCESS that this leads to; NULL for what is not present. Where two page
 * maps have all three in common, they have the same System.
 */
#define SYSTEM_PAGES 3
void system_pages(const struct windows *windows, struct space *space,
		  const uint8_t *pages[SYSTEM_PAGES]);

/* Finds PsLoadedModuleList: by export, hint, KDBG, by content. Sets windows->ps_loaded_module_list. */
void module_list_find(struct windows *windows, struct space *space);

/*
 * Tells the memory, which has the profile's entries, what of them is this machine's own, and where
 * its compressed store is; finds the page files. The kernel and System are known. Takes so many steps
 * (see budget.h), and tells in windows->cut what would take more.
 */
void pages_find(struct windows *windows, uint64_t steps);

/*
 * Compares the page files that were given with what the image has of the same pages, and uses those
 * only that agree with it; see page_files.c. `windows` is complete, the files are not used so far.
 * Returns whether any is used now.
 */
bool page_files_judge(struct windows *windows);

/*
 * How many files named as page files are by default are found by windows->profile, whose layout is
 * in doubt: other structures have paths, too. Nothing of `windows` changes.
 */
size_t paging_files_count(const struct windows *windows, struct space *space);

/* What a profile says of the compressed store; it must have SMKM_STORE_MGR.KeyToStoreTree. */
struct store_layout store_layout_of(const struct profile *profile);

#endif
