/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The modules of a process: those of the loader's lists, compared with the VADs, and image sections
 * that no list has.
 */
#include <impscan/machine_type.h>
#include <impscan/module.h>
#include <impscan/module_reader.h>
#include <impscan/process_dump.h>

#include <string.h>

#include <impscan/bytes.h>
#include <impscan/text.h>

#include "windows/limits.h"
#include "windows/loader_lists.h"

/* Steps of an image section that no list has. */
#define SECTION_STEPS 8

/* Steps of a module of a dump's list. */
#define DUMP_LIST_STEPS 2

/*
 * Is a module missing in a list where it belongs? The loader puts each into all three lists; into
 * that of initialisation order only when it has an entry point and is not the program itself.
 */
static bool is_partly_listed(const struct module *module, uint64_t image_base)
{
	unsigned int lists = module->found_in & (FOUND_LISTS | FOUND_LISTS32);
	unsigned int load = FOUND_LOAD | FOUND_LOAD32, memory = FOUND_MEMORY | FOUND_MEMORY32;
	if (!lists)
		return false;
	if (!(lists & load) || !(lists & memory))
		return true;
	return !(lists & (FOUND_INIT | FOUND_INIT32)) && module->entry_point &&
	       module->base != image_base;
}

/* Names a module by its VAD's file. */
static void name_by_file(struct modules *modules, struct module *module, const char *file)
{
	const char *path = file ? strings_copy(&modules->names.strings, file) : NULL;
	if (!path)
		return;
	module->path = path;
	module->name = text_base_name(path);
}

/* Adds an image section of the process that no list has. */
static struct module *add_unlisted(const struct vad *vad, struct modules *modules)
{
	struct module *module = modules_add(modules, vad->start);
	module->size = min_of(vad->end - vad->start + 1, LIMIT_IMAGE_SIZE);
	module->found_in = FOUND_VAD;
	name_by_file(modules, module, vad->file);
	return module;
}

/* Has the VAD a page that can be executed, by its page table or by its prototype PTEs? */
static bool is_executable(struct space *space, const struct vad *vad, struct budget *budget)
{
	uint64_t address = vad->start;
	while (address <= vad->end && budget_spend(budget, 1)) {
		struct page page;
		uint64_t size = space_run(space, address, vad->end, &page);
		if (page.executable)
			return true;
		address += size;
	}
	return false;
}

/* Bytes of a pointer in the image, by its header; 0 when that is not present. */
static unsigned int image_pointer_size(struct space *space, uint64_t base)
{
	struct module_reader reader;
	module_reader_init(&reader, space, base, 0);
	/* Whatever is wrong behind the machine type. */
	_cleanup_pe_ struct pe pe = {0};
	(void)pe_open(&pe, &reader.reader);
	return !pe.machine ? 0 : pe.machine == IMAGE_FILE_MACHINE_I386 ? 4 : 8;
}

/*
 * Is the image missing in the lists? Where the lists are not whole that can't be known. An image
 * without code (loaded as data) is in no list.
 */
static bool is_missed(struct space *space, const struct vad *vad, struct whole_lists whole,
		      struct budget *budget)
{
	if (!whole.native && !whole.wow64)
		return false;
	if (!whole.native || !whole.wow64) {
		unsigned int size = image_pointer_size(space, vad->start);
		if (!size || !(size == 4 ? whole.wow64 : whole.native))
			return false;
	}
	return is_executable(space, vad, budget);
}

/* Compares what the lists have with the VADs. */
static void judge_listed(const struct vads *vads, uint64_t image_base, struct whole_lists whole,
			 struct modules *modules)
{
	bool lists_whole = whole.native && whole.wow64;
	for (size_t i = 0; i < modules->count; i++) {
		struct module *module = &modules->items[i];
		const struct vad *vad = vads_find(vads, module->base);
		if (vad && vad->file && !*module->name)
			name_by_file(modules, module, vad->file);
		if (module->found_in & FOUND_LISTS32)
			module->flags |= MODULE_WOW64;
		if (vad && vad->kind == VAD_IMAGE) {
			module->found_in |= vad->assumed ? 0 : FOUND_VAD;
		} else if (vads->count && !vads->damage[0]) {
			module->flags |= MODULE_STALE;
			if (vad)
				module->found_in |= FOUND_PRIVATE;
		}
		if (lists_whole && is_partly_listed(module, image_base))
			module->flags |= MODULE_PARTIAL_LIST;
	}
}

/*
 * Adds the modules of the list that a dump of the process has, where the loader's lists lack them.
 * Tools make it of those lists, or of the memory's ranges.
 */
