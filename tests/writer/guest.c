/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The machine as a whole: where its parts lie, in which order they are made, and what comes last.
 * See guest.h.
 *
 * Facts: regions of the kernel's address space by version from "Windows Internals", 6th and 7th
 * editions, part 1, chapter "Memory Management"; they are fixed up to Windows 10 1511 and drawn at
 * each boot from 1607 (build 14393) on.
 */
#include <writer/guest.h>

enum {
	SELF_INDEX_FIXED = 0x1ed,
	SELF_INDEX_32 = 0x300,
	FIRST_RANDOM_BUILD = 14393,
	FIRST_MASKED_BUILD = 15063,
	LAST_RANDOM_INDEX = 480, /* above lie the system's fixed regions */
	TRANSITION_ONE_IN = 24,
};

/* Up to Windows 7 a 32-bit build has a kernel without PAE, which the table describes, and one with;
 * their structures differ in page table entries only, which are alike in all PAE kernels of that
 * time: this one's are in the table. */
#define PAE_BUILD   "7601"
#define PAE_VARIANT "win7_sp1_x86_24000"

static uint64_t region(unsigned int index)
{
	return UINT64_C(0xffff000000000000) | (uint64_t)index << 39;
}

static void place_random(struct guest *guest)
{
	struct util_random *random = &guest->random;
	unsigned int index[3];
	for (unsigned int i = 0; i < 3;) {
		index[i] = 256 + (unsigned int)util_random_below(random, LAST_RANDOM_INDEX - 256);
		bool taken = false;
		for (unsigned int k = 0; k < i; k++)
			taken |= index[k] == index[i];
		i += !taken;
	}
	guest->self_index = index[0];
	guest->pool_area[GUEST_NONPAGED] =
		region(index[1]) + util_random_below(random, 0x40000) * 0x200000;
	guest->pool_area[GUEST_PAGED] =
		region(index[2]) + util_random_below(random, 0x40000) * 0x200000;
}

static void place_32(struct guest *guest)
{
	struct util_random *random = &guest->random;
	bool old = guest->build < 6000;
	guest->self_index = SELF_INDEX_32;
	guest->kernel_base =
		old ? 0x804d7000 : 0x82800000 + util_random_below(random, 0x200) * PAGE;
	guest->pool_area[GUEST_NONPAGED] = old ? 0x81a00000 : 0x85000000;
	guest->pool_area[GUEST_PAGED] = old ? 0xe1000000 : 0x8e000000;
	guest->driver_area = old ? 0xf8000000 : 0x8a000000;
	guest->pte_base = old ? 0xe1000000 : 0x80000000;
	guest->subsection_base = old ? 0x81a00000 : 0;
	guest->native_area = 0x77c00000 - util_random_below(random, 0x20) * 0x10000;
	guest->user_area = 0x76f00000 - util_random_below(random, 0x80) * 0x10000;
	guest->program_area = 0x1700000 - util_random_below(random, 0x10) * 0x10000;
}

