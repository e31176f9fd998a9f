/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Executable memory that no image section is behind, PE images in it, and code pages that differ from
 * their section's.
 *
 * Room: windows.
 */
#ifndef IMPSCAN_REGION_H
#define IMPSCAN_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>
#include <impscan/pe.h>
#include <impscan/view.h>

/* A VAD without an image section that has executable pages. */
struct region {
	const struct vad *vad; /* the view's */
	uint64_t committed;    /* pages that hold something, in memory or paged out */
	uint64_t executable;   /* those of them that can be run ... */
	uint64_t writable;     /* ... and written as well */
	uint64_t first_executable;
	uint64_t first_committed, last_committed; /* addresses of pages */
};

struct regions {
	struct region *items;
	size_t count;
	size_t capacity;
	char damage[120]; /* what was cut off, in words; "": nothing */
};

/*
 * The regions of a view. Costs no more than a part of view->budget, and each VAD a part of that; what
 * is known of one that costs more is too little, and `damage` names it.
 */
void view_regions(struct view *view, struct regions *regions);
void regions_free(struct regions *regions);
#define _cleanup_regions_ __attribute__((cleanup(regions_free)))

/* A PE image within such a region, or a region where none was found. */
struct injected {
	const struct vad *vad;
	uint64_t base;
	uint64_t size;		  /* bytes of memory that belong to it */
	bool no_header;		  /* no PE header in the region: base and size are the VAD's */
	uint64_t used, used_size; /* with no_header: what of it holds anything */
	bool file_layout;	  /* lies as in the file, not as mapped by a loader */
	bool pe32_plus;
};

struct injections {
	struct injected *items;
	size_t count;
	size_t capacity;
	char damage[120]; /* what was cut off, in words; "": nothing */
};

/*
 * Looks for PE images in each region; a region without any is one entry with no_header. Costs no more
 * than a part of view->budget, and each region a part of that; `damage` names one that was cut off.
 */
void view_injections(struct view *view, const struct regions *regions,
		     struct injections *injections);
void injections_free(struct injections *injections);
#define _cleanup_injections_ __attribute__((cleanup(injections_free)))

/*
 * How many pages of the code sections of the image at `base`, whose headers are `pe`, are not what
 * its section has: 0 for memory that no image section is behind.
 */
size_t view_patched_pages(struct view *view, const struct pe *pe, uint64_t base);

#endif
