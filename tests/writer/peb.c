/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The user part of a process as the loader leaves it: PEB, process parameters and the three lists
 * of LDR_DATA_TABLE_ENTRY. See guest.h.
 */
#include <writer/guest.h>

#define ENTRY "_LDR_DATA_TABLE_ENTRY"

/* A UNICODE_STRING with its text on the heap; `units` NULL: of `utf8`. */
static void put_string(struct guest_process *process, uint64_t va, const char *utf8,
		       const uint8_t *units, size_t units_size)
{
	size_t size = units_size;
	uint8_t *text = units ? NULL : util_utf16(utf8, &size);
	uint64_t buffer = guest_heap_alloc(process, size + 2);
	guest_put_string(process->space, va, buffer, units ? units : text, size);
	free(text);
}

static void new_entry(struct guest_process *process, struct guest_module *module)
{
	struct guest *guest = process->guest;
	const struct layout *layout = guest->layout;
	struct paging *space = process->space;
	const struct pefile *pe = module->image->pe;
	uint64_t entry = guest_heap_alloc(process, size_of(layout, ENTRY));
	module->entry = entry;
	guest_put(guest, space, entry, ENTRY, "DllBase", module->base, guest->pointer);
	guest_put(guest, space, entry, ENTRY, "EntryPoint",
		  pe->entry_point ? module->base + pe->entry_point : 0, guest->pointer);
	guest_put(guest, space, entry, ENTRY, "SizeOfImage", pe->size, 4);
	guest_put_if(guest, space, entry, ENTRY, "Flags", 0xa2c4, 4);
	guest_put_if(guest, space, entry, ENTRY, "LoadCount", 0xffff, 2);
	guest_put_if(guest, space, entry, ENTRY, "ObsoleteLoadCount", 0xffff, 2);
	guest_put_if(guest, space, entry, ENTRY, "TimeDateStamp", pe->time_stamp, 4);
	guest_put_if(guest, space, entry, ENTRY, "LoadTime", process->create_time + 50000, 8);
	put_string(process, entry + offset_of(layout, ENTRY, "FullDllName"), module->path, NULL, 0);
	put_string(process, entry + offset_of(layout, ENTRY, "BaseDllName"), module->name,
		   module->units, module->units_size);
}

static void link_all(struct guest_process *process, const char *head, const char *links)
{
	const struct layout *layout = process->guest->layout;
	uint64_t list = process->ldr + offset_of(layout, "_PEB_LDR_DATA", head);
	guest_list_init(process->space, list);
	bool by_init = !strcmp(links, "InInitializationOrderLinks");
	bool by_load = !strcmp(links, "InLoadOrderLinks");
	for (size_t i = 0; i < process->module_count; i++) {
		struct guest_module *module = process->modules[i];
		for (size_t k = 0; by_init && k < process->module_count; k++) {
			if (process->modules[k]->native && process->modules[k]->init_order == i + 1)
				module = process->modules[k];
		}
		bool in = by_init   ? module->in_init && module->init_order == i + 1
			  : by_load ? module->in_load
				    : module->in_memory;
		if (module->native && in)
			guest_list_append(process->space, list,
					  module->entry + offset_of(layout, ENTRY, links));
	}
}

void guest_loader_lists_new(struct guest_process *process)
{
	struct guest *guest = process->guest;
	process->ldr = guest_heap_alloc(process, size_of(guest->layout, "_PEB_LDR_DATA"));
	guest_put(guest, process->space, process->ldr, "_PEB_LDR_DATA", "Length",
		  size_of(guest->layout, "_PEB_LDR_DATA"), 4);
	guest_put(guest, process->space, process->ldr, "_PEB_LDR_DATA", "Initialized", 1, 1);
	for (size_t i = 0; i < process->module_count; i++) {
		if (process->modules[i]->native)
			new_entry(process, process->modules[i]);
	}
	link_all(process, "InLoadOrderModuleList", "InLoadOrderLinks");
	link_all(process, "InMemoryOrderModuleList", "InMemoryOrderLinks");
	link_all(process, "InInitializationOrderModuleList", "InInitializationOrderLinks");
	guest_put(guest, process->space, process->peb, "_PEB", "Ldr", process->ldr, guest->pointer);
}

void guest_peb_new(struct guest_process *process)
{
	struct guest *guest = process->guest;
	const struct layout *layout = guest->layout;
	struct paging *space = process->space;
	static const char parameters_type[] = "_RTL_USER_PROCESS_PARAMETERS";
	uint64_t parameters = guest_heap_alloc(process, size_of(layout, parameters_type));
	paging_put(space, parameters, size_of(layout, parameters_type), 4); /* MaximumLength */
	paging_put(space, parameters + 4, size_of(layout, parameters_type), 4);
	paging_put(space, parameters + 8, 0x6001, 4); /* Flags: normalised */
	put_string(process, parameters + offset_of(layout, parameters_type, "ImagePathName"),
		   process->path, NULL, 0);
	put_string(process, parameters + offset_of(layout, parameters_type, "CommandLine"),
		   process->command_line, NULL, 0);
	put_string(process, parameters + offset_of(layout, parameters_type, "CurrentDirectory"),
		   "C:\\Windows\\System32\\", NULL, 0);
	guest_put(guest, space, process->peb, "_PEB", "ImageBaseAddress", process->modules[0]->base,
		  guest->pointer);
	guest_put(guest, space, process->peb, "_PEB", "ProcessParameters", parameters,
		  guest->pointer);
	guest_put(guest, space, process->peb, "_PEB", "OSMajorVersion", guest->major, 4);
	guest_put(guest, space, process->peb, "_PEB", "OSMinorVersion", guest->minor, 4);
	guest_put(guest, space, process->peb, "_PEB", "OSBuildNumber", guest->build, 2);
	guest_put_if(guest, space, process->peb, "_PEB", "SessionId", process->session, 4);
	guest_api_sets_map(process);
	guest_loader_lists_new(process);
	if (process->wow64)
		guest_wow64_peb_new(process);
}
