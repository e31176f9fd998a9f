/*
 * The copy next door: a page of a mapped file that one process has lost may still be in another
 * that maps the same section (the same CONTROL_AREA).
 *
 * A page that nobody may write to is the file's. Only where there is none, one that is some
 * process's own is taken: some linkers put import names into the same pages as the address table,
 * which the loader writes to, and leave those writable. The names in it are the file's all the same.
 */
#include <impscan/windows.h>

#include <pthread.h>
#include <stdlib.h>

#include <impscan/alloc.h>

/* One view of an image section. */
struct section_view {
	uint64_t control_area;
	uint64_t start, end;
	size_t process;
};

struct neighbours {
	const struct windows *windows;
	const struct processes *processes;
	pthread_mutex_t lock;
	bool known;		       /* what follows was made */
	struct view *views;	       /* one a process; NULL space: not opened */
	struct section_view *sections; /* sorted by control area, then process */
	size_t count;
	size_t capacity;
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
	return x->process < y->process ? -1 : x->process > y->process;
}

/* Walks the VADs of all processes; done when the first page is missed. */
static void find_sections(struct neighbours *neighbours)
{
	const struct processes *processes = neighbours->processes;
	neighbours->views = alloc_zero(processes->count, sizeof(*neighbours->views));
	for (size_t p = 0; p < processes->count; p++) {
		struct view *view = &neighbours->views[p];
		if (process_exited(&processes->items[p]) || !processes->items[p].peb)
			continue;
		view_open(view, neighbours->windows, &processes->items[p]);
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
	neighbours->known = true;
}

/* The first view of a section, in the sorted array. */
static size_t first_view(const struct neighbours *neighbours, uint64_t control_area)
{
	size_t low = 0, high = neighbours->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (neighbours->sections[middle].control_area < control_area)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const uint8_t *neighbours_page(struct neighbours *neighbours, uint64_t control_area, uint64_t rva)
{
	const uint8_t *data = NULL, *written = NULL;
	pthread_mutex_lock(&neighbours->lock);
	if (!neighbours->known)
		find_sections(neighbours);
	for (size_t i = first_view(neighbours, control_area);
	     !data && i < neighbours->count && neighbours->sections[i].control_area == control_area;
	     i++) {
		const struct section_view *section = &neighbours->sections[i];
		struct page page;
		if (rva > section->end - section->start)
			continue;
		space_page(neighbours->views[section->process].space, section->start + rva, &page);
		if (page.data && !page.writable)
			data = page.data;
		else if (page.data && !written)
			written = page.data;
	}
	if (!data)
		data = written;
	pthread_mutex_unlock(&neighbours->lock);
	return data;
}
