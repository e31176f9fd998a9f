/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processes: EPROCESS and what hangs on it in the kernel, and the address space. See guest.h.
 */
#include <writer/guest.h>

#include <stdio.h>

enum {
	NAME_LENGTH = 15,
	DISPATCHER_PROCESS = 3,
	DISPATCHER_THREAD = 6,
	STATUS_PENDING = 0x103,
	USER_SHARED = 0x7ffe0000,
	FRAME_BITS = 0xfff,
	HEAP_RESERVED = 0x100000,
	FIRST_SHARED_RANGE = 15063,
	PROTECTION_READONLY = 1,
	PROTECTION_READWRITE = 4,
};

static void new_thread(struct guest_process *process, uint64_t start)
{
	struct guest *guest = process->guest;
	const struct layout *layout = guest->layout;
	struct paging *space = guest->kernel;
	if (!layout_has(layout, "_ETHREAD", "") || !layout_has(layout, "_ETHREAD", "Cid"))
		return;
	uint64_t thread =
		guest_object_new(guest, GUEST_TYPE_THREAD, size_of(layout, "_ETHREAD"), "Thre");
	uint32_t tid = process->tid = guest->next_tid;
	guest->next_tid += 4 + 4 * (uint32_t)util_random_below(&guest->random, 6);
	paging_put(space, thread, DISPATCHER_THREAD, 1);
	uint64_t cid = thread + offset_of(layout, "_ETHREAD", "Cid");
	paging_put_pointer(space, cid, process->pid);
	paging_put_pointer(space, cid + guest->pointer, tid);
	guest_put_if(guest, space, thread, "_ETHREAD", "StartAddress", start, guest->pointer);
	guest_put_if(guest, space, thread, "_ETHREAD", "Win32StartAddress", start, guest->pointer);
	guest_put_if(guest, space, thread, "_KTHREAD", "Process", process->eprocess,
		     guest->pointer);
	if (layout_has(layout, "_ETHREAD", "ThreadListEntry"))
		guest_list_append(
			space, process->eprocess + offset_of(layout, "_EPROCESS", "ThreadListHead"),
			thread + offset_of(layout, "_ETHREAD", "ThreadListEntry"));
	if (layout_has(layout, "_KTHREAD", "ThreadListEntry"))
		guest_list_append(
			space, process->eprocess + offset_of(layout, "_KPROCESS", "ThreadListHead"),
			thread + offset_of(layout, "_KTHREAD", "ThreadListEntry"));
	guest_handle_set(guest, guest->cid_table, tid, thread);
	uint64_t active = process->eprocess + offset_of(layout, "_EPROCESS", "ActiveThreads");
	paging_put(space, active, paging_get(space, active, 4) + 1, 4);
}

/* SeAuditProcessCreationInfo: the program's path as the file system filter sees it. */
static void put_audit_name(struct guest_process *process)
{
	struct guest *guest = process->guest;
	if (!process->path)
		return;
	uint64_t name = guest_pool_alloc(guest, GUEST_PAGED, 16, "SePa");
	char *path = util_printf("\\Device\\HarddiskVolume2%s", process->path + strlen("C:"));
	guest_put_kernel_string(guest, name, path);
	free(path);
	guest_put_if(guest, guest->kernel, process->eprocess, "_EPROCESS",
		     "SeAuditProcessCreationInfo", name, guest->pointer);
}

static void put_links(struct guest_process *process)
{
	struct guest *guest = process->guest;
	const struct layout *layout = guest->layout;
	struct paging *space = guest->kernel;
	uint64_t e = process->eprocess;
	guest_list_append(space, guest_symbol(guest, "PsActiveProcessHead"),
			  e + offset_of(layout, "_EPROCESS", "ActiveProcessLinks"));
	if (layout_has(layout, "_EPROCESS", "MmProcessLinks"))
		guest_list_append(space, guest_symbol(guest, "MmProcessList"),
				  e + offset_of(layout, "_EPROCESS", "MmProcessLinks"));
	guest_list_init(space, e + offset_of(layout, "_EPROCESS", "ThreadListHead"));
	guest_list_init(space, e + offset_of(layout, "_KPROCESS", "ThreadListHead"));
	uint64_t links = e + offset_of(layout, "_EPROCESS", "SessionProcessLinks");
	if (!process->path) {
		guest_list_init(space, links);
		return;
	}
	uint64_t session = guest->sessions[process->session];
	guest_list_append(space, session + 16, links);
	guest_put_if(guest, space, e, "_EPROCESS", "Session", session, guest->pointer);
}

