/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be wrong in an image: see scenario.h. */
#include <writer/scenario.h>

#define ENTRY "_LDR_DATA_TABLE_ENTRY"

enum { IMPORT_DIRECTORY = 1 };

/* User addresses nothing is ever mapped at. */
#define NOWHERE	   UINT64_C(0x66600000000)
#define NOWHERE_32 UINT64_C(0x7a000000)

static void rename_module(struct guest_module *module, const uint16_t *units, size_t count)
{
	module->units = util_alloc(count, 2);
	module->units_size = count * 2;
	for (size_t i = 0; i < count; i++)
		util_put(module->units + 2 * i, units[i], 2);
	module->damage = "strange-name";
}

void damage_strange_names(struct guest_process *process)
{
	static const uint16_t controls[] = {'a',  0x1b, '[', '3', '1', 'm',
					    0x07, '\n', '.', 'd', 'l', 'l'};
	static const uint16_t lone_high[] = {'b', 0xd800, 'c', '.', 'd', 'l', 'l'};
	static const uint16_t lone_low[] = {0xdc00, 'd', '.', 'd', 'l', 'l', 0xdbff};
	static const uint16_t quotes[] = {'e', '"', ',', '\'', ';', '|', ' ', '.', 'd', 'l', 'l'};
	static const uint16_t turned[] = {0x202e, 'l', 'l', 'd', '.', 0x4e2d, 0xd83d, 0xde00};
	rename_module(scenario_module(process, "GDI32.dll"), controls, sizeof(controls) / 2);
	rename_module(scenario_module(process, "USER32.dll"), lone_high, sizeof(lone_high) / 2);
	rename_module(scenario_module(process, "msvcrt.dll"), lone_low, sizeof(lone_low) / 2);
	rename_module(scenario_module(process, "SHELL32.dll"), quotes, sizeof(quotes) / 2);
	rename_module(scenario_module(process, "ole32.dll"), turned, sizeof(turned) / 2);
}

static uint64_t load_links(const struct guest_process *process, size_t n)
{
	if (n >= process->module_count)
		util_die("%s (%u) has no module %zu", process->name, process->pid, n);
	return process->modules[n]->entry +
	       offset_of(process->guest->layout, ENTRY, "InLoadOrderLinks");
}

void damage_cyclic_list(struct guest_process *process)
{
	size_t last = process->module_count - 1;
	paging_put_pointer(process->space, load_links(process, last), load_links(process, 1));
	process->damage = "cyclic-list";
}

void damage_cut_list(struct guest_process *process, size_t n)
{
	paging_put_pointer(process->space, load_links(process, n),
			   process->guest->pointer == 8 ? NOWHERE : NOWHERE_32);
	process->damage = "cut-list";
}

/* A page that is nowhere. Of a section it is also gone from the prototype PTE, though others may
 * have it still: the image was taken while the machine ran. */
static void make_absent(struct guest_process *process, uint64_t va)
{
	uint64_t physical;
	const struct guest_vad *vad = guest_vad_find(process, va);
	va &= ~(PAGE - 1);
	if (paging_translate(process->space, va, &physical))
		paging_set_state(process->space, va, PAGE_ZERO);
	if (vad && vad->section) {
		size_t page = (va - vad->start) / PAGE;
		vad->section->frames[page] = 0;
		vad->section->states[page] = PAGE_FILE;
	}
}

void damage_import_names_absent(struct guest_process *process, const char *name)
{
	struct guest_module *module = scenario_module(process, name);
	const struct pefile *pe = module->image->pe;
	for (size_t i = 0; i < pe->import_count; i++) {
		const char *function = pe->imports[i].function;
		if (function)
			make_absent(process, module->base + (uint64_t)((const uint8_t *)function -
								       pe->mapped));
	}
	module->damage = "import-names-absent";
}

void damage_header_absent(struct guest_process *process, const char *name)
{
	struct guest_module *module = scenario_module(process, name);
	make_absent(process, module->base);
	module->damage = "header-absent";
}

void damage_import_directory_zeroed(struct guest_process *process, const char *name)
{
	struct guest_module *module = scenario_module(process, name);
	const struct pefile *pe = module->image->pe;
	uint64_t field =
		module->base + pe->nt + 24 + (pe->pe32_plus ? 112 : 96) + IMPORT_DIRECTORY * 8;
	uint64_t va = field & ~(PAGE - 1);
	uint8_t page[PAGE];
	paging_read(process->space, va, page, PAGE);
	/* the page is shared: writing to it makes a copy, as in Windows */
	paging_map_new(process->space, va, PAGE, PAGE_USER);
	paging_write(process->space, va, page, PAGE);
	paging_put(process->space, field, 0, 8);
	module->damage = "import-directory-zeroed";
}

void damage_peb_absent(struct guest_process *process)
{
	make_absent(process, process->peb);
	process->damage = "peb-absent";
}

void damage_entry_absent(struct guest_process *process, const char *name)
{
	uint64_t page = scenario_module(process, name)->entry & ~(PAGE - 1);
	make_absent(process, page);
	for (size_t i = 0; i < process->module_count; i++) {
		struct guest_module *module = process->modules[i];
		uint64_t end = module->entry + size_of(process->guest->layout, ENTRY);
		if (module->entry < page + PAGE && end > page)
			module->damage = "entry-absent";
	}
	process->damage = "entry-absent";
}
