/*
 * The lists of loaded modules: PEB_LDR_DATA's three of a process, PsLoadedModuleList of the
 * kernel. KLDR_DATA_TABLE_ENTRY begins as LDR_DATA_TABLE_ENTRY does, so one layout serves both.
 */
#include <impscan/windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/text.h>

#include "windows/limits.h"

const char *const found_in_names[FOUND_IN_COUNT] = {"load", "memory", "init", "kernel"};

/* Offsets within LDR_DATA_TABLE_ENTRY. */
struct ldr_layout {
	unsigned int pointer_size;
	uint32_t dll_base, size_of_image, full_dll_name, base_dll_name;
};

static struct ldr_layout layout_of(const struct windows *windows)
{
	const struct profile *profile = windows->profile;
	return (struct ldr_layout){
		.pointer_size = windows->pointer_size,
		.dll_base = profile_offset(profile, LDR_DATA_TABLE_ENTRY_DllBase),
		.size_of_image = profile_offset(profile, LDR_DATA_TABLE_ENTRY_SizeOfImage),
		.full_dll_name = profile_offset(profile, LDR_DATA_TABLE_ENTRY_FullDllName),
		.base_dll_name = profile_offset(profile, LDR_DATA_TABLE_ENTRY_BaseDllName),
	};
}

static struct module *find_by_entry(struct modules *modules, uint64_t entry)
{
	for (size_t i = 0; i < modules->count; i++)
		if (modules->items[i].entry == entry)
			return &modules->items[i];
	return NULL;
}

static struct module *find_by_base(struct modules *modules, uint64_t base)
{
	for (size_t i = 0; i < modules->count; i++)
		if (modules->items[i].base == base)
			return &modules->items[i];
	return NULL;
}

/* Takes one entry in; false when it is not present. */
static bool add_entry(const struct ldr_layout *layout, struct space *space, uint64_t entry,
		      unsigned int list, struct modules *modules)
{
	struct module *known = find_by_entry(modules, entry);
	if (known) {
		known->found_in |= list;
		return true;
	}
	uint64_t base;
	uint32_t size;
	if (!space_pointer(space, entry + layout->dll_base, layout->pointer_size, &base) ||
	    !space_u32(space, entry + layout->size_of_image, &size))
		return false;
	known = find_by_base(modules, base);
	if (known) {
		known->found_in |= list;
		return true;
	}
	char *path =
		space_unicode_string(space, entry + layout->full_dll_name, layout->pointer_size);
	char *name =
		space_unicode_string(space, entry + layout->base_dll_name, layout->pointer_size);
	if (!path)
		path = alloc_strdup("");
	if (!name || !*name) {
		free(name);
		name = alloc_strdup(text_base_name(path));
	}
	*array_push(modules->items, modules->count, modules->capacity) = (struct module){
		.base = base,
		.size = size,
		.name = name,
		.path = path,
		.entry = entry,
		.found_in = list,
	};
	return true;
}

static void note_damage(struct modules *modules, unsigned int list, const char *what, uint64_t at)
{
	if (!modules->damage[0])
		snprintf(modules->damage, sizeof(modules->damage), "%s list %s at 0x%llx",
			 found_in_names[__builtin_ctz(list)], what, (unsigned long long)at);
}

/* Walks the list whose LIST_ENTRY head is at `head`; `link` is the entry's LIST_ENTRY offset. */
static void walk_list(const struct ldr_layout *layout, struct space *space, uint64_t head,
		      uint32_t link, unsigned int list, struct modules *modules)
{
	_cleanup_address_set_ struct address_set seen = {0};
	uint64_t at = head;
	for (;;) {
		uint64_t next;
		if (!space_pointer(space, at, layout->pointer_size, &next)) {
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
		if (seen.count > LIMIT_MODULES) {
			note_damage(modules, list, "has too many entries", at);
			return;
		}
		if (!add_entry(layout, space, at - link, list, modules)) {
			note_damage(modules, list, "has an entry that is not present", at);
			return;
		}
	}
}

void process_modules(const struct windows *windows, const struct process *process,
		     struct space *space, struct modules *modules)
{
	const struct profile *profile = windows->profile;
	struct ldr_layout layout = layout_of(windows);
	uint64_t ldr;

	*modules = (struct modules){0};
	if (!process->peb)
		return;
	if (!space_pointer(space, process->peb + profile_offset(profile, PEB_Ldr),
			   layout.pointer_size, &ldr)) {
		snprintf(modules->damage, sizeof(modules->damage), "PEB at 0x%llx not present",
			 (unsigned long long)process->peb);
		return;
	}
	if (!ldr) {
		snprintf(modules->damage, sizeof(modules->damage), "PEB at 0x%llx has no Ldr",
			 (unsigned long long)process->peb);
		return;
	}
	const struct {
		enum profile_member head, link;
		unsigned int list;
	} lists[] = {
		{PEB_LDR_DATA_InLoadOrderModuleList, LDR_DATA_TABLE_ENTRY_InLoadOrderLinks,
		 FOUND_LOAD},
		{PEB_LDR_DATA_InMemoryOrderModuleList, LDR_DATA_TABLE_ENTRY_InMemoryOrderLinks,
		 FOUND_MEMORY},
		{PEB_LDR_DATA_InInitializationOrderModuleList,
		 LDR_DATA_TABLE_ENTRY_InInitializationOrderLinks, FOUND_INIT},
	};
	for (size_t i = 0; i < array_size(lists); i++)
		walk_list(&layout, space, ldr + profile_offset(profile, lists[i].head),
			  profile_offset(profile, lists[i].link), lists[i].list, modules);
}

void windows_drivers(const struct windows *windows, struct space *space, struct modules *modules)
{
	struct ldr_layout layout = layout_of(windows);
	*modules = (struct modules){0};
	if (!windows->ps_loaded_module_list) {
		snprintf(modules->damage, sizeof(modules->damage), "PsLoadedModuleList not found");
		return;
	}
	walk_list(&layout, space, windows->ps_loaded_module_list,
		  profile_offset(windows->profile, LDR_DATA_TABLE_ENTRY_InLoadOrderLinks),
		  FOUND_KERNEL, modules);
}

void modules_free(struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++) {
		free(modules->items[i].name);
		free(modules->items[i].path);
	}
	free(modules->items);
	*modules = (struct modules){0};
}