static void place(struct guest *guest)
{
	if (guest->pointer == 4) {
		place_32(guest);
		return;
	}
	struct util_random *random = &guest->random;
	guest->self_index = SELF_INDEX_FIXED;
	guest->user_area32 = 0x75000000 + util_random_below(random, 0x80) * 0x10000;
	guest->program_area32 = 0x2000000 - util_random_below(random, 0x40) * 0x10000;
	const uint64_t kernel_range = UINT64_C(0xfffff80000000000);
	if (guest->build < 9200) {
		guest->pool_area[GUEST_NONPAGED] =
			UINT64_C(0xfffffa8000c00000) + util_random_below(random, 0x100000) * PAGE;
		guest->pool_area[GUEST_PAGED] = UINT64_C(0xfffff8a000000000);
		guest->kernel_base =
			kernel_range + 0x2a00000 + util_random_below(random, 0x400) * PAGE;
		guest->driver_area =
			UINT64_C(0xfffff88000c00000) + util_random_below(random, 0x400) * PAGE;
		guest->native_area = 0x77900000 + util_random_below(random, 0x20) * 0x10000;
		guest->user_area =
			UINT64_C(0x7feff000000) + util_random_below(random, 0x80) * 0x10000;
		guest->program_area =
			UINT64_C(0x140000000) - util_random_below(random, 0x80) * 0x10000;
		return;
	}
	if (guest->build < FIRST_RANDOM_BUILD) {
		guest->pool_area[GUEST_NONPAGED] =
			UINT64_C(0xffffe00000000000) + util_random_below(random, 0x1000000) * PAGE;
		guest->pool_area[GUEST_PAGED] =
			UINT64_C(0xffffc00000000000) + util_random_below(random, 0x1000000) * PAGE;
	} else {
		place_random(guest);
	}
	/* page-aligned up to 1809, at a large page's start from 1903 on */
	uint64_t unit = guest->build < 18362 ? PAGE : 0x200000;
	guest->kernel_base = kernel_range + 0x100000000 +
			     util_random_below(random, UINT64_C(0x600000000) / unit) * unit;
	guest->driver_area =
		kernel_range + UINT64_C(0x800000000) + util_random_below(random, 0x10000) * PAGE;
	if (guest->build < 9600) { /* Windows 8's processes have 8 TB, those after it 128 */
		guest->native_area =
			UINT64_C(0x7fe00000000) - util_random_below(random, 0x1000) * 0x10000;
		guest->user_area = guest->native_area - 0x2000000;
		guest->program_area =
			UINT64_C(0x7f700000000) - util_random_below(random, 0x1000) * 0x10000;
		return;
	}
	guest->native_area = UINT64_C(0x7ffe00000000) - util_random_below(random, 0x1000) * 0x10000;
	guest->user_area = guest->native_area - 0x2000000;
	guest->program_area =
		UINT64_C(0x7ff700000000) - util_random_below(random, 0x1000) * 0x10000;
}

static void new_sessions(struct guest *guest)
{
	for (uint32_t i = 0; i < 2; i++) {
		guest->sessions[i] = guest_pool_alloc(guest, GUEST_NONPAGED, 0x200, "MmSe");
		paging_put(guest->kernel, guest->sessions[i] + 8, i, 4); /* SessionId */
		guest_list_init(guest->kernel, guest->sessions[i] + 16);
	}
}

static void load_drivers(struct guest *guest)
{
	static const char *const names[] = {"hal.dll",	 "fltmgr.sys", "Ntfs.sys",   "NDIS.SYS",
					    "tcpip.sys", "afd.sys",    "win32k.sys", "monitor.sys"};
	struct guest_image *kernel = guest_find_image(guest, "ntoskrnl.exe");
	guest_enter_driver(guest, kernel, guest->kernel_base,
			   "\\SystemRoot\\system32\\ntoskrnl.exe");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		guest_load_driver(guest, names[i]);
}

static void new_kernel_processes(struct guest *guest)
{
	struct guest_process *system = guest_process_new(
		guest,
		&(struct guest_process_options){.name = "System", .pid = 4, .kernel_only = true});
	paging_put_pointer(guest->kernel, guest_symbol(guest, "PsInitialSystemProcess"),
			   system->eprocess);
	if (guest->build >= 17134)
		guest_process_new(guest, &(struct guest_process_options){.name = "Registry",
									 .pid = 88,
									 .ppid = 4,
									 .kernel_only = true});
	guest_store_new(guest);
}

/* The boot loader makes System's top table, always in the first megabytes: 0x187000 of Windows 7
 * and 0x1aa000 of Windows 10 are usual. */
static uint64_t system_root(struct guest *guest)
{
	uint64_t first = guest->pointer == 4 || guest->build < 9200 ? 0x187000 : 0x1a0000;
	return first + util_random_below(&guest->random, 16) * PAGE;
}

