/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The 32-bit side of a process on 64-bit Windows: PEB32, its three lists, and what in the EPROCESS
 * leads there. See guest.h.
 *
 * Facts: _PEB32 of the published symbols; _LDR_DATA_TABLE_ENTRY, _PEB_LDR_DATA and
 * _RTL_USER_PROCESS_PARAMETERS of 32-bit Windows, whose members used here lie at the same offsets
 * from XP on. EPROCESS.Wow64Process is the PEB32's address (Windows 7 to 10 1507) or that of a
 * structure with it (EWOW64PROCESS from 1511 on, WOW64_PROCESS before 7).
 */
#include <writer/guest.h>

enum {
	/* _LDR_DATA_TABLE_ENTRY; links in the order of the lists, 8 bytes apart */
	ENTRY_BASE = 0x18,
	ENTRY_ENTRY_POINT = 0x1c,
	ENTRY_SIZE_OF_IMAGE = 0x20,
	ENTRY_FULL_NAME = 0x24,
	ENTRY_BASE_NAME = 0x2c,
	ENTRY_FLAGS = 0x34,
	ENTRY_LOAD_COUNT = 0x38,
	ENTRY_STAMP = 0x44,
	ENTRY_SIZE = 0xa8,
	/* _PEB_LDR_DATA */
	LDR_LISTS = 0xc,
	LDR_SIZE = 0x30,
	/* _RTL_USER_PROCESS_PARAMETERS */
	PARAMETERS_IMAGE = 0x38,
	PARAMETERS_COMMAND = 0x40,
	PARAMETERS_SIZE = 0x2a0,
	HEAP_RESERVED = 0x100000,
	PROTECTION_READWRITE = 4,
	FIRST_HEAP = 0x4000000,
	FIRST_PEB = 0x7efd0000,
};

void guest_wow64_new(struct guest_process *process)
{
	struct util_random *random = &process->guest->random;
	process->heap32 = FIRST_HEAP + util_random_below(random, 0x80) * 0x10000;
	process->heap32_end = process->heap32;
	process->heap32_limit = process->heap32 + HEAP_RESERVED;
	guest_vad_add(process, process->heap32, HEAP_RESERVED, PROTECTION_READWRITE);
	process->area32 = process->heap32_limit;
	process->peb32 = FIRST_PEB + util_random_below(random, 14) * PAGE;
	guest_vad_add(process, process->peb32, PAGE, PROTECTION_READWRITE)->commit = true;
	paging_map_new(process->space, process->peb32, PAGE, PAGE_USER | PAGE_WRITE);
}

static uint32_t heap_alloc(struct guest_process *process, uint64_t size)
{
	uint64_t va = process->heap32 + 8;
	process->heap32 = util_round_up(va + size, 8);
	if (process->heap32 > process->heap32_limit)
		util_die("%s (%u): its 32-bit heap is full", process->name, process->pid);
	for (; process->heap32_end < process->heap32; process->heap32_end += PAGE)
		paging_map_new(process->space, process->heap32_end, PAGE, PAGE_USER | PAGE_WRITE);
	return (uint32_t)va;
}

static void put_string(struct guest_process *process, uint64_t va, const char *utf8)
{
	size_t size;
	uint8_t *units = util_utf16(utf8, &size);
	uint32_t buffer = heap_alloc(process, size + 2);
	paging_write(process->space, buffer, units, size);
	paging_put(process->space, va, size, 2);
	paging_put(process->space, va + 2, size + 2, 2);
	paging_put(process->space, va + 4, buffer, 4);
	free(units);
}

static void append(struct paging *space, uint64_t head, uint64_t entry)
{
	uint64_t last = paging_get(space, head + 4, 4);
	paging_put(space, entry, head, 4);
	paging_put(space, entry + 4, last, 4);
	paging_put(space, last, entry, 4);
	paging_put(space, head + 4, entry, 4);
}

