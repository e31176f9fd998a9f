/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a minidump: what opens is scanned as a machine of one process. Its regions, modules
 * and injected code must be sound in themselves, and come to an end.
 */
#include <stdlib.h>

#include <impscan/discover.h>
#include <impscan/imports.h>
#include <impscan/minidump.h>
#include <impscan/module.h>
#include <impscan/module_reader.h>
#include <impscan/process_dump.h>
#include <impscan/region.h>

#include "../../src/image/internal.h"

/* Steps of the process that is looked at. */
#define STEPS 200000

static void need(bool condition)
{
	if (!condition)
		abort();
}

static void check_dump(const struct minidump *dump)
{
	for (size_t i = 0; i < dump->region_count; i++) {
		const struct minidump_region *region = &dump->regions[i];
		need(region->size && region->start % PAGE_SIZE == 0);
		need(!i || region[-1].start + region[-1].size <= region->start);
	}
	for (size_t i = 0; i < dump->memory_count; i++) {
		const struct minidump_memory *memory = &dump->memory[i];
		need(memory->size);
		need(!i || memory[-1].start + memory[-1].size <= memory->start);
	}
	for (size_t i = 0; i < dump->module_count; i++)
		need(dump->modules[i].path && dump->modules[i].base);
}

static void check_vads(struct view *view)
{
	for (size_t i = 0; i < view->vads.count; i++) {
		const struct vad *vad = &view->vads.items[i];
		struct page page;
		need(vad->start <= vad->end && vad->start % PAGE_SIZE == 0);
		need(!i || vad[-1].end < vad->start);
		need(vads_find(&view->vads, vad->start) == vad);
		uint64_t run = space_run(view->space, vad->start, vad->end, &page);
		need(run >= PAGE_SIZE && run % PAGE_SIZE == 0);
		need(!page.mapped || image_page(view->windows->image, vad->start));
		if (i == 64)
			break;
	}
}

static void read_module(struct view *view, const struct module *module)
{
	_cleanup_module_reader_ struct module_reader reader = {0};
	_cleanup_pe_ struct pe pe = {0};
	_cleanup_imports_ struct imports imports = {0};
	imports.budget = view->budget;
	need(module->name && module->path && module->found_in);
	module_reader_init(&reader, view->space, module->base, module->size);
	module_reader_section(&reader, view, NULL);
	pe_open(&pe, &reader.reader);
	if (pe.status == PE_OK)
		imports_declared(&imports, &pe);
}

static void read_process(const struct windows *windows)
{
	_cleanup_processes_ struct processes processes = {0};
	_cleanup_modules_ struct modules modules = {0};
	_cleanup_regions_ struct regions regions = {0};
	_cleanup_injections_ struct injections injections = {0};
	struct budget budget = {.limit = STEPS, .part = STEPS / 4};
	windows_processes(windows, false, 1, &processes);
	need(processes.count == 1 && processes.items[0].name);
	_cleanup_view_ struct view view;
	view_open(&view, windows, &processes.items[0], &budget);
	check_vads(&view);
	process_modules(windows, &processes.items[0], &view, &modules);
	for (size_t i = 0; i < modules.count && i < 16; i++)
		read_module(&view, &modules.items[i]);
	view_regions(&view, &regions);
	for (size_t i = 0; i < regions.count; i++)
		need(regions.items[i].committed >= regions.items[i].executable &&
		     regions.items[i].executable >= regions.items[i].writable);
	view_injections(&view, &regions, &injections);
	for (size_t i = 0; i < injections.count; i++)
		need(injections.items[i].base >= injections.items[i].vad->start &&
		     injections.items[i].base <= injections.items[i].vad->end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_image_ struct image *image = NULL;
	_cleanup_error_ struct error *error = image_open_bytes("fuzz", data, size, &image);
	if (error || !image_minidump(image))
		return 0;
	check_dump(image_minidump(image));
	_cleanup_discovery_ struct discovery discovery = {0};
	struct windows_options options = {0};
	need(!windows_open(image, NULL, &options, &discovery));
	read_process(discovery.windows);
	return 0;
}
