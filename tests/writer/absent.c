/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages that are not there, put where a scan needs them: import directories and names, export
 * tables, headers, PEBs, loader entries, names of mapped files. See scenario.h.
 */
#include <writer/scenario.h>

enum { DIRECTORY_EXPORTS = 0, DIRECTORY_IMPORTS = 1, DESCRIPTOR = 20 };

struct guest_module *scenario_module(const struct guest_process *process, const char *name)
{
	for (size_t i = 0; i < process->module_count; i++) {
		if (util_same_name(process->modules[i]->image->name, name))
			return process->modules[i];
	}
	util_die("%s (%u) has no %s", process->name, process->pid, name);
}

/* The compressed store takes pages where the build has one. */
static enum page_state stored(const struct guest *guest)
{
	return guest_compresses(guest) ? PAGE_COMPRESSED : PAGE_PAGEFILE;
}

static bool is_private(const struct guest_module *module, uint64_t page)
{
	return module->image->patched[page] || (module->image->flags[page] & PAGE_WRITE);
}

/* Which of two states a page takes depends on whether it is a private copy. PAGE_COMPRESSED: all
 * become copies, as few pages are. */
struct states {
	enum page_state shared;
	enum page_state copied;
};

static void set_page(struct guest_process *process, const struct guest_module *module, uint64_t rva,
		     struct states states)
{
	uint64_t page = rva / PAGE;
	if (states.copied == PAGE_COMPRESSED) {
		guest_copy_state(process, module->base + page * PAGE, states.copied);
		return;
	}
	guest_set_state(process, module->base + page * PAGE,
			is_private(module, page) ? states.copied : states.shared);
}

static void set_pages(struct guest_process *process, const struct guest_module *module,
		      uint64_t rva, uint64_t size, struct states states)
{
	for (uint64_t at = rva & ~(PAGE - 1); at < rva + size; at += PAGE)
		set_page(process, module, at, states);
}

/* Descriptors, lookup tables, names of functions and DLLs. */
static void imports_absent(struct guest_process *process, struct guest_module *module,
			   struct states states)
{
	const struct pefile *pe = module->image->pe;
	uint32_t size, directory = pefile_directory(pe, DIRECTORY_IMPORTS, &size);
	if (!directory)
		util_die("%s imports nothing", module->name);
	set_pages(process, module, directory, size, states);
	for (uint32_t at = directory; util_get(pe->mapped + at + 12, 4); at += DESCRIPTOR) {
		set_page(process, module, util_get(pe->mapped + at, 4), states);
		set_page(process, module, util_get(pe->mapped + at + 12, 4), states);
	}
	for (size_t i = 0; i < pe->import_count; i++) {
		if (pe->imports[i].function)
			set_page(process, module,
				 (uint64_t)((const uint8_t *)pe->imports[i].function - pe->mapped),
				 states);
	}
}

static void exports_absent(struct guest_process *process, struct guest_module *module,
			   struct states states)
{
	uint32_t size, directory = pefile_directory(module->image->pe, DIRECTORY_EXPORTS, &size);
	if (!directory)
		util_die("%s exports nothing", module->name);
	set_pages(process, module, directory, size, states);
}

static void header_absent(struct guest_process *process, struct guest_module *module,
			  struct states states)
{
	set_pages(process, module, 0, module->image->pe->headers, states);
}

