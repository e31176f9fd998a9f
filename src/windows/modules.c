/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The lists of loaded modules: PEB_LDR_DATA's three of a process, PsLoadedModuleList of the
 * kernel. KLDR_DATA_TABLE_ENTRY begins as LDR_DATA_TABLE_ENTRY does, so one layout serves both.
 */
#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/machine_type.h>
#include <impscan/module.h>
#include <impscan/names.h>
#include <impscan/process.h>
#include <impscan/text.h>
#include <impscan/vad.h>
#include <impscan/view.h>
#include <impscan/windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "windows/limits.h"

const char *const found_in_names[FOUND_IN_COUNT] = {
	"load", "memory", "init", "load32", "memory32", "init32", "vad", "private", "kernel"};

const char *const module_flag_names[MODULE_FLAG_COUNT] = {
	"hidden",  "exited",	"unlinked", "partial-list", "stale",	  "hollowed",
	"patched", "no-header", "hooked",   "wow64",	    "hook-target"};

/* Offsets within PEB, PEB_LDR_DATA and LDR_DATA_TABLE_ENTRY. */
struct ldr_layout {
	unsigned int pointer_size;
	uint32_t ldr;
	uint32_t head[3]; /* load, memory, initialisation order: the list's head ... */
	uint32_t link[3]; /* ... and an entry's link in it */
	uint32_t dll_base, entry_point, size_of_image, full_dll_name, base_dll_name;
	unsigned int found[3]; /* enum found_in of the three */
};

static struct ldr_layout native_layout(const struct windows *windows)
{
	const struct profile *profile = windows->profile;
	return (struct ldr_layout){
		.pointer_size = windows->pointer_size,
		.ldr = profile_offset(profile, PEB_Ldr),
		.head = {profile_offset(profile, PEB_LDR_DATA_InLoadOrderModuleList),
			 profile_offset(profile, PEB_LDR_DATA_InMemoryOrderModuleList),
			 profile_offset(profile, PEB_LDR_DATA_InInitializationOrderModuleList)},
		.link = {profile_offset(profile, LDR_DATA_TABLE_ENTRY_InLoadOrderLinks),
			 profile_offset(profile, LDR_DATA_TABLE_ENTRY_InMemoryOrderLinks),
			 profile_offset(profile, LDR_DATA_TABLE_ENTRY_InInitializationOrderLinks)},
		.dll_base = profile_offset(profile, LDR_DATA_TABLE_ENTRY_DllBase),
		.entry_point = profile_offset(profile, LDR_DATA_TABLE_ENTRY_EntryPoint),
		.size_of_image = profile_offset(profile, LDR_DATA_TABLE_ENTRY_SizeOfImage),
		.full_dll_name = profile_offset(profile, LDR_DATA_TABLE_ENTRY_FullDllName),
		.base_dll_name = profile_offset(profile, LDR_DATA_TABLE_ENTRY_BaseDllName),
		.found = {FOUND_LOAD, FOUND_MEMORY, FOUND_INIT},
	};
}

/* The 32-bit structures of a WoW64 process, the same in every build. */
static const struct ldr_layout wow64_layout = {
	.pointer_size = 4,
	.ldr = 0xc,
	.head = {0xc, 0x14, 0x1c},
	.link = {0, 8, 0x10},
	.dll_base = 0x18,
	.entry_point = 0x1c,
	.size_of_image = 0x20,
	.full_dll_name = 0x24,
	.base_dll_name = 0x2c,
	.found = {FOUND_LOAD32, FOUND_MEMORY32, FOUND_INIT32},
};

/* What is counted: an entry of a list, an image section that no list has. */
#define ENTRY_STEPS   8
#define SECTION_STEPS 8

/* Lists of modules that are walked. */
struct walk {
	struct space *space;
	struct budget budget;
	struct address_map by_entry; /* where the module of an entry is in `modules` */
	struct modules *modules;
};

struct module *modules_add(struct modules *modules, uint64_t base)
{
	address_map_add(&modules->by_base, base, modules->count);
	struct module *module = array_push(modules->items, modules->count, modules->capacity);
	*module = (struct module){.base = base, .name = "", .path = ""};
	return module;
}

struct module *modules_at(const struct modules *modules, uint64_t base)
{
	uint64_t at;
	return address_map_get(&modules->by_base, base, &at) ? &modules->items[at] : NULL;
}

/* A name of an entry; "" when it can't be read. */
static const char *read_name(struct walk *walk, const struct ldr_layout *layout, uint64_t address)
{
	const char *name = names_read(&walk->modules->names, walk->space, address,
				      layout->pointer_size, &walk->budget);
	return name ? name : "";
}

