/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scenarios of import lists that have to be rebuilt: see scenario.h. */
#include <writer/scenario.h>

#include <writer/packer.h>

enum { EXECUTE_READWRITE = 6 };

static struct guest_process *start(struct guest *guest, uint32_t pid, const char *name)
{
	return scenario_start(guest, pid, name, false);
}

/* The packed file of a file, with the list that it declares. */
static struct guest_image *add_packed(struct guest *guest, const char *name,
				      const struct guest_image *original)
{
	size_t size, capacity = 0;
	uint8_t *data = packer_pack(original->data, original->data_size, &size);
	struct guest_image *image = guest_add_image(guest, name, data, size);
	for (size_t i = 0; packer_stub_imports[i]; i++) {
		char *line = util_printf("kernel32.%s", packer_stub_imports[i]);
		for (char *c = line; *c; c++)
			*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
		*util_push(image->imports, image->import_count, capacity) = line;
	}
	return image;
}

static void packed(struct guest *guest)
{
	struct guest_image *original = guest_find_image(guest, "unpacked.exe");
	add_packed(guest, "packed.exe", original);
	struct guest_process *process = start(guest, 5000, "packed.exe");
	struct guest_module *program = process->modules[0];
	guest_unpack(process, program);
	process->damage = program->damage = "packed";
	program->holds = "unpacked.exe";
	guest_note_slots(process, "packed", original, program->base);
}

/*
 * The same program, which has got some functions by GetProcAddress since: their addresses lie with
 * its data, in the section that the packer made of all.
 */
static void packed_with_own_table(struct guest *guest)
{
	static const char *const functions[] = {"GetTickCount", "ReadFile",	  "WriteFile",
						"CloseHandle",	"GetLastError",	  "Sleep",
						"CreateFileW",	"SetLastError",	  "HeapAlloc",
						"HeapFree",	"GetProcAddress", "VirtualAlloc"};
	struct guest_image *original = guest_find_image(guest, "unpacked.exe");
	struct guest_process *process = start(guest, 5004, "packed.exe");
	struct guest_module *program = process->modules[0];
	guest_unpack(process, program);
	process->damage = program->damage = "packed-own-table";
	program->holds = "unpacked.exe";
	guest_note_slots(process, "packed-own-table", original, program->base);
	/* .data comes behind .text */
	uint64_t slot = program->base + original->pe->sections[1].rva + 0x40;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		uint64_t address = guest_resolve(process, "kernel32.dll", functions[i], 0);
		if (!address)
			util_die("kernel32.dll has no %s", functions[i]);
		paging_put(process->space, slot, address, guest->pointer);
		slot += guest->pointer;
	}
}

void tampered_packed(struct guest *guest)
{
	packed(guest);
	packed_with_own_table(guest);
}

/* A PE written into the process as a loader would lay it out; with `wiped`, its first page is gone. */
static uint64_t inject(struct guest_process *process, const char *name,
		       const struct guest_image *image, bool wiped)
{
	process->damage = name ? name : process->damage;
	return guest_inject(process,
			    &(struct guest_injection){
				    .name = name,
				    .kind = "reflective",
				    .image = image,
				    .protection = EXECUTE_READWRITE,
				    .wiped = wiped,
				    .flags = wiped ? "no-header" : NULL,
			    })
		->base;
}

/* Its first page gone; with `erased`, its names too. */
static void inject_wiped(struct guest *guest, uint32_t pid, const char *name, const char *file,
			 bool erased)
{
	struct guest_process *process = start(guest, pid, "cmd.exe");
	struct guest_image *image = guest_find_image(guest, file);
	uint64_t base = inject(process, name, image, true);
	guest_note_slots(process, name, image, base);
	guest_resolve_delayed(process, image, base, 2);
	if (erased)
		guest_erase_imports(process->space, image, base);
}

/* One whose own loader keeps its table on the heap, and no names. */
static void inject_with_table_on_heap(struct guest *guest, uint32_t pid, const char *name,
				      const char *file)
{
	struct guest_process *process = start(guest, pid, "cmd.exe");
	struct guest_image *image = guest_find_image(guest, file);
	uint64_t base = inject(process, name, image, false);
	guest_table_on_heap(process, name, image, base, GUEST_REACH_NUMBER);
	guest_erase_imports(process->space, image, base);
}

/* A DLL that its process loads as any other; with `erased`, its import names go afterwards. */
static struct guest_process *load(struct guest *guest, uint32_t pid, const char *name,
				  const char *file, bool erased)
{
	struct guest_process *process = start(guest, pid, "cmd.exe");
	struct guest_module *module = guest_load(process, file);
	if (!module)
		util_die("there is no DLL %s", file);
	module->damage = process->damage = name;
	guest_note_slots(process, name, module->image, module->base);
	/* all of them where only the header tells what they are */
	guest_resolve_delayed(process, module->image, module->base, erased ? 1 : 2);
	if (erased)
		guest_erase_imports(process->space, module->image, module->base);
	return process;
}

/* File offset of an RVA. */
static uint32_t offset_in_file(const struct guest_image *image, uint32_t rva)
{
	const uint8_t *nt = image->data + image->pe->nt;
	const uint8_t *section = nt + 24 + util_get(nt + 20, 2);
	for (uint64_t i = util_get(nt + 6, 2); i; i--, section += 40) {
		uint32_t start = (uint32_t)util_get(section + 12, 4);
		if (rva >= start && rva - start < util_get(section + 16, 4))
			return rva - start + (uint32_t)util_get(section + 20, 4);
	}
	util_die("%s: RVA %#x is in no section", image->name, rva);
}

/*
 * Makes of a file one that is bound, as bind.exe does: addresses in the address tables, -1 for the
 * time in the descriptors, and the directory of bound imports behind the section headers.
 */