/* DirectoryTableBase carries a process context identifier from 1803 on: 2 for the kernel's. */
static uint64_t dtb_of(const struct guest *guest, const struct paging *space)
{
	return paging_root(space) | (guest->build >= 17134 && guest->pointer == 8 ? 2 : 0);
}

static void new_eprocess(struct guest_process *process)
{
	struct guest *guest = process->guest;
	struct paging *space = guest->kernel;
	uint64_t e = guest_object_new(guest, GUEST_TYPE_PROCESS,
				      size_of(guest->layout, "_EPROCESS"), "Proc");
	process->eprocess = e;
	process->dtb = dtb_of(guest, process->space);
	paging_put(space, e, DISPATCHER_PROCESS, 1);
	paging_put(space, e + 2, size_of(guest->layout, "_KPROCESS") / 4, 1);
	guest_list_init(space, e + 8); /* Header.WaitListHead */
	guest_put(guest, space, e, "_KPROCESS", "DirectoryTableBase", process->dtb, guest->pointer);
	guest_put(guest, space, e, "_EPROCESS", "UniqueProcessId", process->pid, guest->pointer);
	guest_put(guest, space, e, "_EPROCESS", "InheritedFromUniqueProcessId", process->ppid,
		  guest->pointer);
	guest_put(guest, space, e, "_EPROCESS", "CreateTime", process->create_time, 8);
	guest_put_if(guest, space, e, "_EPROCESS", "ExitStatus", STATUS_PENDING, 4);
	guest_put_if(guest, space, e, "_EPROCESS", "HighestUserAddress",
		     guest->pointer == 4   ? 0x7ffeffff
		     : guest->build < 9600 ? UINT64_C(0x7ffffff0000)
					   : UINT64_C(0x7fffffff0000),
		     guest->pointer);
	guest_put(guest, space, e, "_EPROCESS", "Peb", process->peb, guest->pointer);
	char name[NAME_LENGTH + 1] = {0};
	snprintf(name, sizeof(name), "%s", process->name);
	paging_write(space, e + offset_of(guest->layout, "_EPROCESS", "ImageFileName"), name,
		     NAME_LENGTH);
	put_links(process);
	put_audit_name(process);
	uint64_t handles = guest_handle_table_new(guest, process->pid, e);
	guest_put(guest, space, e, "_EPROCESS", "ObjectTable", handles, guest->pointer);
	guest_handle_set(guest, handles, 4, e - offset_of(guest->layout, "_OBJECT_HEADER", "Body"));
	guest_handle_set(guest, guest->cid_table, process->pid, e);
}

/* From Windows 10 1703 on the PEB and all TEBs lie in one reserved range, before that each in one
 * of its own below the end of the address space. */