/* Takes one entry in; false when it is not present. */
static bool add_entry(const struct ldr_layout *layout, struct walk *walk, uint64_t entry,
		      unsigned int list)
{
	struct modules *modules = walk->modules;
	struct space *space = walk->space;
	uint64_t at;
	if (address_map_get(&walk->by_entry, entry, &at)) {
		modules->items[at].found_in |= list;
		return true;
	}
	uint64_t base, entry_point = 0;
	uint32_t size;
	(void)space_pointer(space, entry + layout->entry_point, layout->pointer_size, &entry_point);
	if (!space_pointer(space, entry + layout->dll_base, layout->pointer_size, &base) ||
	    !space_u32(space, entry + layout->size_of_image, &size))
		return false;
	struct module *module = modules_at(modules, base);
	if (module) {
		module->found_in |= list;
		return true;
	}
	address_map_add(&walk->by_entry, entry, modules->count);
	module = modules_add(modules, base);
	module->size = size;
	module->path = read_name(walk, layout, entry + layout->full_dll_name);
	module->name = read_name(walk, layout, entry + layout->base_dll_name);
	if (!*module->name)
		module->name = text_base_name(module->path);
	module->entry = entry;
	module->entry_point = entry_point;
	module->found_in = list;
	return true;
}

static void note_damage(struct modules *modules, unsigned int list, const char *what, uint64_t at)
{
	if (!modules->damage[0])
		snprintf(modules->damage, sizeof(modules->damage), "%s list %s at 0x%llx",
			 found_in_names[__builtin_ctz(list)], what, (unsigned long long)at);
}

void modules_note_cut(struct modules *modules, const char *what)
{
	if (!modules->damage[0])
		snprintf(modules->damage, sizeof(modules->damage),
			 "%s cut off: it costs too much work", what);
}

/* Walks the list whose LIST_ENTRY head is at `head`; `link` is the entry's LIST_ENTRY offset. */
static void walk_list(const struct ldr_layout *layout, struct walk *walk, uint64_t head,
		      uint32_t link, unsigned int list)
{
	struct modules *modules = walk->modules;
	_cleanup_address_set_ struct address_set seen = {0};
	uint64_t at = head;
	while (budget_spend(&walk->budget, ENTRY_STEPS)) {
		uint64_t next;
		if (!space_pointer(walk->space, at, layout->pointer_size, &next)) {
			note_damage(modules, list, "is not present", at);
			return;
		}
		if (next == head)
			return;
		at = next;
		if (!address_set_add(&seen, at)) {
			note_damage(modules, list, "runs in a circle", at);
			return;
		}
		if (address_set_count(&seen) > LIMIT_MODULES) {
			note_damage(modules, list, "has too many entries", at);
			return;
		}
		if (!add_entry(layout, walk, at - link, list)) {
			note_damage(modules, list, "has an entry that is not present", at);
			return;
		}
	}
	note_damage(modules, list, "cut off, since it costs too much work,", at);
}

/* The three lists of one PEB. */
static void walk_peb(const struct ldr_layout *layout, struct walk *walk, uint64_t peb)
{
	uint64_t ldr;
	struct modules *modules = walk->modules;
	const char *which = layout->found[0] == FOUND_LOAD32 ? "32-bit PEB" : "PEB";
	bool present = space_pointer(walk->space, peb + layout->ldr, layout->pointer_size, &ldr);
	if (!present || !ldr) {
		if (!modules->damage[0])
			snprintf(modules->damage, sizeof(modules->damage), "%s at 0x%llx %s", which,
				 (unsigned long long)peb, present ? "has no Ldr" : "not present");
		return;
	}
	for (size_t i = 0; i < 3; i++)
		walk_list(layout, walk, ldr + layout->head[i], layout->link[i], layout->found[i]);
}

/* What is left to do when the lists were walked: names that found no room, the budget. */
static void end_lists(struct walk *walk, struct view *view)
{
	struct modules *modules = walk->modules;
	size_t left_out = modules->names.strings.left_out;
	address_map_free(&walk->by_entry);
	address_map_free(&modules->names.known);
	view->cut |= !budget_close_part(view->budget, &walk->budget);
	if (left_out && !modules->damage[0])
		snprintf(modules->damage, sizeof(modules->damage),
			 "%zu names of modules left out: they are too long together", left_out);
}