struct guest *guest_new(const struct guest_options *options)
{
	struct guest *guest = util_alloc(1, sizeof(*guest));
	guest->options = *options;
	guest->random.state = options->seed * UINT64_C(0x5851f42d4c957f2d) + 1;
	guest->layout =
		layout_load(options->structs, options->build, options->arch, options->variant);
	guest->build = layout_build(guest->layout);
	guest->pte_layout = guest->layout;
	if (options->pae && size_of(guest->layout, "_MMPTE") == 4)
		guest->pte_layout = layout_load(options->structs, PAE_BUILD, "x86", PAE_VARIANT);
	if (options->pte_build)
		guest->pte_layout =
			layout_load(options->structs, options->pte_build, options->arch, NULL);
	guest->pointer = size_of(guest->layout, "_LIST_ENTRY") / 2;
	guest->major = guest->build < 6000 ? 5 : guest->build < 10240 ? 6 : 10;
	guest->minor = guest->build < 3790    ? 1
		       : guest->build < 6000  ? 2
		       : guest->build < 7600  ? 0
		       : guest->build < 9200  ? 1
		       : guest->build < 9600  ? 2
		       : guest->build < 10240 ? 3
					      : 0;
	guest->boot_time = UINT64_C(133500000000000000) +
			   util_random_below(&guest->random, UINT64_C(10000000000000));
	guest->next_tid = 2000;
	if (layout_has(guest->pte_layout, "_MMPTE_TRANSITION", "SwizzleBit")) {
		/* of a processor with 46 bits of physical address; older builds without it */
		bool masked = guest->build >= FIRST_MASKED_BUILD && guest->pointer == 8;
		guest->swizzle.plain = !masked && !options->mask_given;
		guest->swizzle.mask = options->mask_given ? options->mask
				      : masked		  ? UINT64_C(1) << 45
							  : 0;
	}
	guest->pte_size = size_of(guest->pte_layout, "_MMPTE");
	place(guest);
	guest->ram = ram_new(options->memory, &options->hole, &guest->random);
	const struct paging_arch *arch = guest->pointer == 8	? &paging_arch_x64
					 : guest->pte_size == 8 ? &paging_arch_pae
								: &paging_arch_x86;
	guest->kernel = paging_new(arch, guest->ram, NULL, system_root(guest), guest->self_index,
				   &guest->swizzle);
	guest_api_sets_new(guest);
	guest_kernel_new(guest);
	guest_kernel_data_new(guest);
	new_sessions(guest);
	load_drivers(guest);
	new_kernel_processes(guest);
	guest_look_alikes_new(guest);
	return guest;
}

/* Trims some private pages of a process: the loader's heap, the modules' data. */
static void trim(struct guest_process *process)
{
	struct guest *guest = process->guest;
	for (size_t i = 0; i < process->module_count; i++) {
		const struct guest_module *module = process->modules[i];
		if (!module->image->section) /* no view of a file */
			continue;
		for (uint64_t page = 0; page < module->image->pe->size / PAGE; page++) {
			bool private_page = module->image->patched[page] ||
					    (module->image->flags[page] & PAGE_WRITE);
			uint64_t va = module->base + page * PAGE, physical;
			if (private_page && paging_translate(process->space, va, &physical) &&
			    !util_random_below(&guest->random, TRANSITION_ONE_IN))
				paging_set_state(process->space, va, PAGE_TRANSITION);
		}
	}
}

/* The page table a process runs on in user mode where the kernel is shadowed (from 1709 on, on
 * processors that need it): the user half, and of the kernel only its own entry code's entry. */
static void new_shadow(struct guest_process *process)
{
	struct guest *guest = process->guest;
	uint64_t frame = ram_take(guest->ram);
	const uint8_t *top = ram_at(guest->ram, paging_root(process->space));
	memcpy(ram_at(guest->ram, frame), top, 256 * 8);
	guest_put(guest, guest->kernel, process->eprocess, "_KPROCESS", "UserDirectoryTableBase",
		  frame | 1, 8);
}

