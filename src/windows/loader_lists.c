/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The lists of loaded modules: PEB_LDR_DATA's three of a process, PsLoadedModuleList of the
 * kernel. KLDR_DATA_TABLE_ENTRY begins as LDR_DATA_TABLE_ENTRY does, so one layout serves both.
 */
#include "windows/loader_lists.h"

#include <stdio.h>
#include <string.h>

#include <impscan/address_set.h>
#include <impscan/damage.h>
#include <impscan/text.h>

#include "windows/limits.h"

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

/* What an entry of a list counts. */
#define ENTRY_STEPS 8

/* Lists of modules that are walked. */
struct walk {
	struct space *space;
	struct budget budget;
	struct address_map by_entry; /* where the module of an entry is in `modules` */
	struct modules *modules;
};

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
	damage_once(modules->damage, "%s list %s at 0x%llx", found_in_names[__builtin_ctz(list)],
		    what, (unsigned long long)at);
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
		damage_once(modules->damage, "%s at 0x%llx %s", which, (unsigned long long)peb,
			    present ? "has no Ldr" : "not present");
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
	if (left_out)
		damage_once(modules->damage,
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
		damage_once(modules->damage,
			    "32-bit PEB not found: EPROCESS leads to 0x%llx, where none is",
			    (unsigned long long)process->wow64);
	bool whole = !modules->damage[0] && !process->peb32_lost;
	if (before[0])
		memcpy(modules->damage, before, sizeof(before));
	return whole;
}

struct whole_lists process_lists(const struct windows *windows, const struct process *process,
				 struct view *view, struct modules *modules)
{
	struct ldr_layout native = native_layout(windows);
	struct walk walk = {
		.space = view->space,
		.budget = budget_part(view->budget),
		.modules = modules,
	};
	if (process->peb)
		walk_peb(&native, &walk, process->peb);
	else if (process->peb_lost)
		damage_once(modules->damage, "no TEB leads to the PEB, whose lists of modules are "
					     "not known");
	struct whole_lists whole = {.native = !modules->damage[0]};
	whole.wow64 = walk_peb32(process, &walk);
	/* 32-bit Windows has one kind of images. */
	if (windows->pointer_size == 4)
		whole.wow64 = whole.native;
	end_lists(&walk, view);
	return whole;
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
		damage_once(modules->damage, "PsLoadedModuleList not found");
		return;
	}
	walk_list(&layout, &walk, windows->ps_loaded_module_list,
		  profile_offset(windows->profile, LDR_DATA_TABLE_ENTRY_InLoadOrderLinks),
		  FOUND_KERNEL);
	end_lists(&walk, view);
	modules->listed = modules->count;
}
