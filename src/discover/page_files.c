/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Judges whether page files that were given belong to the image. Nothing in such a file says so,
 * but pages in it can be compared with the image:
 *
 *  - A process's copy of a page of an image section differs from the section's page only in what the
 *    process wrote. The section's page, or another process's, is mostly in memory.
 *  - The first page of an image begins with "MZ".
 *  - A PEB has the address of the image that the process was started from, as EPROCESS has it.
 *
 * The file of another machine, or of another time, fails nearly everywhere. It is not used, since a
 * page taken from it is wrong without looking so. Neither is a file that nothing confirms.
 */
#include "discover/internal.h"

#include <stdio.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/module_reader.h>
#include <impscan/process.h>
#include <impscan/vad.h>
#include <impscan/view.h>

/* Pages of a page file that are compared at most, and that tell nothing at most. */
#define COMPARED_MOST 1024
#define MISSED_MOST   16384

/*
 * Which part of the image's work all of it may take, and which part of that one process; steps of a
 * page that may be in a page file, and of comparing it.
 */
#define WORK_SHARE    4
#define PROCESS_SHARE 8
#define PAGE_STEPS    2
#define COMPARE_STEPS 10

struct judging {
	const struct windows *windows;
	struct page_file_evidence *evidence; /* by page file */
	bool cut;			     /* not all was compared that could be */
	struct neighbours *neighbours;
	bool open[PAGE_FILES]; /* given, and compared with too few pages so far */
	size_t missed[PAGE_FILES];
	size_t open_count;
	struct budget budget;
};

/* The page's bytes in a page file that is still to be judged; NULL: it is in none. */
static const uint8_t *open_page(const struct judging *judging, const struct page *page)
{
	if (page->state != PAGE_PAGEFILE || page->data || page->page_file >= PAGE_FILES ||
	    !judging->open[page->page_file])
		return NULL;
	const struct page_file *file = memory_page_file(judging->windows->memory, page->page_file);
	return page->page_file_offset < file->pages ? page_file_page(file, page->page_file_offset)
						    : NULL;
}

static void vote(struct judging *judging, unsigned int number, enum page_likeness likeness)
{
	struct page_file_evidence *evidence = &judging->evidence[number];
	evidence->alike += likeness == PAGE_ALIKE;
	evidence->unlike += likeness == PAGE_UNLIKE;
	judging->missed[number] += likeness == PAGE_SILENT;
	if (evidence->alike + evidence->unlike < COMPARED_MOST &&
	    judging->missed[number] < MISSED_MOST)
		return;
	judging->open[number] = false;
	judging->open_count--;
}

/* The section's page of which a process has a copy; NULL: it is nowhere in the image. */
static const uint8_t *section_page(struct judging *judging, struct view *view,
				   const struct vad *vad, size_t number)
{
	struct page page;
	if (view_section_page(view, vad, vad->start + number * PAGE_SIZE, &page))
		return page.data;
	return vad->control_area
		       ? neighbours_page(judging->neighbours, vad->control_area, number * PAGE_SIZE)
		       : NULL;
}

static void judge_page(struct judging *judging, struct view *view, const struct vad *vad,
		       size_t number)
{
	struct page page;
	space_page(view->space, vad->start + number * PAGE_SIZE, &page);
	const uint8_t *copy = open_page(judging, &page);
	if (!copy || !budget_spend(view->budget, COMPARE_STEPS))
		return;
	const uint8_t *original = section_page(judging, view, vad, number);
	enum page_likeness likeness = PAGE_SILENT;
	if (original)
		likeness = page_compare(copy, original, judging->windows->pointer_size);
	else if (!number)
		likeness = copy[0] == 'M' && copy[1] == 'Z' ? PAGE_ALIKE : PAGE_UNLIKE;
	vote(judging, page.page_file, likeness);
}

/* The PEB names the image that the process was started from. */
static void judge_peb(struct judging *judging, struct view *view, const struct process *process)
{
	const struct windows *windows = judging->windows;
	uint32_t offset = profile_offset(windows->profile, PEB_ImageBaseAddress);
	uint64_t base = process->section_base_address;
	struct page page;
	space_page(view->space, process->peb, &page);
	const uint8_t *peb = open_page(judging, &page);
	if (!peb || !base || process->peb % PAGE_SIZE || offset + 8 > PAGE_SIZE)
		return;
	vote(judging, page.page_file,
	     le_pointer(peb + offset, windows->pointer_size) == base ? PAGE_ALIKE : PAGE_UNLIKE);
}

