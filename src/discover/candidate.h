/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine that is tried: what was found of it so far, by the page map and the profile that are
 * tried. It becomes a struct windows (windows.h) when its System process confirms it.
 */
#ifndef DISCOVER_CANDIDATE_H
#define DISCOVER_CANDIDATE_H

#include <impscan/windows.h>

struct candidate {
	const struct image *image;
	struct memory *memory; /* that of its kind of page map */
	enum architecture architecture;
	unsigned int pointer_size;
	struct budget *budget; /* of the step that is taken; NULL: not bounded */
	unsigned int cut;      /* enum discovery_cut: what was not searched to its end */

	/* By kernel_image_at() */
	uint64_t kernel_base, kernel_size;
	char kernel_name[64];
	struct pe_pdb kernel_pdb;

	/* By kernel_build() */
	uint32_t build, build_kernel, build_shared, major, minor;

	/* By system_find(), system_sweep() or infer_profile() */
	const struct profile *profile; /* by which it is read; NULL: none fits so far */
	uint64_t system, dtb;

	/* Once System is known */
	uint64_t ps_loaded_module_list; /* 0: not found */
	const char *page_map_source;	/* static words: how the page map was found */
	struct profile *inferred;	/* `profile`, where it was inferred */
	char *doubt;			/* what is not certain of it: sentences, a line each */
};

/* What was not searched to its end, since it would have cost more than the image is worth. */
enum discovery_cut {
	CUT_KERNEL_SIZE = 1 << 0,  /* the kernel claims a size that none has */
	CUT_MODULE_LIST = 1 << 1,  /* PsLoadedModuleList */
	CUT_PAGING_FILES = 1 << 2, /* MMPAGING_FILEs */
	CUT_STORE = 1 << 3,	   /* the compressed store */
	CUT_FIT = 1 << 4,	   /* comparing the profiles of the build */
	CUT_PAGE_FILES = 1 << 5,   /* comparing the page files given with the image */
	CUT_CID_TABLE = 1 << 6,	   /* PspCidTable */
	CUT_PFN_DATABASE = 1 << 7, /* MmPfnDatabase, or it was not found */
};
#define DISCOVERY_CUT_COUNT 8

/*
 * Returns the machine that the candidate would be, for reading it by its profile. It owns nothing
 * and is good as long as the candidate does not change.
 */
struct windows candidate_machine(const struct candidate *candidate);

/*
 * Is the profile for kernels with such page maps? MMPTE.size tells those with PAE from the others.
 */
bool profile_fits_paging(const struct profile *profile, enum paging paging);

/* Reads the machine by `profile` from now on, its page-table entries included. */
void candidate_use_profile(struct candidate *candidate, const struct profile *profile);

/*
 * Is the kernel mapped at `base`? Its header must be a PE whose export directory names
 * ntoskrnl.exe or whose PDB is a kernel's. Fills kernel_base, kernel_size, kernel_name, kernel_pdb.
 */
bool kernel_image_at(struct candidate *candidate, struct space *space, uint64_t base);

/*
 * Looks for the kernel's image: around the address `hint` when that is not 0, then in all that the
 * page map maps. Ends with candidate->budget. `walk`, all zero at first, keeps from page maps that
 * were tried before what need not be looked at again.
 */
bool kernel_image_find(struct candidate *candidate, struct space *space, uint64_t hint,
		       struct table_walk *walk);

/* Reads build_kernel, build_shared, major, minor; false when no source gives a build. */
bool kernel_build(struct candidate *candidate, struct space *space);

/*
 * Finds System's EPROCESS by the layout of candidate->profile: by the kernel's export, by the list
 * heads that the image's header claims, by KDBG. Sets `system` and `dtb`.
 */
bool system_find(struct candidate *candidate, struct space *space);

/* The last resort: by a sweep of the image, as far as candidate->budget allows. */
struct windows_options;
bool system_sweep(struct candidate *candidate, struct space *space,
		  const struct windows_options *options);

/* Returns where the export PsInitialSystemProcess leads, unchecked; 0: nowhere. */
uint64_t system_export(const struct candidate *candidate, struct space *space);

/* Reads PsActiveProcessHead by the image's header and by KDBG, unchecked; 0: unknown. */
void system_heads(const struct candidate *candidate, struct space *space, uint64_t heads[2]);

/*
 * What System is found by: the bytes of the pages that hold the kernel's header, the variable that
 * its export leads to, and the EPROCESS that this leads to; NULL for what is not present. Where two
 * page maps have all three in common, they have the same System.
 */
#define SYSTEM_PAGES 3
void system_pages(const struct candidate *candidate, struct space *space,
		  const uint8_t *pages[SYSTEM_PAGES]);

/* Finds PsLoadedModuleList: by export, hint, KDBG, by content. Sets ps_loaded_module_list. */
void module_list_find(struct candidate *candidate, struct space *space);

#endif
