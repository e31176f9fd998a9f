/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opens a view, and looks up what the sections of its image VADs have.
 */
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/process.h>
#include <impscan/vad.h>
#include <impscan/view.h>
#include <impscan/windows.h>

#include <stdlib.h>
#include <string.h>

#include "windows/limits.h"

/* The address of a page's prototype PTE; 0: none. As MiGetProtoPteAddress, for one subsection. */
static uint64_t find_prototype(void *context, uint64_t address)
{
	struct view *view = context;
	const struct vad *vad = view->found;
	/*
	 * Mostly it is the VAD of the page before. Where VADs overlap, the order must not matter.
	 */
	if (!vad || address < vad->start || address > vad->end || vad->overlaps)
		vad = view->found = vads_find(&view->vads, address);
	if (!vad || !vad->first_prototype_pte)
		return 0;
	return vad->first_prototype_pte + (address - vad->start) / PAGE_SIZE * view->entry_size;
}

/* Steps of opening a view; how many pages are asked in one step whether they are own pages. */
#define OPEN_STEPS 20
#define OWN_PAGES  64

void view_open(struct view *view, const struct windows *windows, const struct process *process,
	       struct budget *budget)
{
	*view = (struct view){
		.windows = windows,
		.entry_size = profile_offset(windows->profile, MMPTE_size),
		.budget = budget,
	};
	(void)budget_spend(budget, OPEN_STEPS);
	view->kernel = windows_kernel_space(windows);
	if (process_is_system(windows, process)) {
		view->space = view->kernel;
		return;
	}
	view->space = space_new(windows->memory, process->dtb);
	view->cut = !process_vads(windows, process, view->kernel, budget, &view->vads);
	space_set_prototypes(view->space, view->kernel, find_prototype, view);
}

void view_close(struct view *view)
{
	if (view->space != view->kernel)
		space_free(view->space);
	space_free(view->kernel);
	vads_free(&view->vads);
	free(view->own.bits);
	*view = (struct view){0};
}

const struct own_pages *view_own_pages(struct view *view, const struct vad *vad)
{
	struct own_pages *own = &view->own;
	if (vad->kind != VAD_IMAGE || !vad->first_prototype_pte)
		return NULL;
	if (own->vad == vad)
		return own;
	own->vad = vad;
	own->count = (size_t)(min_of(vad->end - vad->start + 1, LIMIT_IMAGE_SIZE) / PAGE_SIZE);
	size_t words = own->count / 64 + 1;
	if (words > own->capacity) {
		own->bits = alloc_resize(own->bits, words, sizeof(*own->bits));
		own->capacity = words;
	}
	memset(own->bits, vad->overlaps ? 0xff : 0, words * sizeof(*own->bits));
	(void)budget_spend(view->budget, own->count / OWN_PAGES);
	space_own_pages(view->space, vad->start, vad->first_prototype_pte, own->count, own->bits);
	return own;
}

bool view_section_page(const struct view *view, const struct vad *vad, uint64_t address,
		       struct page *page)
{
	*page = (struct page){.span = PAGE_SIZE, .state = PAGE_LOST, .prototype = true};
	if (vad->kind != VAD_IMAGE || !vad->first_prototype_pte || address < vad->start ||
	    address > vad->end)
		return false;
	uint64_t number = (address - vad->start) / PAGE_SIZE;
	space_prototype_page(view->space, vad->first_prototype_pte + number * view->entry_size,
			     page);
	return page->data != NULL;
}

size_t own_pages_next(const struct own_pages *own, size_t from, size_t end)
{
	end = min_of(end, own->count);
	for (size_t word = from / 64; word * 64 < end; word++) {
		uint64_t bits = own->bits[word];
		if (word == from / 64)
			bits &= UINT64_MAX << from % 64;
		if (bits)
			return min_of(word * 64 + (size_t)__builtin_ctzll(bits), end);
	}
	return end;
}
