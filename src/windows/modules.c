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

const char *const found_in_names[FOUND_IN_COUNT] = {
	"load", "memory", "init", "load32", "memory32", "init32", "vad", "private", "kernel"};

const char *const module_flag_names[MODULE_FLAG_COUNT] = {
	"hidden",  "exited",	"unlinked", "partial-list", "stale",	  "hollowed",
	"patched", "no-header", "hooked",   "wow64",	    "hook-target"};

#define IMAGE_FILE_MACHINE_I386 0x14c

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
	uint64_t base, entry_point = 0;
	uint32_t size;
	(void)space_pointer(space, entry + layout->entry_point, layout->pointer_size, &entry_point);
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
		.entry_point = entry_point,
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

/* The three lists of one PEB. */
static void walk_peb(const struct ldr_layout *layout, struct space *space, uint64_t peb,
		     struct modules *modules)
{
	uint64_t ldr;
	const char *which = layout->found[0] == FOUND_LOAD32 ? "32-bit PEB" : "PEB";
	if (!space_pointer(space, peb + layout->ldr, layout->pointer_size, &ldr)) {
		if (!modules->damage[0])
			snprintf(modules->damage, sizeof(modules->damage),
				 "%s at 0x%llx not present", which, (unsigned long long)peb);
		return;
	}
	if (!ldr) {
		if (!modules->damage[0])
			snprintf(modules->damage, sizeof(modules->damage),
				 "%s at 0x%llx has no Ldr", which, (unsigned long long)peb);
		return;
	}
	for (size_t i = 0; i < 3; i++)
		walk_list(layout, space, ldr + layout->head[i], layout->link[i], layout->found[i],
			  modules);
}

/* The lists of a WoW64 process's 32-bit PEB; returns whether they are whole, or there are none. */
static bool walk_peb32(const struct process *process, struct space *space, struct modules *modules)
{
	char before[sizeof(modules->damage)];
	memcpy(before, modules->damage, sizeof(before));
	modules->damage[0] = '\0';
	if (process->peb32)
		walk_peb(&wow64_layout, space, process->peb32, modules);
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

static void name_by_file(struct module *module, const char *file)
{
	free(module->name);
	free(module->path);
	module->path = alloc_strdup(file);
	module->name = alloc_strdup(text_base_name(file));
}

/* An image section of the process that no list has. */
static void add_unlisted(const struct vad *vad, struct modules *modules)
{
	char *path = alloc_strdup(vad->file ? vad->file : "");
	*array_push(modules->items, modules->count, modules->capacity) = (struct module){
		.base = vad->start,
		.size = min_of(vad->end - vad->start + 1, LIMIT_IMAGE_SIZE),
		.name = alloc_strdup(text_base_name(path)),
		.path = path,
		.found_in = FOUND_VAD,
	};
}

/* Is there a page in the range that the processor would run, by the page table or the section? */
static bool is_executable(struct space *space, const struct vad *vad)
{
	uint64_t address = vad->start;
	while (address <= vad->end) {
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
static bool is_missed(struct view *view, const struct vad *vad, struct whole whole)
{
	if (!whole.native && !whole.wow64)
		return false;
	if (!whole.native || !whole.wow64) {
		unsigned int size = image_pointer_size(view->space, vad->start);
		if (!size || !(size == 4 ? whole.wow64 : whole.native))
			return false;
	}
	return is_executable(view->space, vad);
}

/* Holds the lists against the VADs. */
static void compare_with_vads(struct view *view, uint64_t image_base, struct whole whole,
			      struct modules *modules)
{
	const struct vads *vads = &view->vads;
	bool lists_whole = whole.native && whole.wow64;
	for (size_t i = 0; i < modules->count; i++) {
		struct module *module = &modules->items[i];
		const struct vad *vad = vads_find(vads, module->base);
		if (vad && vad->file && !*module->name)
			name_by_file(module, vad->file);
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
	size_t listed = modules->count;
	for (size_t v = 0; v < vads->count; v++) {
		const struct vad *vad = &vads->items[v];
		if (vad->kind != VAD_IMAGE)
			continue;
		bool known = false;
		for (size_t i = 0; i < listed && !known; i++)
			known = modules->items[i].base == vad->start;
		if (known)
			continue;
		add_unlisted(vad, modules);
		if (listed && is_missed(view, vad, whole))
			modules->items[modules->count - 1].flags |= MODULE_UNLINKED;
	}
}

void process_modules(const struct windows *windows, const struct process *process,
		     struct view *view, struct modules *modules)
{
	struct ldr_layout native = native_layout(windows);
	uint64_t image_base = 0;
	*modules = (struct modules){0};
	if (process->peb) {
		walk_peb(&native, view->space, process->peb, modules);
		(void)space_pointer(view->space,
				    process->peb +
					    profile_offset(windows->profile, PEB_ImageBaseAddress),
				    windows->pointer_size, &image_base);
	}
	struct whole whole = {.native = !modules->damage[0]};
	whole.wow64 = walk_peb32(process, view->space, modules);
	/* 32-bit Windows has one kind of images. */
	if (windows->pointer_size == 4)
		whole.wow64 = whole.native;
	compare_with_vads(view, image_base, whole, modules);
}

void windows_drivers(const struct windows *windows, struct space *space, struct modules *modules)
{
	struct ldr_layout layout = native_layout(windows);
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
