/*
 * Inside the windows room: the steps of finding a kernel in an image.
 *
 *	page_map.c      where could the page map be?          physical address, perhaps a hint
 *	kernel_image.c  is a kernel mapped there, and where?  base of ntoskrnl.exe
 *	system.c        which build, and where is System?     profile, EPROCESS, list heads
 *	kernel.c        tries it all, in order, and tells what was tried
 */
#ifndef WINDOWS_DISCOVER_H
#define WINDOWS_DISCOVER_H

#include <impscan/text.h>
#include <impscan/windows.h>

/* A place where a page map may be. */
struct page_map {
	uint64_t dtb;
	uint64_t kernel_hint; /* an address in or near the kernel, or 0 */
	const char *source;   /* "low stub", "page-map scan" ... */
};

struct page_maps {
	struct page_map *items;
	size_t count;
	size_t capacity;
};

/* What costs nothing: the user's word, the header's hints, the low stub. */
void page_maps_known(const struct image *image, const struct windows_options *options,
		     struct page_maps *maps);

/* Reads the whole image for pages that could be a page map. */
void page_maps_scan(const struct image *image, struct page_maps *maps);

/*
 * Is the kernel mapped at `base`? Its header must be a PE whose export directory names
 * ntoskrnl.exe or whose PDB is a kernel's. Fills kernel_base, kernel_size, kernel_name, kernel_pdb.
 */
bool kernel_image_at(struct windows *windows, struct space *space, uint64_t base);

/* Looks for it: around `hint` when that is not 0, then in all that the page map has. */
bool kernel_image_find(struct windows *windows, struct space *space, uint64_t hint);

/* Reads build_kernel, build_shared, major, minor; false when no source gives a build. */
bool kernel_build(struct windows *windows, struct space *space);

/*
 * Finds System's EPROCESS by the layout of windows->profile: by the kernel's export, by the list
 * heads that the image's header claims, by KDBG, by a sweep of the image. Sets windows->system.
 */
bool system_find(struct windows *windows, struct space *space);

/* Finds PsLoadedModuleList: by export, hint, KDBG, by content. Sets windows->ps_loaded_module_list. */
void module_list_find(struct windows *windows, struct space *space);

#endif
