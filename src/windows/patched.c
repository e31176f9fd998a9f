/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Code pages of an image that differ from its section's: stomped modules, inline hooks.
 *
 * The loader maps the pages of an image copy-on-write. A page that was written to is the process's
 * own copy: it is valid or in transition, and not the page that the section's prototype PTE has.
 */
#include <impscan/bytes.h>
#include <impscan/region.h>
#include <impscan/vad.h>
#include <impscan/view.h>

#include <string.h>

/* Steps of comparing a page. */
#define COMPARE_STEPS 4

/* Is a page of the VAD a private copy with other bytes than the section's page? */
static bool is_patched(struct view *view, const struct vad *vad, size_t number)
{
	struct page ours, theirs;
	space_page(view->space, vad->start + number * PAGE_SIZE, &ours);
	if (ours.prototype || !ours.data)
		return false;
	if (view_section_page(view, vad, vad->start + number * PAGE_SIZE, &theirs))
		return theirs.data != ours.data && memcmp(theirs.data, ours.data, PAGE_SIZE) != 0;
	/* The section's page is not present, but there is a copy, so the page was written to. */
	return theirs.state == PAGE_FILE || theirs.state == PAGE_PAGEFILE;
}

size_t view_patched_pages(struct view *view, const struct pe *pe, uint64_t base)
{
	const struct vad *vad = vads_find(&view->vads, base);
	const struct own_pages *own = vad ? view_own_pages(view, vad) : NULL;
	size_t patched = 0;
	if (!own)
		return 0;
	for (size_t i = 0; i < pe->section_count; i++) {
		const struct pe_section *section = &pe->sections[i];
		if (!budget_spend(view->budget, 1))
			break;
		/* A section that is writable as well may change without being patched. */
		if (!(section->characteristics & IMAGE_SCN_MEM_EXECUTE) ||
		    section->characteristics & IMAGE_SCN_MEM_WRITE)
			continue;
		uint64_t start = base - vad->start + section->virtual_address;
		uint64_t end = start + section->virtual_size;
		size_t last = (size_t)min_of((end + PAGE_SIZE - 1) / PAGE_SIZE, own->count);
		for (size_t page = own_pages_next(own, (size_t)(start / PAGE_SIZE), last);
		     page < last && budget_spend(view->budget, COMPARE_STEPS);
		     page = own_pages_next(own, page + 1, last))
			patched += is_patched(view, vad, page);
	}
	return patched;
}