static void new_entry(struct guest_process *process, struct guest_module *module)
{
	struct paging *space = process->space;
	uint64_t entry = heap_alloc(process, ENTRY_SIZE);
	const struct pefile *pe = module->image->pe;
	module->entry32 = entry;
	paging_put(space, entry + ENTRY_BASE, module->base, 4);
	paging_put(space, entry + ENTRY_ENTRY_POINT,
		   pe->entry_point ? module->base + pe->entry_point : 0, 4);
	paging_put(space, entry + ENTRY_SIZE_OF_IMAGE, pe->size, 4);
	/* the 32-bit loader knows the folder as System32: it is redirected */
	char *path = util_strdup(module->path);
	char *folder = strstr(path, "SysWOW64");
	if (folder && module->init_order)
		memcpy(folder, "System32", 8);
	put_string(process, entry + ENTRY_FULL_NAME, path);
	free(path);
	put_string(process, entry + ENTRY_BASE_NAME, module->name);
	paging_put(space, entry + ENTRY_FLAGS, 0xa2c4, 4);
	paging_put(space, entry + ENTRY_LOAD_COUNT, 0xffff, 2);
	paging_put(space, entry + ENTRY_STAMP, pe->time_stamp, 4);
}

static void link_all(struct guest_process *process, uint64_t ldr)
{
	for (unsigned int list = 0; list < 3; list++) {
		uint64_t head = ldr + LDR_LISTS + 8 * list;
		paging_put(process->space, head, head, 4);
		paging_put(process->space, head + 4, head, 4);
		for (size_t i = 0; i < process->module_count; i++) {
			struct guest_module *module = process->modules[i];
			for (size_t k = 0; list == 2 && k < process->module_count; k++) {
				if (process->modules[k]->wow64 &&
				    process->modules[k]->init_order == i + 1)
					module = process->modules[k];
			}
			bool in = list == 0   ? module->in_load
				  : list == 1 ? module->in_memory
					      : module->in_init && module->init_order == i + 1;
			if (module->wow64 && in)
				append(process->space, head, module->entry32 + 8 * list);
		}
	}
}

/* What EPROCESS has, in a form that the build's symbols don't tell. */
static uint64_t other_form(struct guest_process *process)
{
	enum { SIZE = 0x20 };
	struct guest *guest = process->guest;
	if (guest->options.wow64_form == GUEST_WOW64_PEB)
		return process->peb32;
	uint64_t value = guest_pool_alloc(guest, GUEST_NONPAGED, SIZE, "Wow6");
	if (guest->options.wow64_form == GUEST_WOW64_STRUCT)
		paging_put_pointer(guest->kernel, value, process->peb32);
	return value;
}

static void put_process(struct guest_process *process)
{
	struct guest *guest = process->guest;
	const struct layout *layout = guest->layout;
	const char *type = layout_has(layout, "_EWOW64PROCESS", "Peb")	   ? "_EWOW64PROCESS"
			   : layout_has(layout, "_WOW64_PROCESS", "Wow64") ? "_WOW64_PROCESS"
									   : NULL;
	uint64_t value = process->peb32;
	if (guest->options.wow64_form) {
		value = other_form(process);
	} else if (type) {
		enum { MACHINE_I386 = 0x14c };
		value = guest_pool_alloc(guest, GUEST_NONPAGED, size_of(layout, type), "Wow6");
		guest_put_pointer(guest, guest->kernel, value, type,
				  guest->build < 7600 ? "Wow64" : "Peb", process->peb32);
		guest_put_if(guest, guest->kernel, value, type, "Machine", MACHINE_I386, 2);
	}
	guest_put_pointer(guest, guest->kernel, process->eprocess, "_EPROCESS", "Wow64Process",
			  value);
}

void guest_wow64_peb_new(struct guest_process *process)
{
	struct paging *space = process->space;
	struct guest *guest = process->guest;
	uint32_t parameters = heap_alloc(process, PARAMETERS_SIZE);
	uint32_t ldr = heap_alloc(process, LDR_SIZE);
	paging_put(space, parameters, PARAMETERS_SIZE, 4);
	paging_put(space, parameters + 4, PARAMETERS_SIZE, 4);
	paging_put(space, parameters + 8, 0x6001, 4);
	put_string(process, parameters + PARAMETERS_IMAGE, process->path);
	put_string(process, parameters + PARAMETERS_COMMAND, process->command_line);
	paging_put(space, ldr, LDR_SIZE, 4);
	paging_put(space, ldr + 4, 1, 1);
	for (size_t i = 0; i < process->module_count; i++) {
		if (process->modules[i]->wow64)
			new_entry(process, process->modules[i]);
	}
	link_all(process, ldr);
	guest_put(guest, space, process->peb32, "_PEB32", "ImageBaseAddress",
		  process->modules[0]->base, 4);
	guest_put(guest, space, process->peb32, "_PEB32", "Ldr", ldr, 4);
	guest_put(guest, space, process->peb32, "_PEB32", "ProcessParameters", parameters, 4);
	put_process(process);
}
