/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mapping PE files and resolving their imports as the memory manager and the loader do. See
 * guest.h.
 *
 * A file has one base per boot (its image section is relocated once and shared), so a DLL lies at
 * the same address in every process, and what nobody writes to lies in the same frames.
 */
#include <writer/guest.h>

#include <stdio.h>

enum { ALLOCATION_GRANULARITY = 0x10000, FORWARD_DEPTH = 8, PROTECTION_EXECUTE_READ = 3 };

static void mark_pages(struct guest_image *image)
{
	const struct pefile *pe = image->pe;
	size_t pages = pe->size / PAGE;
	image->flags = util_alloc(pages, sizeof(*image->flags));
	image->patched = util_alloc(pages, sizeof(*image->patched));
	for (size_t i = 0; i < pe->section_count; i++) {
		const struct pefile_section *section = &pe->sections[i];
		for (uint64_t rva = section->rva; rva < (uint64_t)section->rva + section->size;
		     rva += PAGE) {
			if (section->flags & PEFILE_EXECUTE)
				image->flags[rva / PAGE] |= PAGE_EXECUTE;
			if (section->flags & PEFILE_WRITE)
				image->flags[rva / PAGE] |= PAGE_WRITE;
		}
	}
	for (size_t i = 0; i < pe->import_count; i++) {
		image->patched[pe->imports[i].slot / PAGE] = true;
		/* a slot never crosses a page: address tables are aligned */
	}
}

/* Windows 7 places what every process has below 2 GB and the rest below 8 TB; from 8 on all of it
 * lies in the uppermost 64 GB of the 128 TB. */
static uint64_t *area_of(struct guest *guest, const struct guest_image *image)
{
	const char *dot = strrchr(image->name, '.');
	bool program = dot && util_same_name(dot, ".exe");
	if (image->wow64)
		return program ? &guest->program_area32 : &guest->user_area32;
	if (program)
		return &guest->program_area;
	if (util_same_name(image->name, "ntdll.dll") ||
	    (guest->build < 9200 && (util_same_name(image->name, "kernel32.dll") ||
				     util_same_name(image->name, "user32.dll"))))
		return &guest->native_area;
	return &guest->user_area;
}

/* Its name is known when the machine is finished: a scenario may move a file. */
static struct guest_section *new_section(struct guest *guest, struct guest_image *image)
{
	struct guest_section *section = guest_section_new(guest, "", image->pe->size / PAGE, 0);
	section->image = image;
	return section;
}

static void place(struct guest *guest, struct guest_image *image, bool user)
{
	if (!image->base) {
		if (user) {
			uint64_t *area = area_of(guest, image);
			uint64_t gap =
				util_random_below(&guest->random, 4) * ALLOCATION_GRANULARITY;
			*area -= util_round_up(image->pe->size, ALLOCATION_GRANULARITY) + gap;
			image->base = *area;
		} else {
			image->base = guest->driver_area;
			guest->driver_area +=
				image->pe->size + util_random_below(&guest->random, 8) * PAGE;
		}
	}
	image->relocated = util_alloc(image->pe->size, 1);
	memcpy(image->relocated, image->pe->mapped, image->pe->size);
	pefile_relocate(image->pe, image->relocated, image->base);
	mark_pages(image);
}

static uint64_t new_frame(struct guest *guest, const struct guest_image *image, size_t page)
{
	uint64_t frame = ram_take(guest->ram);
	memcpy(ram_at(guest->ram, frame), image->relocated + page * PAGE, PAGE);
	return frame;
}

uint64_t guest_map_image(struct guest *guest, struct paging *space, struct guest_image *image,
			 bool user)
{
	if (!image->relocated)
		place(guest, image, user);
	if (user && !image->section)
		image->section = new_section(guest, image);
	for (size_t page = 0; page < image->pe->size / PAGE; page++) {
		unsigned int flags = image->flags[page] | (user ? PAGE_USER : 0);
		uint64_t frame;
		if (!user || image->patched[page] || (flags & PAGE_WRITE)) {
			frame = new_frame(guest, image, page);
			/* the loader puts the address table's protection back: read-only, written */
			flags |= PAGE_DIRTY;
		} else {
			if (!image->section->frames[page])
				image->section->frames[page] = new_frame(guest, image, page);
			frame = image->section->frames[page];
		}
		paging_map(space, image->base + page * PAGE, frame, flags);
	}
	return image->base;
}

