/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where code is that the loader did not map: executable memory that is not of an image section, PE
 * images in it, and code pages of images that differ from their section's.
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

/* A VAD that is not of an image section and has executable pages. */
struct region {
	const struct vad *vad;	   /* one of the view's */
	uint64_t committed;	   /* number of pages that hold something, in memory or paged out */
	uint64_t executable;	   /* how many of them can be run ... */
	uint64_t writable;	   /* ... and how many of those can be written as well */
	uint64_t first_executable; /* address of such a page */
	uint64_t first_committed, last_committed; /* likewise */
};

struct regions {
	struct region *items;
	size_t count;
	size_t capacity;
	char damage[120]; /* what was cut off; "": nothing */
};

/*
 * Lists the regions of a view. All of it costs no more than a part of view->budget, and each VAD no
 * more than a part of that. Where a VAD costs more, its counts are too low, and `damage` names it.
 * Release with regions_free().
 */
void view_regions(struct view *view, struct regions *regions);
void regions_free(struct regions *regions);
#define _cleanup_regions_ __attribute__((cleanup(regions_free)))

/* A PE image within a region, or what of a region no image has. */
struct injected {
	const struct vad *vad;
	uint64_t base;
	uint64_t size;		   /* bytes of memory that belong to it */
	bool no_header;		   /* no PE: the VAD, but for images at its ends */
	uint64_t used, used_size;  /* with no_header: address and bytes of what holds anything */
	size_t inner, inner_count; /* with no_header: which items are the images in the region */
	bool file_layout;	   /* sections lie as in the file, not as mapped by the loader */
	bool pe32_plus;
};

struct injections {
	struct injected *items; /* in the order of the VADs, images by address, no_header last */
	size_t count;
	size_t capacity;
	char damage[120]; /* what was cut off; "": nothing */
};

/*
 * Looks for PE images in each region. What of its pages they don't have is an entry with no_header:
 * a program whose header is wiped may have another one among its data. All of it
 * costs no more than a part of view->budget, and each region no more than a part of that. `damage`
 * names a region that was cut off. Release with injections_free().
 */
void view_injections(struct view *view, const struct regions *regions,
		     struct injections *injections);
void injections_free(struct injections *injections);

/* Returns the first item of a VAD; NULL: it has none. */
const struct injected *injections_of(const struct injections *injections, const struct vad *vad);

/*
 * Sets the pages that an image has for itself, from address `*start` to before `*end`, which is at
 * least `*start`. What lies before it in its first page, or behind it in its last one, is not known
 * to be its own.
 */
void injected_pages(const struct injected *injected, uint64_t *start, uint64_t *end);

#define _cleanup_injections_ __attribute__((cleanup(injections_free)))

/*
 * Returns how many pages of the code sections of the image at `base`, whose headers are `pe`,
 * differ from what its image section has; 0 for memory that is not of an image section.
 */
size_t view_patched_pages(struct view *view, const struct pe *pe, uint64_t base);

#endif
