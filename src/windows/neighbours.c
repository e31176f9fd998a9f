/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Neighbours: other processes that map the same image section (the same CONTROL_AREA). A page that
 * one process lost may still be in their views.
 *
 * Any page of theirs may be a private copy, written to and protected again. So a page counts as the
 * section's only where two processes or more, with page maps of their own, have the same bytes, and
 * outnumber all that have others there. What the loader writes is the same in all: it puts the same
 * addresses into the same slots.
 */
#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/module_reader.h>
#include <impscan/process.h>
#include <impscan/search.h>
#include <impscan/vad.h>
#include <impscan/view.h>
#include <impscan/windows.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One view of an image section. */
struct section_view {
	uint64_t control_area;
	uint64_t start, end;
	size_t process;
};

/* A page that was asked for, and the answer. */
struct asked {
	bool known;
	uint64_t control_area, rva;
	const uint8_t *page;
};

/* How many answers are kept; a power of two. */
#define ASKED_PAGES 4096

struct neighbours {
	const struct windows *windows;
	const struct processes *processes;
	pthread_mutex_t lock;
	bool known;		       /* what follows was made */
	struct view *views;	       /* one a process; NULL space: not opened */
	struct section_view *sections; /* sorted by control area, then process */
	size_t count;
	size_t capacity;
	struct asked asked[ASKED_PAGES];
};

struct neighbours *neighbours_new(const struct windows *windows, const struct processes *processes)
{
	struct neighbours *neighbours = alloc_new(struct neighbours);
	neighbours->windows = windows;
	neighbours->processes = processes;
	pthread_mutex_init(&neighbours->lock, NULL);
	return neighbours;
}

void neighbours_free(struct neighbours *neighbours)
{
	for (size_t i = 0; neighbours->views && i < neighbours->processes->count; i++)
		if (neighbours->views[i].space)
			view_close(&neighbours->views[i]);
	free(neighbours->views);
	free(neighbours->sections);
	pthread_mutex_destroy(&neighbours->lock);
	free(neighbours);
}

static int compare_sections(const void *a, const void *b)
{
	const struct section_view *x = a, *y = b;
	if (x->control_area != y->control_area)
		return x->control_area < y->control_area ? -1 : 1;
	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* Views of one section that are kept of each process: few map a section twice. */
#define VIEWS_MOST 4

/* Drops the views of a section that a process has beyond VIEWS_MOST, from the sorted array. */
static void drop_views(struct neighbours *neighbours)
{
	size_t count = 0, same = 0;
	for (size_t i = 0; i < neighbours->count; i++) {
		const struct section_view *view = &neighbours->sections[i];
		const struct section_view *last = count ? &neighbours->sections[count - 1] : NULL;
		same = last && last->control_area == view->control_area &&
				       last->process == view->process
			       ? same + 1
			       : 0;
		if (same < VIEWS_MOST)
			neighbours->sections[count++] = *view;
	}
	neighbours->count = count;
}

/* Steps of finding all views: enough for some million VADs. Machines have some hundred thousand. */
#define STEPS_MAX UINT64_C(8000000)

/* Finds all views of image sections, by the VADs of all processes. */
static void find_sections(struct neighbours *neighbours)
{
	const struct processes *processes = neighbours->processes;
	uint64_t work = windows_work(neighbours->windows);
	struct budget budget = {.limit = min_of(work / 4, STEPS_MAX), .part = work / 64};
	_cleanup_address_set_ struct address_set maps = {0};
	neighbours->views = alloc_zero(processes->count, sizeof(*neighbours->views));
	for (size_t p = 0; p < processes->count && !budget_exceeded(&budget); p++) {
		struct view *view = &neighbours->views[p];
		if (process_exited(&processes->items[p]) || !processes->items[p].peb)
			continue;
		/* Processes with one page map have the same pages. */
		if (!address_set_add(&maps, processes->items[p].dtb))
			continue;
		view_open(view, neighbours->windows, &processes->items[p], &budget);
		view->budget = NULL;
		for (size_t v = 0; v < view->vads.count; v++) {
			const struct vad *vad = &view->vads.items[v];
			if (vad->kind != VAD_IMAGE || !vad->control_area)
				continue;
			*array_push(neighbours->sections, neighbours->count, neighbours->capacity) =
				(struct section_view){vad->control_area, vad->start, vad->end, p};
		}
	}
	if (neighbours->count)
		qsort(neighbours->sections, neighbours->count, sizeof(*neighbours->sections),
		      compare_sections);
	drop_views(neighbours);
	neighbours->known = true;
}

/* The first view of a section, in the sorted array. */
static size_t first_view(const struct neighbours *neighbours, uint64_t control_area)
{
	return search_first(i, 0, neighbours->count,
			    neighbours->sections[i].control_area >= control_area);
}

/* Processes that are asked for one page. */
#define ASKED_MAX 32

/* Collects what processes with different page maps have at a place. With the lock held. */
static size_t collect(struct neighbours *neighbours, uint64_t control_area, uint64_t rva,
		      const uint8_t *pages[ASKED_MAX])
{
	uint64_t dtbs[ASKED_MAX];
	size_t count = 0;
	for (size_t i = first_view(neighbours, control_area);
	     count < ASKED_MAX && i < neighbours->count &&
	     neighbours->sections[i].control_area == control_area;
	     i++) {
		const struct section_view *section = &neighbours->sections[i];
		uint64_t dtb = neighbours->processes->items[section->process].dtb;
		bool known = rva > section->end - section->start;
		for (size_t k = 0; k < count && !known; k++)
			known = dtbs[k] == dtb;
		if (known)
			continue;
		struct page page;
		space_page(neighbours->views[section->process].space, section->start + rva, &page);
		if (!page.data || page.compressed)
			continue;
		dtbs[count] = dtb;
		pages[count++] = page.data;
	}
	return count;
}

static bool same_page(const uint8_t *a, const uint8_t *b)
{
	return a == b || !memcmp(a, b, PAGE_SIZE);
}

/* The page that more than half of all are equal to, and two at least; NULL: none. */
static const uint8_t *majority(const uint8_t *const *pages, size_t count)
{
	/* Boyer-Moore: what has a majority remains when unlike ones are struck out in pairs. */
	size_t lead = 0, votes = 0;
	const uint8_t *page = NULL;
	for (size_t i = 0; i < count; i++) {
		if (!lead)
			page = pages[i];
		lead = !lead || same_page(page, pages[i]) ? lead + 1 : lead - 1;
	}
	for (size_t i = 0; i < count; i++)
		votes += same_page(page, pages[i]);
	return votes >= 2 && votes * 2 > count ? page : NULL;
}

const uint8_t *neighbours_page(struct neighbours *neighbours, uint64_t control_area, uint64_t rva)
{
	uint64_t hash = (control_area ^ rva >> 12) * UINT64_C(0x9e3779b97f4a7c15);
	struct asked *asked = &neighbours->asked[hash >> 32 & (ASKED_PAGES - 1)];
	pthread_mutex_lock(&neighbours->lock);
	if (!neighbours->known)
		find_sections(neighbours);
	if (!asked->known || asked->control_area != control_area || asked->rva != rva) {
		const uint8_t *pages[ASKED_MAX];
		size_t count = collect(neighbours, control_area, rva, pages);
		*asked = (struct asked){true, control_area, rva, majority(pages, count)};
	}
	const uint8_t *page = asked->page;
	pthread_mutex_unlock(&neighbours->lock);
	return page;
}