static void judge_process(struct judging *judging, const struct process *process)
{
	_cleanup_view_ struct view view = {0};
	struct budget budget = budget_part(&judging->budget);
	view_open(&view, judging->windows, process, &budget);
	judge_peb(judging, &view, process);
	for (size_t v = 0; v < view.vads.count && judging->open_count; v++) {
		const struct vad *vad = &view.vads.items[v];
		if (!budget_spend(&budget, 1))
			break;
		const struct own_pages *own = view_own_pages(&view, vad);
		for (size_t i = own ? own_pages_next(own, 0, own->count) : 0;
		     own && i < own->count && judging->open_count &&
		     budget_spend(&budget, PAGE_STEPS);
		     i = own_pages_next(own, i + 1, own->count))
			judge_page(judging, &view, vad, i);
	}
	if (!budget_close_part(&judging->budget, &budget) || view.cut)
		judging->cut = true;
}

unsigned int page_files_judge(const struct windows *windows,
			      struct page_file_evidence evidence[PAGE_FILES], bool *cut)
{
	uint64_t work = windows_work(windows) / WORK_SHARE;
	struct judging judging = {
		.windows = windows,
		.evidence = evidence,
		.budget = {.limit = work, .part = work / PROCESS_SHARE},
	};
	_cleanup_processes_ struct processes processes = {0};
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		evidence[i] = (struct page_file_evidence){0};
		judging.open[i] = memory_page_file(windows->memory, i) != NULL;
		judging.open_count += judging.open[i];
	}
	windows_processes(windows, false, 1, &processes);
	judging.neighbours = neighbours_new(windows, &processes);
	for (size_t i = 0;
	     i < processes.count && judging.open_count && !budget_exceeded(&judging.budget); i++)
		if (processes.items[i].peb && !process_exited(&processes.items[i]))
			judge_process(&judging, &processes.items[i]);
	neighbours_free(judging.neighbours);
	unsigned int used = 0;
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		bool good = evidence[i].alike > evidence[i].unlike;
		if (memory_page_file(windows->memory, i))
			memory_use_page_file(windows->memory, i, good);
		used |= (unsigned int)good << i;
	}
	*cut = judging.cut;
	return used;
}

static const struct paging_file *find_paging_file(const struct windows *windows,
						  unsigned int number)
{
	for (size_t i = 0; i < windows->paging_file_count; i++)
		if (windows->paging_files[i].number == number)
			return &windows->paging_files[i];
	return NULL;
}

/* Why it is not used. */
static char *say_refused(const struct page_file *given, const struct page_file_evidence *evidence)
{
	if (evidence->unlike)
		return alloc_printf("%s: of %zu pages in it that the image tells of, %zu are "
				    "others; it is that of another machine, or of another time, "
				    "and not used",
				    given->path, evidence->alike + evidence->unlike,
				    evidence->unlike);
	return alloc_printf("%s: no page in it can be held against the image, so it may be that of "
			    "another machine; it is not used",
			    given->path);
}

char *discovery_page_file_doubt(const struct discovery *discovery, unsigned int number,
				const struct entry_votes *votes)
{
	const struct windows *windows = discovery->windows;
	const struct page_file *given = memory_page_file(windows->memory, number);
	const struct paging_file *known = find_paging_file(windows, number);
	if (!given)
		return NULL;
	const struct page_file_evidence *evidence = &discovery->page_files[number];
	if (known && known->virtual_store)
		return alloc_printf(
			"%s: page file %u of the image is the compressed store, not a file",
			given->path, number);
	if (!given->used)
		return say_refused(given, evidence);
	if (evidence->unlike * 16 > evidence->alike)
		return alloc_printf("%s: of %zu pages in it that the image tells of, %zu are "
				    "others; it may be that of another time",
				    given->path, evidence->alike + evidence->unlike,
				    evidence->unlike);
	if (given->doubt[0])
		return alloc_printf("%s: %s", given->path, given->doubt);
	if (known && (given->pages < known->size || given->pages > known->maximum))
		return alloc_printf(
			"%s: has %llu pages, page file %u of the image has %llu (at most %llu); "
			"it may be that of another machine",
			given->path, (unsigned long long)given->pages, number,
			(unsigned long long)known->size, (unsigned long long)known->maximum);
	if (votes && votes->page_files[number].end > given->pages)
		return alloc_printf(
			"%s: has %llu pages, the image needs %llu of page file %u; it may be cut, "
			"or that of another machine",
			given->path, (unsigned long long)given->pages,
			(unsigned long long)votes->page_files[number].end, number);
	return NULL;
}