void absent_modules(struct guest *guest)
{
	static const struct {
		uint32_t pid;
		const char *module;
		void (*part)(struct guest_process *process, struct guest_module *module,
			     struct states states);
		struct states states;
		const char *name;
	} cases[] = {
		{728,
		 "svchost.exe",
		 imports_absent,
		 {PAGE_PROTOTYPE, PAGE_TRANSITION},
		 "imports-proto"},
		{848,
		 "svchost.exe",
		 imports_absent,
		 {PAGE_LOOKUP, PAGE_PAGEFILE},
		 "imports-lookup"},
		{1020, "svchost.exe", imports_absent, {PAGE_ZERO, PAGE_PAGEFILE}, "imports-zero"},
		{2212, "explorer.exe", imports_absent, {PAGE_FILE, PAGE_PAGEFILE}, "imports-file"},
		{2212,
		 "ADVAPI32.dll",
		 imports_absent,
		 {PAGE_ZERO, PAGE_TRANSITION},
		 "imports-zero"},
		{604,
		 "ADVAPI32.dll",
		 imports_absent,
		 {PAGE_LOOKUP, PAGE_PAGEFILE},
		 "imports-lookup"},
		{4012, "invoice.exe", imports_absent, {PAGE_ZERO, PAGE_PAGEFILE}, "imports-zero"},
		{4012,
		 "helper.dll",
		 imports_absent,
		 {PAGE_PROTOTYPE, PAGE_PAGEFILE},
		 "imports-proto"},
		{4012, "WININET.dll", imports_absent, {PAGE_FILE, PAGE_TRANSITION}, "imports-file"},
		{616,
		 "RPCRT4.dll",
		 exports_absent,
		 {PAGE_PROTOTYPE, PAGE_TRANSITION},
		 "exports-proto"},
		{728, "KERNEL32.DLL", exports_absent, {PAGE_ZERO, PAGE_PAGEFILE}, "exports-zero"},
		{2212,
		 "USER32.dll",
		 exports_absent,
		 {PAGE_LOOKUP, PAGE_TRANSITION},
		 "exports-lookup"},
		{2212, "OLEAUT32.dll", exports_absent, {PAGE_FILE, PAGE_PAGEFILE}, "exports-file"},
		{848, "ntdll.dll", header_absent, {PAGE_ZERO, PAGE_TRANSITION}, "header-zero"},
		{1020,
		 "WS2_32.dll",
		 header_absent,
		 {PAGE_LOOKUP, PAGE_TRANSITION},
		 "header-lookup"},
		{580,
		 "USER32.dll",
		 header_absent,
		 {PAGE_PROTOTYPE, PAGE_TRANSITION},
		 "header-proto"},
		{2212, "SHLWAPI.dll", header_absent, {PAGE_FILE, PAGE_TRANSITION}, "header-file"},
		{616,
		 "lsass.exe",
		 imports_absent,
		 {PAGE_COMPRESSED, PAGE_COMPRESSED},
		 "imports-compressed"},
		{2212,
		 "ole32.dll",
		 imports_absent,
		 {PAGE_COMPRESSED, PAGE_COMPRESSED},
		 "imports-compressed"},
		{616,
		 "CRYPT32.dll",
		 exports_absent,
		 {PAGE_COMPRESSED, PAGE_COMPRESSED},
		 "exports-compressed"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct guest_process *process = scenario_process(guest, cases[i].pid);
		struct guest_module *module = scenario_module(process, cases[i].module);
		if (cases[i].states.copied == PAGE_COMPRESSED && !guest_compresses(guest))
			continue;
		cases[i].part(process, module, cases[i].states);
		module->damage = cases[i].name;
	}
}

void absent_loader_data(struct guest *guest)
{
	const struct {
		uint32_t pid;
		enum page_state state;
	} pebs[] = {{512, PAGE_TRANSITION}, {604, PAGE_PAGEFILE}, {580, stored(guest)}};
	for (size_t i = 0; i < sizeof(pebs) / sizeof(pebs[0]); i++) {
		struct guest_process *process = scenario_process(guest, pebs[i].pid);
		guest_set_state(process, process->peb, pebs[i].state);
		process->damage = pebs[i].state == PAGE_TRANSITION ? "peb-transition"
				  : pebs[i].state == PAGE_PAGEFILE ? "peb-pagefile"
								   : "peb-compressed";
	}
	struct guest_process *trimmed = scenario_process(guest, 3344);
	struct guest_process *paged = scenario_process(guest, 3120);
	for (uint64_t va = trimmed->ldr; va < trimmed->heap_end; va += PAGE)
		guest_set_state(trimmed, va, PAGE_TRANSITION);
	trimmed->damage = "entries-transition";
	guest_set_state(paged, scenario_module(paged, "msvcrt.dll")->entry, PAGE_PAGEFILE);
	paged->damage = "entries-pagefile";
}

void absent_file_names(struct guest *guest)
{
	struct guest_process *process = scenario_process(guest, 2212);
	scenario_module(process, "GDI32.dll")->image->section->name_state = PAGE_TRANSITION;
	scenario_module(process, "ole32.dll")->image->section->name_state = PAGE_PAGEFILE;
	scenario_module(process, "USER32.dll")->image->section->name_state = stored(guest);
	guest->locale->name_state = PAGE_PAGEFILE;
}

/* A page's state, drawn of four; shared pages are copied for those that only private ones have,
 * and private ones have no prototype PTE. */
static void move_out(struct guest_process *process, const struct guest_vad *vad, uint64_t va,
		     bool shared)
{
	static const enum page_state prototypes[] = {PAGE_PROTOTYPE, PAGE_LOOKUP, PAGE_ZERO};
	static const enum page_state private_states[] = {PAGE_TRANSITION, PAGE_PAGEFILE,
							 PAGE_COMPRESSED};
	struct guest *guest = process->guest;
	size_t count = guest_compresses(guest) ? 3 : 2;
	size_t n = util_random_below(&guest->random, shared ? count + 1 : count);
	if (n < count && (!shared || vad->section->image))
		guest_copy_state(process, va, private_states[n]);
	else
		guest_set_state(process, va, prototypes[util_random_below(&guest->random, 3)]);
}

/* Is the page one of the first `count` that were given a state? */
static bool has_state(const struct guest_process *process, uint64_t va, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (process->guest->states[i].process == process &&
		    process->guest->states[i].va == va)
			return true;
	return false;
}

void absent_at_random(struct guest *guest, unsigned int percent)
{
	const size_t before = guest->state_count;
	for (size_t i = 0; i < guest->process_count; i++) {
		struct guest_process *process = guest->processes[i];
		for (size_t k = 0; k < process->vad_count; k++) {
			const struct guest_vad *vad = process->vads[k];
			for (uint64_t va = vad->start; va < vad->end; va += PAGE) {
				uint64_t physical;
				if (!paging_translate(process->space, va, &physical) ||
				    physical == guest->shared_user_frame ||
				    has_state(process, va, before) ||
				    util_random_below(&guest->random, 100) >= percent)
					continue;
				bool shared =
					vad->section &&
					vad->section->frames[(va - vad->start) / PAGE] == physical;
				move_out(process, vad, va, shared);
			}
		}
	}
}