static void bind(struct guest *guest, struct guest_image *image)
{
	struct pefile *pe = image->pe;
	const unsigned int width = pe->pe32_plus ? 8 : 4;
	for (size_t i = 0; i < pe->import_count; i++) {
		const struct pefile_import *import = &pe->imports[i];
		const struct pefile *from = guest_find_image(guest, import->dll)->pe;
		const struct pefile_export *export = pefile_find_export(from, import->function);
		uint64_t address = from->image_base + (export ? export->rva : 0);
		util_put(image->data + offset_in_file(image, import->slot), address, width);
	}
	uint8_t *nt = image->data + pe->nt, *optional = nt + 24;
	uint32_t size, at = pefile_directory(pe, 1, &size), count = 0;
	uint32_t start =
		pe->nt + 24 + (uint32_t)util_get(nt + 20, 2) + 40 * (uint32_t)util_get(nt + 6, 2);
	for (; util_get(pe->mapped + at + 20 * count + 12, 4); count++)
		;
	uint32_t text = start + 8 * (count + 1);
	for (uint32_t i = 0; i < count; i++, at += 20) {
		const char *dll = (const char *)pe->mapped + util_get(pe->mapped + at + 12, 4);
		uint8_t *descriptor = image->data + offset_in_file(image, at);
		uint8_t *bound = image->data + start + 8 * i;
		util_put(descriptor + 4, UINT32_MAX, 4);
		util_put(descriptor + 8, UINT32_MAX, 4);
		util_put(bound, guest_find_image(guest, dll)->pe->time_stamp, 4);
		util_put(bound + 4, text - start, 2);
		memcpy(image->data + text, dll, strlen(dll) + 1);
		text += (uint32_t)strlen(dll) + 1;
	}
	uint8_t *directory = optional + (pe->pe32_plus ? 112 : 96) + 11 * 8;
	util_put(directory, start, 4);
	util_put(directory + 4, text - start, 4);
	image->pe = pefile_parse(image->data, image->data_size, image->name);
	pefile_free(pe);
}

/* 32-bit code on 64-bit Windows. */
static void hook_wow64(struct guest *guest)
{
	static const struct {
		uint32_t pid;
		const char *name;
		enum guest_hooks how;
	} hooks[] = {
		{5072, "hooked-wow64", GUEST_HOOKS_PAGE},
		{5076, "hooked-wow64-unknown", GUEST_HOOKS_LOST},
		{5080, "hooked-wow64-near", GUEST_HOOKS_NEAR},
	};
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		struct guest_process *process =
			scenario_start(guest, hooks[i].pid, "cmd.exe", true);
		struct guest_module *module = guest_load32(process, "hooked.dll");
		module->damage = process->damage = hooks[i].name;
		guest_note_slots(process, hooks[i].name, module->image, module->base);
		guest_hook(process, module, hooks[i].how, 0);
	}
}

void tampered_tables(struct guest *guest)
{
	inject_wiped(guest, 5004, "wiped", "keylog.dll", false);
	inject_wiped(guest, 5008, "wiped-erased", "beacon.dll", true);
	inject_wiped(guest, 5012, "wiped-delayed", "lazy.dll", true);
	load(guest, 5016, "delayed", "lazy.dll", false);
	load(guest, 5020, "delayed-erased", "lazy.dll", true);
	bind(guest, guest_find_image(guest, "bound.dll"));
	load(guest, 5024, "bound", "bound.dll", false);
	load(guest, 5028, "ordinals", "numbers.dll", false);
	load(guest, 5032, "ordinals-erased", "numbers.dll", true);
	load(guest, 5036, "api-sets", "contract.dll", false);
	struct guest_process *blob = start(guest, 5040, "cmd.exe");
	guest_blob(blob, "blob");
	blob->damage = "blob";
	guest_blobs_side_by_side(start(guest, 5084, "cmd.exe"), "around", "beside",
				 guest_find_image(guest, "beacon.dll"));
	inject_with_table_on_heap(guest, 5060, "heap", "beacon.dll");
	static const struct {
		uint32_t pid;
		const char *name;
		bool erased;
		enum guest_hooks how;
	} hooks[] = {
		{5044, "hooked", false, GUEST_HOOKS_NEAR},
		{5048, "hooked-unknown", false, GUEST_HOOKS_LOST},
		{5052, "hooked-erased", true, GUEST_HOOKS_NEAR},
		{5056, "hooked-unknown-erased", true, GUEST_HOOKS_LOST},
		{5064, "hooked-data", false, GUEST_HOOKS_PAGE},
		{5068, "hooked-into", false, GUEST_HOOKS_INTO},
	};
	enum { HOOKS = sizeof(hooks) / sizeof(hooks[0]) };
	struct guest_process *hooked[HOOKS];
	for (size_t i = 0; i < HOOKS; i++)
		hooked[i] = load(guest, hooks[i].pid, hooks[i].name, "hooked.dll", hooks[i].erased);
	struct guest_module *driver = guest_load_driver(guest, "filter.sys");
	driver->damage = "driver-erased";
	guest_note_slots(guest->processes[0], "driver-erased", driver->image, driver->base);
	guest_erase_imports(guest->kernel, driver->image, driver->base);
	/* last: where a trampoline lies, no DLL may come to lie */
	for (size_t i = 0; i < HOOKS; i++) {
		uint64_t into = 0;
		if (hooks[i].how == GUEST_HOOKS_INTO)
			into = inject(hooked[i], NULL, guest_find_image(guest, "beacon.dll"),
				      false);
		guest_hook(hooked[i], scenario_module(hooked[i], "hooked.dll"), hooks[i].how, into);
	}
	if (guest->pointer == 8)
		hook_wow64(guest);
}