/* The file of an image section, from the first process that has it in its lists. */
static void name_section(struct guest *guest, struct guest_section *section)
{
	for (size_t i = 0; i < guest->process_count; i++) {
		const struct guest_process *process = guest->processes[i];
		for (size_t k = 0; k < process->module_count; k++) {
			const struct guest_module *module = process->modules[k];
			if (module->image->section != section)
				continue;
			free(section->file);
			section->file = util_strdup(module->path + strlen("C:"));
			return;
		}
	}
}

static void write_sections(struct guest *guest)
{
	for (size_t i = 0; i < guest->section_count; i++) {
		if (guest->sections[i]->image)
			name_section(guest, guest->sections[i]);
		guest_section_write(guest, guest->sections[i]);
	}
}

/* The process keeps the section of its program. */
static void hold_program(struct guest_process *process)
{
	struct guest *guest = process->guest;
	const struct guest_section *section = process->program;
	if (!section)
		return;
	guest_put_pointer(guest, guest->kernel, process->eprocess, "_EPROCESS", "SectionObject",
			  guest_section_object_new(guest, section));
	if (layout_has(guest->layout, "_EPROCESS", "ImageFilePointer"))
		guest_put_pointer(guest, guest->kernel, process->eprocess, "_EPROCESS",
				  "ImageFilePointer", section->file_object);
}

void guest_finish(struct guest *guest)
{
	write_sections(guest);
	bool shadowed = layout_has(guest->layout, "_KPROCESS", "UserDirectoryTableBase") &&
			guest->build >= 17134 && guest->pointer == 8 &&
			guest->options.seed % 2 == 0;
	for (size_t i = 0; i < guest->process_count; i++) {
		struct guest_process *process = guest->processes[i];
		if (shadowed && process->peb)
			new_shadow(process);
		if (!guest->options.all_valid)
			trim(process);
		hold_program(process);
		guest_vads_write(process);
	}
	guest_apply_states(guest);
	guest_page_files_write(guest);
	guest_pfn_database_write(guest);
}

static void free_process(struct guest_process *process)
{
	if (process->space != process->guest->kernel)
		paging_free(process->space);
	for (size_t i = 0; i < process->module_count; i++)
		guest_module_free(process->modules[i]);
	free(process->modules);
	for (size_t i = 0; i < process->vad_count; i++)
		free(process->vads[i]);
	free(process->vads);
	free(process->injections);
	free(process->decoys);
	free(process->slots);
	free(process->hook_targets);
	free(process->name);
	free(process->path);
	free(process->command_line);
	free(process);
}

static void free_image(struct guest_image *image)
{
	for (size_t i = 0; i < image->import_count; i++)
		free(image->imports[i]);
	free(image->imports);
	pefile_free(image->pe);
	free(image->name);
	free(image->file);
	free(image->source);
	free(image->data);
	free(image->relocated);
	free(image->flags);
	free(image->patched);
	free(image);
}

void guest_free(struct guest *guest)
{
	for (size_t i = 0; i < guest->process_count; i++)
		free_process(guest->processes[i]);
	for (size_t i = 0; i < guest->driver_count; i++)
		guest_module_free(guest->drivers[i]);
	for (size_t i = 0; i < guest->image_count; i++)
		free_image(guest->images[i]);
	for (size_t i = 0; i < guest->symbol_count; i++)
		free(guest->symbols[i].name);
	for (size_t i = 0; i < guest->section_count; i++)
		guest_section_free(guest->sections[i]);
	free(guest->sections);
	free(guest->states);
	free(guest->pagefile);
	guest_store_free(guest);
	guest_api_sets_free(guest);
	guest_stand_ins_free(guest);
	free(guest->processes);
	free(guest->drivers);
	free(guest->images);
	free(guest->symbols);
	paging_free(guest->kernel);
	ram_free(guest->ram);
	if (guest->pte_layout != guest->layout)
		layout_free(guest->pte_layout);
	layout_free(guest->layout);
	free(guest);
}
