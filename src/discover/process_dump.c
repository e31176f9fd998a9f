/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Makes a machine of a dump of one process: what a kernel would tell of the process is taken from
 * the dump's streams and from the process's own TEBs and PEBs.
 */
#include "discover/process_dump.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/process_dump.h>
#include <impscan/text.h>
#include <impscan/view.h>

#include "discover/dump_parts.h"

/* IMAGE_FILE_HEADER.Characteristics, at this distance from the signature. */
#define CHARACTERISTICS	   22
#define CHARACTERISTIC_DLL 0x2000u

/* Bytes of the longest name that a file has: 255 units of UTF-16. It is printed in every row. */
#define NAME_MOST 765

/* The base of the program, by the dump's list of modules, which begins with it; 0: not known. */
static uint64_t program_base(const struct minidump *dump, struct space *space)
{
	uint32_t nt;
	uint16_t characteristics;
	if (!dump->module_count)
		return 0;
	uint64_t base = dump->modules[0].base;
	bool known = space_u32(space, base + 0x3c, &nt) &&
		     space_u16(space, base + nt + CHARACTERISTICS, &characteristics);
	return known && characteristics & CHARACTERISTIC_DLL ? 0 : base;
}

/*
 * What is doubtful of the process's number, which the caller frees; NULL: nothing. The tool had its
 * own from the kernel; the TEBs, to which the process can write, have the one it was made with.
 */
static char *pid_doubt(const struct minidump *minidump, const struct dump_pebs *pebs)
{
	if (!minidump->has_pid || !pebs->has_pid || minidump->pid == pebs->pid)
		return NULL;
	return alloc_printf(
		"the dump says that it is of process %u (MiscInfo), the process's TEB "
		"that it is %u: the former is shown; the TEB was changed, the dump was, "
		"or it was taken of a copy of the process",
		minidump->pid, pebs->pid);
}

/* Which kind of pointers and which PEBs the process has. */
static void find_pebs(struct windows *windows, struct space *space, char **doubt)
{
	const struct minidump *minidump = windows->dump->minidump;
	struct process *process = &windows->dump->process;
	struct dump_pebs pebs = dump_pebs_find(minidump, space);
	/*
	 * A 32-bit tool's dump of a WoW64 process is one of x86, and most often has nothing of the
	 * 64-bit side.
	 */
	bool wide = minidump->pointer_size == 8 || pebs.ldr64;
	windows->architecture = wide ? ARCHITECTURE_X64 : ARCHITECTURE_X86;
	windows->pointer_size = wide ? 8 : 4;
	windows->profile = profile_of_process(windows->architecture, windows->build);
	process->peb = wide ? pebs.peb64 : pebs.peb32;
	process->peb32 = wide ? pebs.peb32 : 0;
	process->wow64 = process->peb32;
	process->peb_lost = !process->peb;
	process->pid = minidump->has_pid ? minidump->pid : pebs.pid;
	*doubt = pid_doubt(minidump, &pebs);
}

/* The name of the program: that of the dump's first module, else of the module at its base. */
static char *program_name(const struct windows *windows, struct view *view,
			  const struct modules *modules)
{
	const struct minidump *minidump = windows->dump->minidump;
	const struct process *process = &windows->dump->process;
	uint64_t base = 0;
	if (minidump->module_count && *minidump->modules[0].path)
		return alloc_strndup(text_base_name(minidump->modules[0].path), NAME_MOST);
	if (process->peb)
		(void)windows_pointer(windows, view->space, process->peb, PEB_ImageBaseAddress,
				      &base);
	const struct module *module = modules_at(modules, base);
	return alloc_strdup(module ? module->name : "");
}

/* Finds the process in the dump: its PEBs, its memory, its name. */
static void find_process(struct windows *windows, char **doubt)
{
	struct process_dump *dump = windows->dump;
	struct process *process = &dump->process;
	_cleanup_view_ struct view view = {0};
	_cleanup_modules_ struct modules modules = {0};
	struct budget budget = {.limit = windows_work(windows) / 8};
	_cleanup_space_ struct space *space = windows_kernel_space(windows);
	process->sources = SOURCE_DUMP;
	find_pebs(windows, space, doubt);
	process->section_base_address = program_base(dump->minidump, space);
	view_open(&view, windows, process, &budget);
	process_modules(windows, process, &view, &modules);
	process->name = program_name(windows, &view, &modules);
	if (dump->minidump->has_regions)
		dump_vads_of_regions(dump->minidump, &dump->vads);
	else
		dump_vads_assumed(dump->minidump, space, &modules, &dump->vads);
}

struct windows *process_dump_open(const struct image *image, char **doubt)
{
	const struct minidump *minidump = image_minidump(image);
	struct windows *windows = alloc_new(struct windows);
	windows->image = image;
	windows->memory = memory_new(image, PAGING_RANGES);
	windows->build = minidump->build;
	windows->major = minidump->major;
	windows->minor = minidump->minor;
	windows->dump = alloc_new(struct process_dump);
	windows->dump->minidump = minidump;
	if (minidump->has_regions) {
		size_t count;
		_cleanup_free_ struct memory_range *ranges = dump_ranges(minidump, &count);
		memory_set_ranges(windows->memory, ranges, count);
	}
	find_process(windows, doubt);
	return windows;
}