/* The lists of a WoW64 process's 32-bit PEB; returns whether they are whole, or there are none. */
static bool walk_peb32(const struct process *process, struct walk *walk)
{
	struct modules *modules = walk->modules;
	char before[sizeof(modules->damage)];
	memcpy(before, modules->damage, sizeof(before));
	modules->damage[0] = '\0';
	if (process->peb32)
		walk_peb(&wow64_layout, walk, process->peb32);
	else if (process->wow64)
		snprintf(modules->damage, sizeof(modules->damage),
			 "32-bit PEB not found: EPROCESS leads to 0x%llx, where none is",
			 (unsigned long long)process->wow64);
	bool whole = !modules->damage[0] && !process->peb32_lost;
	if (before[0])
		memcpy(modules->damage, before, sizeof(before));
	return whole;
}

/*
 * The loader puts a module into all three lists, but into that of initialisation order only when
 * there is something to initialise: an entry point, and not the program itself.
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

/* An image section of the process that no list has. */
static struct module *add_unlisted(const struct vad *vad, struct modules *modules)
{
	struct module *module = modules_add(modules, vad->start);
	module->size = min_of(vad->end - vad->start + 1, LIMIT_IMAGE_SIZE);
	module->found_in = FOUND_VAD;
	name_by_file(modules, module, vad->file);
	return module;
}

/* Is there a page in the range that the processor would run, by the page table or the section? */
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

/* Of which kind of lists is it known that they are whole? */
struct whole {
	bool native, wow64;
};

/* Bytes of a pointer in the image, by its header; 0 when that is not present. */
static unsigned int image_pointer_size(struct space *space, uint64_t base)
{
	uint8_t start[0x40], nt[6];
	if (!space_read(space, base, start, sizeof(start)) || start[0] != 'M' || start[1] != 'Z' ||
	    !space_read(space, base + le32(start + 0x3c), nt, sizeof(nt)) ||
	    memcmp(nt, "PE\0\0", 4) != 0)
		return 0;
	return le16(nt + 4) == IMAGE_FILE_MACHINE_I386 ? 4 : 8;
}

/*
 * Would the image be in a list, had the loader put it there? With lists that are cut nobody knows;
 * without code there is nothing to hide.
 */
static bool is_missed(struct space *space, const struct vad *vad, struct whole whole,
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

/* Holds what the lists have against the VADs. */
static void judge_listed(const struct vads *vads, uint64_t image_base, struct whole whole,
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
			module->found_in |= FOUND_VAD;
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
 * Adds the image sections that no list has. They have a part of the budget of their own, since long
 * lists must not hide them.
 */
static void add_sections(struct view *view, struct whole whole, struct modules *modules)
{
	const struct vads *vads = &view->vads;
	size_t listed = modules->count, last = listed + LIMIT_MODULES;
	struct budget budget = budget_part(view->budget);
	for (size_t v = 0; v < vads->count; v++) {
		const struct vad *vad = &vads->items[v];
		if (vad->kind != VAD_IMAGE)
			continue;
		const struct module *known = modules_at(modules, vad->start);
		if (known && known < modules->items + listed)
			continue;
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

void process_modules(const struct windows *windows, const struct process *process,
		     struct view *view, struct modules *modules)
{
	struct ldr_layout native = native_layout(windows);
	struct walk walk = {
		.space = view->space,
		.budget = budget_part(view->budget),
		.modules = modules,
	};
	uint64_t image_base = 0;
	*modules = (struct modules){0};
	if (process->peb) {
		walk_peb(&native, &walk, process->peb);
		(void)space_pointer(view->space,
				    process->peb +
					    profile_offset(windows->profile, PEB_ImageBaseAddress),
				    windows->pointer_size, &image_base);
	}
	struct whole whole = {.native = !modules->damage[0]};
	whole.wow64 = walk_peb32(process, &walk);
	/* 32-bit Windows has one kind of images. */
	if (windows->pointer_size == 4)
		whole.wow64 = whole.native;
	end_lists(&walk, view);
	judge_listed(&view->vads, image_base, whole, modules);
	add_sections(view, whole, modules);
}

void windows_drivers(const struct windows *windows, struct view *view, struct modules *modules)
{
	struct ldr_layout layout = native_layout(windows);
	struct walk walk = {
		.space = view->kernel,
		.budget = budget_part(view->budget),
		.modules = modules,
	};
	*modules = (struct modules){0};
	if (!windows->ps_loaded_module_list) {
		snprintf(modules->damage, sizeof(modules->damage), "PsLoadedModuleList not found");
		return;
	}
	walk_list(&layout, &walk, windows->ps_loaded_module_list,
		  profile_offset(windows->profile, LDR_DATA_TABLE_ENTRY_InLoadOrderLinks),
		  FOUND_KERNEL);
	end_lists(&walk, view);
}

void modules_free(struct modules *modules)
{
	free(modules->items);
	address_map_free(&modules->by_base);
	names_free(&modules->names);
	*modules = (struct modules){0};
}