static void new_peb(struct guest_process *process)
{
	struct guest *guest = process->guest;
	struct util_random *random = &guest->random;
	const unsigned int flags = PAGE_USER | PAGE_WRITE;
	enum { TEB_PAGES = 2, SHARED_RANGE = 0x200000 };
	bool shared_range = guest->build >= FIRST_SHARED_RANGE && guest->pointer == 8;
	process->peb = guest->pointer == 4 ? 0x7ffd3000 + util_random_below(random, 8) * PAGE
		       : guest->build < 9600
			       ? UINT64_C(0x7fffffd0000) + util_random_below(random, 16) * PAGE
		       : guest->build < FIRST_SHARED_RANGE
			       ? UINT64_C(0x7ff600000000) + util_random_below(random, 0x1000) * PAGE
			       : util_random_below(random, 0x8000) * 0x1000000 + 0x200000 +
					 util_random_below(random, 16) * PAGE;
	process->teb = guest->pointer == 4 ? 0x7ffdd000
		       : shared_range	   ? process->peb + PAGE
					   : process->peb - 8 * PAGE;
	paging_map_new(process->space, process->peb, PAGE, flags);
	paging_map_new(process->space, process->teb, TEB_PAGES * PAGE, flags);
	if (!shared_range) {
		guest_vad_add(process, process->peb, PAGE, PROTECTION_READWRITE)->commit = true;
		guest_vad_add(process, process->teb, TEB_PAGES * PAGE, PROTECTION_READWRITE)
			->commit = true;
	} else {
		guest_vad_add(process, process->peb & ~(uint64_t)(SHARED_RANGE - 1), SHARED_RANGE,
			      PROTECTION_READWRITE);
	}
	guest_put_if(guest, process->space, process->teb, "_TEB", "ProcessEnvironmentBlock",
		     process->peb, guest->pointer);
	/* NtTib.StackBase, StackLimit, Self are the first thread's: see new_stack() */
}

/* A megabyte is reserved for the first thread's stack, its end is in use. */
static void new_stack(struct guest_process *process)
{
	enum { RESERVED = 0x100000, USED = 0x4000 };
	struct paging *space = process->space;
	uint64_t va = guest_area(process, RESERVED), end = va + RESERVED;
	guest_vad_add(process, va, RESERVED, PROTECTION_READWRITE);
	paging_map_new(space, end - USED, USED, PAGE_USER | PAGE_WRITE);
	const unsigned int pointer = paging_arch_of(space)->pointer_size;
	paging_put_pointer(space, process->teb + pointer, end);
	paging_put_pointer(space, process->teb + 2 * pointer, end - USED);
	paging_put_pointer(space, process->teb + 6 * pointer, process->teb);
}

/* What every process maps of locale.nls, and a section without a file that some have. */
static void map_data(struct guest_process *process)
{
	struct guest *guest = process->guest;
	enum { LOCALE_PAGES = 0xc9, SHARED_PAGES = 0x10 };
	if (!guest->locale) {
		guest->locale = guest_section_new(guest, "\\Windows\\System32\\locale.nls",
						  LOCALE_PAGES, PROTECTION_READONLY);
		for (size_t i = 0; i < LOCALE_PAGES; i++) {
			guest->locale->states[i] = i % 3 ? PAGE_VALID : PAGE_FILE;
			if (i % 3)
				guest->locale->frames[i] = guest_frame_of_text(guest);
		}
	}
	uint64_t va = guest_area(process, LOCALE_PAGES * PAGE);
	guest_vad_add_view(process, va, guest->locale);
	for (size_t i = 0; i < LOCALE_PAGES; i++) {
		if (guest->locale->frames[i] && util_random_below(&guest->random, 2))
			paging_map(process->space, va + i * PAGE, guest->locale->frames[i],
				   PAGE_USER);
	}
	if (process->session == 0)
		return;
	struct guest_section *shared =
		guest_section_new(guest, NULL, SHARED_PAGES, PROTECTION_READWRITE);
	va = guest_area(process, SHARED_PAGES * PAGE);
	guest_vad_add_view(process, va, shared);
	for (size_t i = 0; i < SHARED_PAGES / 2; i++) {
		shared->frames[i] = guest_frame_of_text(guest);
		paging_map(process->space, va + i * PAGE, shared->frames[i],
			   PAGE_USER | PAGE_WRITE);
	}
}

/* Where the loader's heap lies: below 16 MB on Windows 7 (in the program's own range), in the
 * first terabytes, randomised, from Windows 8 on. What else is allocated follows it. */