static struct guest_module *find_module(struct guest_module **modules, size_t count,
					const char *name, bool wow64)
{
	for (size_t i = 0; i < count; i++) {
		if (util_same_name(modules[i]->image->name, name) && modules[i]->wow64 == wow64)
			return modules[i];
	}
	return NULL;
}

/* Splits "NTDLL.RtlAllocateHeap" or "OLEAUT32.#2" into a DLL's file name and the rest. */
static const char *split_forward(const char *forward, char *dll, size_t size)
{
	const char *dot = strrchr(forward, '.');
	if (!dot)
		util_die("a forwarder without a dot: %s", forward);
	snprintf(dll, size, "%.*s.dll", (int)(dot - forward), forward);
	return dot + 1;
}

static struct guest_module *load(struct guest_process *process, const char *name, bool wow64)
{
	return wow64 ? guest_load32(process, name) : guest_load(process, name);
}

/* An imported function: of which module, by name or ordinal. */
struct wanted {
	const char *dll;
	const char *function; /* NULL: by ordinal */
	uint32_t ordinal;
	bool wow64;
	const char *importer; /* the module that asks: API sets may differ */
};

/* The address of an export; 0 when it can't be resolved. Forwarders load what they lead to. */
static uint64_t resolve(struct guest_process *process, const struct wanted *wanted,
			unsigned int depth)
{
	struct guest_module *module =
		load(process, guest_api_set_host(process->guest, wanted->dll, wanted->importer),
		     wanted->wow64);
	if (!module || depth > FORWARD_DEPTH)
		return 0;
	const struct pefile *pe = module->image->pe;
	const struct pefile_export *export = wanted->function
						     ? pefile_find_export(pe, wanted->function)
						     : pefile_find_ordinal(pe, wanted->ordinal);
	if (!export)
		return 0;
	if (!export->forward)
		return module->base + export->rva;
	char target[256];
	const char *name = split_forward(export->forward, target, sizeof(target));
	struct wanted next = {.dll = target,
			      .function = name,
			      .wow64 = wanted->wow64,
			      .importer = module->image->name};
	if (*name == '#') {
		next.function = NULL;
		next.ordinal = (uint32_t)strtoul(name + 1, NULL, 10);
	}
	return resolve(process, &next, depth + 1);
}

uint64_t guest_resolve(struct guest_process *process, const char *dll, const char *function,
		       uint32_t ordinal)
{
	return resolve(
		process,
		&(struct wanted){
			.dll = dll, .function = function, .ordinal = ordinal, .importer = ""},
		0);
}

/* Where an import leads that nobody exports: a function of the process's own that raises. */
static uint64_t stub_address(struct guest_process *process, uint32_t n)
{
	if (!process->stub) {
		uint8_t code[PAGE];
		memset(code, 0xcc, sizeof(code));
		process->stub = guest_region_new32(process, PAGE, PROTECTION_EXECUTE_READ,
						   PAGE_EXECUTE, process->wow64);
		paging_write(process->space, process->stub, code, sizeof(code));
	}
	return process->stub + n * 16 % PAGE;
}

static void snap(struct guest_process *process, const struct guest_image *image, uint64_t base)
{
	const struct pefile *pe = image->pe;
	for (size_t i = 0; i < pe->import_count; i++) {
		const struct pefile_import *import = &pe->imports[i];
		uint64_t address = resolve(process,
					   &(struct wanted){.dll = import->dll,
							    .function = import->function,
							    .ordinal = import->ordinal,
							    .wow64 = image->wow64,
							    .importer = image->name},
					   0);
		if (!address)
			address = stub_address(process, (uint32_t)i);
		paging_put(process->space, base + import->slot, address, pe->pe32_plus ? 8 : 4);
	}
}