static void add_dump_list(const struct windows *windows, struct view *view, struct modules *modules)
{
	const struct minidump *dump = windows->dump ? windows->dump->minidump : NULL;
	for (size_t i = 0; dump && i < dump->module_count; i++) {
		const struct minidump_module *listed = &dump->modules[i];
		struct module *module = modules_at(modules, listed->base);
		if (!budget_spend(view->budget, DUMP_LIST_STEPS)) {
			modules_note_cut(modules, "the dump's list of modules");
			return;
		}
		if (!module) {
			module = modules_add(modules, listed->base);
			module->size = listed->size;
		}
		module->found_in |= FOUND_DUMP;
		if (*module->name)
			continue;
		module->path = listed->path;
		module->name = text_base_name(listed->path);
	}
}

/* Marks the images that only the dump's list has: the loader's lists were changed. */
static void judge_dump_list(struct view *view, struct whole_lists whole, struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++) {
		struct module *module = &modules->items[i];
		const struct vad *vad = vads_find(&view->vads, module->base);
		if (module->found_in & (FOUND_LISTS | FOUND_LISTS32) ||
		    !(module->found_in & FOUND_DUMP) || !vad || vad->kind != VAD_IMAGE)
			continue;
		struct budget part = budget_part(view->budget);
		if (is_missed(view->space, vad, whole, &part))
			module->flags |= MODULE_UNLINKED;
		(void)budget_close_part(view->budget, &part);
	}
}

/*
 * Is an image VAD one of several that the view of a listed module has, one for each section? Such
 * VADs follow each other, and lead to the same section, or none of them leads anywhere. `first` is
 * the one at the module's base, `end` where the last of them that is known ends.
 */
static bool is_part_of(const struct module *module, const struct vad *first, uint64_t end,
		       const struct vad *vad, unsigned int entry_size)
{
	uint64_t pages = (vad->start - first->start) / PAGE_SIZE;
	if (vad->start != end + 1 || vad->end - module->base >= module->size ||
	    vad->control_area != first->control_area)
		return false;
	return !vad->first_prototype_pte || !first->first_prototype_pte ||
	       vad->first_prototype_pte == first->first_prototype_pte + pages * entry_size;
}

/*
 * Adds the image sections that no list has. They have their own part of the budget, so that long
 * lists can't hide them.
 */
static void add_sections(struct view *view, struct whole_lists whole, struct modules *modules)
{
	const struct vads *vads = &view->vads;
	size_t listed = modules->count, last = listed + LIMIT_MODULES;
	struct budget budget = budget_part(view->budget);
	const struct vad *first = NULL; /* of the listed module before */
	uint64_t end = 0;		/* of its view, as far as it is known */
	for (size_t v = 0; v < vads->count; v++) {
		const struct vad *vad = &vads->items[v];
		if (vad->kind != VAD_IMAGE)
			continue;
		const struct module *known = modules_at(modules, vad->start);
		if (known && known < modules->items + listed) {
			first = vad;
			end = vad->end;
			continue;
		}
		if (first && is_part_of(modules_at(modules, first->start), first, end, vad,
					view->entry_size)) {
			end = vad->end;
			continue;
		}
		if (modules->count == last || !budget_spend(&budget, SECTION_STEPS)) {
			modules_note_cut(modules, "image sections in no list");
			break;
		}
		struct module *module = add_unlisted(vad, modules);
		struct budget part = budget_part(&budget);
		if (listed && is_missed(view->space, vad, whole, &part))
			module->flags |= MODULE_UNLINKED;
		if (!budget_close_part(&budget, &part))
			modules_note_cut(modules, "search for code in image sections");
	}
	view->cut |= !budget_close_part(view->budget, &budget);
}

/*
 * Is it known which images the loader put there? Of a whole machine, and of a dump with a list of
 * regions, VADs tell; else only a list of modules does that is whole.
 */
static void judge_lists(const struct windows *windows, struct whole_lists whole,
			struct modules *modules)
{
	const struct process_dump *dump = windows->dump;
	if (!dump || dump->minidump->has_regions || dump->minidump->modules_whole)
		return;
	if (!whole.native)
		modules->unknown |= windows->pointer_size;
	if (!whole.wow64)
		modules->unknown |= 4;
}

void process_modules(const struct windows *windows, const struct process *process,
		     struct view *view, struct modules *modules)
{
	uint64_t image_base = 0;
	*modules = (struct modules){0};
	if (process->peb)
		(void)windows_pointer(windows, view->space, process->peb, PEB_ImageBaseAddress,
				      &image_base);
	struct whole_lists whole = process_lists(windows, process, view, modules);
	add_dump_list(windows, view, modules);
	judge_lists(windows, whole, modules);
	judge_dump_list(view, whole, modules);
	judge_listed(&view->vads, image_base, whole, modules);
	add_sections(view, whole, modules);
	modules->listed = modules->count;
}