static void new_user_part(struct guest_process *process, uint64_t heap)
{
	struct guest *guest = process->guest;
	struct util_random *random = &guest->random;
	paging_map(process->space, USER_SHARED, guest->shared_user_frame, PAGE_USER);
	guest_vad_add(process, USER_SHARED, PAGE, PROTECTION_READONLY)->commit = true;
	bool low = guest->build < 9200 || guest->pointer == 4;
	process->heap =
		low ? 0x200000 + util_random_below(random, guest->pointer == 8 ? 0x80 : 0x40) *
					 0x10000
		    : (UINT64_C(0x100) << 32) + util_random_below(random, 0x1000000) * 0x10000;
	process->heap = heap ? heap : process->heap;
	process->heap_end = process->heap;
	process->heap_limit = process->heap + HEAP_RESERVED;
	guest_vad_add(process, process->heap, HEAP_RESERVED, PROTECTION_READWRITE);
	process->area = low ? 0x2000000 : process->heap_limit;
	new_peb(process);
	if (process->wow64)
		guest_wow64_new(process);
	new_stack(process);
	map_data(process);
}

uint64_t guest_heap_alloc(struct guest_process *process, uint64_t size)
{
	enum { HEAP_ENTRY = 16 };
	uint64_t va = process->heap + HEAP_ENTRY;
	process->heap = util_round_up(va + size, HEAP_ENTRY);
	if (process->heap > process->heap_limit)
		util_die("%s (%u): its heap is full", process->name, process->pid);
	while (process->heap_end < process->heap) {
		paging_map_new(process->space, process->heap_end, PAGE, PAGE_USER | PAGE_WRITE);
		process->heap_end += PAGE;
	}
	/* what lies between blocks differs from image to image */
	paging_put(process->space, va - 8, util_random(&process->guest->random), 8);
	return va;
}

static void load_modules(struct guest_process *process, const struct guest_process_options *options)
{
	struct guest_module *program = guest_load_program(process, options->name);
	free(program->path);
	program->path = util_strdup(process->path);
	process->program = program->image->section;
	guest_load(process, "ntdll.dll");
	if (process->wow64) {
		guest_load(process, "wow64.dll");
		guest_load(process, "wow64win.dll");
		guest_load(process, "wow64cpu.dll");
		guest_load32(process, "ntdll.dll");
		guest_load32(process, "kernel32.dll");
		guest_load32(process, "kernelbase.dll");
	} else if (!options->native) {
		guest_load(process, "kernel32.dll");
		guest_load(process, "kernelbase.dll");
	}
	guest_link_program(process);
	guest_put(process->guest, process->guest->kernel, process->eprocess, "_EPROCESS",
		  "SectionBaseAddress", program->base, process->guest->pointer);
}

struct guest_process *guest_process_new(struct guest *guest,
					const struct guest_process_options *options)
{
	struct guest_process *process = util_alloc(1, sizeof(*process));
	process->guest = guest;
	process->pid = options->pid;
	process->ppid = options->ppid;
	process->session = options->session;
	process->wow64 = options->wow64;
	process->name = util_strdup(options->name);
	process->create_time = guest->boot_time + guest->process_count * 12345678 +
			       util_random_below(&guest->random, 1000000);
	bool system = !guest->process_count;
	process->space = system ? guest->kernel
				: paging_new(paging_arch_of(guest->kernel), guest->ram,
					     guest->kernel, 0, guest->self_index, &guest->swizzle);
	if (!options->kernel_only) {
		const char *folder = options->folder  ? options->folder
				     : options->wow64 ? "C:\\Windows\\SysWOW64"
						      : "C:\\Windows\\System32";
		process->path = util_printf("%s\\%s", folder, options->name);
		process->command_line =
			util_printf("%s%s%s", process->path, options->arguments ? " " : "",
				    options->arguments ? options->arguments : "");
		new_user_part(process, options->heap);
	}
	*util_push(guest->processes, guest->process_count, guest->process_capacity) = process;
	new_eprocess(process);
	if (!options->kernel_only)
		load_modules(process, options);
	new_thread(process, process->module_count ? process->modules[0]->base + 0x1000
						  : guest->kernel_base + 0x1000);
	return process;
}