static void load_dependencies(struct guest_process *process, const struct guest_image *image)
{
	const struct pefile *pe = image->pe;
	for (size_t i = 0; i < pe->import_count; i++) {
		if (!i || strcmp(pe->imports[i].dll, pe->imports[i - 1].dll))
			load(process,
			     guest_api_set_host(process->guest, pe->imports[i].dll, image->name),
			     image->wow64);
	}
}

static struct guest_module *map(struct guest_process *process, struct guest_image *image)
{
	struct guest_module *module = util_alloc(1, sizeof(*module));
	module->image = image;
	module->wow64 = image->wow64;
	module->native = !image->wow64;
	module->base = guest_map_image(process->guest, process->space, image, true);
	guest_vad_add_view(process, module->base, image->section);
	module->name = util_strdup(image->name);
	module->path = util_printf("C:\\Windows\\%s\\%s", image->wow64 ? "SysWOW64" : "System32",
				   image->name);
	module->in_load = module->in_memory = true;
	*util_push(process->modules, process->module_count, process->module_capacity) = module;
	return module;
}

struct guest_module *guest_note_module(struct guest_process *process, struct guest_image *image,
				       uint64_t base)
{
	struct guest_module *module = util_alloc(1, sizeof(*module));
	module->image = image;
	module->base = base;
	module->name = util_strdup(image->name);
	module->path = util_printf("C:\\Windows\\System32\\%s", image->name);
	*util_push(process->modules, process->module_count, process->module_capacity) = module;
	return module;
}

void guest_module_free(struct guest_module *module)
{
	free(module->name);
	free(module->path);
	free(module->units);
	free(module);
}

void guest_link_injection(struct guest_process *process, const struct guest_injection *injection)
{
	load_dependencies(process, injection->image);
	snap(process, injection->image, injection->base);
}

static struct guest_module *load_image(struct guest_process *process, struct guest_image *image)
{
	struct guest_module *module = map(process, image);
	load_dependencies(process, image);
	snap(process, image, module->base);
	module->in_init = true;
	module->init_order = image->wow64 ? ++process->initialised32 : ++process->initialised;
	return module;
}

struct guest_module *guest_load(struct guest_process *process, const char *name)
{
	struct guest_module *module =
		find_module(process->modules, process->module_count, name, false);
	struct guest_image *image = module ? NULL : guest_find_image(process->guest, name);
	return image ? load_image(process, image) : module;
}

struct guest_module *guest_load32(struct guest_process *process, const char *name)
{
	struct guest_module *module =
		find_module(process->modules, process->module_count, name, true);
	struct guest_image *image = module ? NULL : guest_find_image32(process->guest, name);
	return image ? load_image(process, image) : module;
}

struct guest_module *guest_load_program(struct guest_process *process, const char *name)
{
	struct guest_image *image = process->wow64 ? guest_find_image32(process->guest, name)
						   : guest_find_image(process->guest, name);
	if (!image)
		util_die("there is no program %s", name);
	struct guest_module *module = map(process, image);
	module->native = true;
	return module;
}

void guest_link_program(struct guest_process *process)
{
	load_dependencies(process, process->modules[0]->image);
	snap(process, process->modules[0]->image, process->modules[0]->base);
}

void guest_link_driver(struct guest *guest, struct guest_module *driver)
{
	const struct pefile *pe = driver->image->pe;
	for (size_t i = 0; i < pe->import_count; i++) {
		const struct pefile_import *import = &pe->imports[i];
		struct guest_module *from =
			find_module(guest->drivers, guest->driver_count, import->dll, false);
		const struct pefile_export *export = NULL;
		if (from)
			export = import->function
					 ? pefile_find_export(from->image->pe, import->function)
					 : pefile_find_ordinal(from->image->pe, import->ordinal);
		if (export && !export->forward)
			paging_put_pointer(guest->kernel, driver->base + import->slot,
					   from->base + export->rva);
	}
}
