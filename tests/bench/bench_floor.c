/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much of an image whose pages are compressed in sets can't be left compressed by anybody who
 * lists the declared imports of all modules? Page tables of processes, since any entry of theirs
 * may have been changed; and the pages of headers and import lists: those that processes share
 * once, and each process's own copies. Other structures are left out, so that it is no more than a
 * lower bound.
 *
 *	bench_floor IMAGE
 *
 * The pages are found first, and are then the only ones that are read of an image that was just
 * opened.
 */
#include <stdio.h>
#include <stdlib.h>

#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/discover.h>
#include <impscan/image.h>
#include <impscan/imports.h>
#include <impscan/module_reader.h>
#include <impscan/process.h>
#include <impscan/profile.h>
#include <impscan/vad.h>
#include <impscan/view.h>
#include <impscan/windows.h>

#define FRAME	     UINT64_C(0xffffffffff000)
#define TABLE	     512 /* entries */
#define USER_ENTRIES 256 /* of the first table */
#define LARGE	     UINT64_C(0x80)

/* Physical addresses of pages that must be read. */
struct frames {
	struct address_set known;
	uint64_t *items;
	size_t count, capacity;
};

struct floor_pages {
	struct frames tables, lists;
};

static bool add_frame(struct frames *frames, uint64_t frame)
{
	if (!address_set_add(&frames->known, frame))
		return false;
	*array_push(frames->items, frames->count, frames->capacity) = frame;
	return true;
}

static void free_frames(struct frames *frames)
{
	address_set_free(&frames->known);
	free(frames->items);
}

/* Adds a table and those below it. Those of 64-bit machines only. */
static void add_tables(const struct image *image, struct frames *tables, uint64_t at,
		       unsigned int level)
{
	const uint8_t *table = image_page(image, at);
	if (!table || !add_frame(tables, at) || level == 1)
		return;
	for (size_t i = 0; i < (level == 4 ? USER_ENTRIES : TABLE); i++) {
		uint64_t entry = le64(table + i * 8);
		if (entry & 1 && !(entry & LARGE))
			add_tables(image, tables, entry & FRAME, level - 1);
	}
}

/* Adds the pages of a module that its declared list was read from. */
static void add_module(struct view *view, const struct vad *vad, struct imports *imports,
		       struct frames *lists)
{
	__attribute__((cleanup(module_reader_free))) struct module_reader reader;
	_cleanup_pe_ struct pe pe = {0};
	module_reader_init(&reader, view->space, vad->start, vad->end - vad->start + 1);
	module_reader_record(&reader);
	pe_open(&pe, &reader.reader);
	imports_declared(imports, &pe);
	for (size_t i = 0; i < reader.page_count; i++) {
		struct page page;
		space_page(view->space, vad->start + reader.pages[i].rva, &page);
		if (page.data && (page.state == PAGE_VALID || page.state == PAGE_TRANSITION))
			add_frame(lists, page.frame);
	}
}

static void add_process(const struct windows *windows, const struct process *process,
			struct imports *imports, struct floor_pages *pages)
{
	_cleanup_view_ struct view view;
	if (!process->dtb || process_exited(process))
		return;
	view_open(&view, windows, process, NULL);
	if (view.space == view.kernel)
		return;
	add_tables(windows->image, &pages->tables, process->dtb & FRAME, 4);
	for (size_t i = 0; i < view.vads.count; i++)
		if (view.vads.items[i].kind == VAD_IMAGE)
			add_module(&view, &view.vads.items[i], imports, &pages->lists);
}

static struct error *find_pages(const char *path, struct floor_pages *pages)
{
	_cleanup_image_ struct image *image = NULL;
	_cleanup_discovery_ struct discovery found = {0};
	_cleanup_profiles_ struct profiles *profiles = NULL;
	struct windows_options options = {0};
	struct processes processes;
	struct imports imports = {0};
	try_(image_open(path, &image));
	try_(profiles_new(&profiles));
	try_(windows_open(image, profiles, &options, &found));
	if (found.windows->pointer_size != 8)
		return error_new("'%s' is not of a 64-bit machine", path);
	windows_processes(found.windows, false, 1, &processes);
	for (size_t i = 0; i < processes.count; i++)
		add_process(found.windows, &processes.items[i], &imports, pages);
	processes_free(&processes);
	imports_free(&imports);
	return NULL;
}

/* Reads these pages and no others, and prints what was unpacked for that. */
static struct error *count_sets(const char *path, const struct floor_pages *pages)
{
	_cleanup_image_ struct image *image = NULL;
	uint64_t sets, bytes = 0;
	try_(image_open(path, &image));
	for (size_t i = 0; i < pages->tables.count; i++)
		(void)image_page(image, pages->tables.items[i]);
	for (size_t i = 0; i < pages->lists.count; i++)
		(void)image_page(image, pages->lists.items[i]);
	uint64_t unpacked = image_sets_unpacked(image, &sets);
	uint64_t part = source_unpacked(image_source(image), &bytes);
	printf("%zu pages of page tables and %zu of headers and import lists are in at least %llu "
	       "of "
	       "%llu sets (%.1f %%), up to them %.1f %% of the bytes\n",
	       pages->tables.count, pages->lists.count, (unsigned long long)unpacked,
	       (unsigned long long)sets, sets ? 100.0 * (double)unpacked / (double)sets : 0,
	       bytes ? 100.0 * (double)part / (double)bytes : 0);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: bench_floor IMAGE\n");
		return 2;
	}
	struct floor_pages pages = {0};
	struct error *error = find_pages(argv[1], &pages);
	if (!error)
		error = count_sets(argv[1], &pages);
	free_frames(&pages.tables);
	free_frames(&pages.lists);
	if (error)
		fprintf(stderr, "bench_floor: %s\n", error_message(error));
	const int status = error ? 2 : 0;
	error_free(error);
	return status;
}
