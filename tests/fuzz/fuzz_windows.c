/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine that is known, then damaged: processes, VADs, loader lists, regions, injected code and
 * modules' pages are read from it. Whatever the kernel and processes keep may be wrong; what is
 * read must be sound in itself, and come to an end.
 *
 *	input	byte 0: machine; byte 1: what to do; byte 2: of which process; then pieces of damage
 */
#include "machine_kinds.h"

#include <impscan/imports.h>
#include <impscan/module_reader.h>
#include <impscan/pe.h>
#include <impscan/region.h>

#define STEPS 300000

static void check_vads(const struct vads *vads)
{
	for (size_t i = 0; i < vads->count; i++) {
		const struct vad *vad = &vads->items[i];
		need(vad->start <= vad->end);
		need(!i || vads->items[i - 1].start <= vad->start);
		need(vad_protection_name(vad->protection) != NULL);
		const struct vad *found = vads_find(vads, vad->start);
		need(found && found->start <= vad->start && found->end >= vad->start);
	}
}

static void check_modules(const struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++) {
		const struct module *module = &modules->items[i];
		need(module->name && module->path && module->found_in);
		need(modules_at(modules, module->base)->base == module->base);
	}
}

/* The pages of the module's headers, its declared list, what was written to in its code. */
static void read_module(struct view *view, const struct module *module,
			struct neighbours *neighbours)
{
	_cleanup_module_reader_ struct module_reader reader = {0};
	_cleanup_pe_ struct pe pe = {0};
	_cleanup_imports_ struct imports imports = {0};
	module_reader_init(&reader, view->space, module->base, module->size);
	module_reader_section(&reader, view, neighbours);
	module_reader_record(&reader);
	pe_open(&pe, &reader.reader);
	if (pe.status != PE_OK)
		return;
	imports_declared(&imports, &pe);
	view_patched_pages(view, &pe, module->base);
	const struct vad *vad = vads_find(&view->vads, module->base);
	const struct own_pages *own = vad ? view_own_pages(view, vad) : NULL;
	need(!own || own_pages_next(own, 0, own->count) <= own->count);
}

static void read_injected(struct view *view)
{
	_cleanup_regions_ struct regions regions = {0};
	_cleanup_injections_ struct injections injections = {0};
	view_regions(view, &regions);
	for (size_t i = 0; i < regions.count; i++) {
		const struct region *region = &regions.items[i];
		need(region->committed >= region->executable);
		need(region->executable >= region->writable);
	}
	view_injections(view, &regions, &injections);
	for (size_t i = 0; i < injections.count; i++) {
		const struct injected *injected = &injections.items[i];
		need(injected->base >= injected->vad->start &&
		     injected->base <= injected->vad->end);
	}
}

static void read_process(struct written_machine *m, const struct processes *processes,
			 const struct process *process, unsigned int what)
{
	struct budget budget = {.limit = STEPS, .part = STEPS / 4};
	_cleanup_view_ struct view view = {0};
	_cleanup_modules_ struct modules modules = {0};
	_cleanup_neighbours_ struct neighbours *neighbours = NULL;
	view_open(&view, m->windows, process, &budget);
	check_vads(&view.vads);
	if (what & 1 || process->eprocess == m->windows->system)
		windows_drivers(m->windows, &view, &modules);
	else
		process_modules(m->windows, process, &view, &modules);
	check_modules(&modules);
	if (what & 2)
		read_injected(&view);
	if (what & 4)
		neighbours = neighbours_new(m->windows, processes);
	for (size_t i = 0; what & 8 && i < modules.count && i < 6; i++)
		read_module(&view, &modules.items[i], neighbours);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	struct before before[PIECES];
	struct written_machine *m = machine_of_kind(data[0]);
	unsigned int what = data[1];
	size_t pieces = damage_all(m, data + 3, size - 3, before);

	/* Processes as the damaged machine has them, or as they were known before. */
	_cleanup_processes_ struct processes found = {0};
	const struct processes *processes = &m->processes;
	if (what & 16) {
		windows_processes(m->windows, what == 0xff, 1, &found);
		processes = &found;
	}
	for (size_t i = 0; i < processes->count; i++)
		need(processes->items[i].name && processes->items[i].sources);
	if (processes->count)
		read_process(m, processes, &processes->items[data[2] % processes->count], what);
	mend_all(m, before, pieces);
	return 0;
}
