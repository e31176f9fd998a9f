/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room discover: how much of a machine is whole, to tell by which of two layouts an
 * image is to be read.
 */
#ifndef DISCOVER_WHOLE_H
#define DISCOVER_WHOLE_H

#include <stddef.h>

#include <impscan/windows.h>

struct whole {
	size_t whole;  /* processes whose page map, and drivers whose header, is what it must be */
	size_t broken; /* those of which it is not, lists that break off, pages that are not there */
	size_t kernel_lost; /* of these, pages of the kernel that the image does not have */
};

/*
 * Looks at the running processes, the drivers and the kernel, all as the machine's memory leads to
 * them, but at what `image` has in their frames: the machine's own, or another layout of it. Costs
 * a few pages for each.
 */
struct whole whole_of(const struct windows *windows, const struct image *image);

/* Returns whether `a` is more whole than `b`. */
bool whole_more(const struct whole *a, const struct whole *b);

#endif
