/*
 * What a process consists of: the modules that its loader or the kernel knows, and code where no
 * loader put it.
 */
#include "scan/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "scan/cache.h"

#define PID_SYSTEM 4

/* As impfuzzy for Volatility calls it. */
#define INJECTED_NAME "INJECTED CODE"

/* A region without a PE header is reported when this many resolved APIs stand together in it. */
#define RESOLVED_LEAST 8

static struct module *module_at(struct modules *modules, uint64_t base)
{
	for (size_t i = 0; i < modules->count; i++)
		if (modules->items[i].base == base)
			return &modules->items[i];
	return NULL;
}

static struct module *add_injected(struct modules *modules, const struct injected *injected)
{
	struct module *module = array_push(modules->items, modules->count, modules->capacity);
	*module = (struct module){
		.base = injected->base,
		.size = injected->size,
		.name = alloc_strdup(INJECTED_NAME),
		.path = alloc_strdup(injected->vad->file ? injected->vad->file : ""),
		.found_in = FOUND_PRIVATE,
		.injected = true,
		.file_layout = injected->file_layout,
	};
	return module;
}

/*
 * Does a region that has no PE header hold a table of resolved APIs? The maps are made when the
 * first such region asks.
 */
static size_t resolved_in(const struct unit_context *context, struct view *view,
			  const struct modules *modules, const struct injected *injected,
			  struct export_map *maps[2])
{
	size_t most = 0;
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int size = i ? 4 : 8;
		if (size > context->windows->pointer_size)
			continue;
		if (!maps[i])
			maps[i] = unit_export_map(context, view, modules, size);
		if (!export_map_count(maps[i]))
			continue;
		most = max_of(most, count_resolved(maps[i], view->space, injected->base,
						   injected->base + injected->size));
	}
	return most;
}

static void add_injections(const struct unit_context *context, struct view *view,
			   struct modules *modules)
{
	_cleanup_regions_ struct regions regions = {0};
	_cleanup_injections_ struct injections injections = {0};
	struct export_map *maps[2] = {NULL, NULL};
	view_regions(view, &regions);
	view_injections(view, &regions, &injections);
	size_t known = modules->count;
	for (size_t i = 0; i < injections.count; i++) {
		const struct injected *injected = &injections.items[i];
		struct module *listed = module_at(modules, injected->base);
		if (listed && (size_t)(listed - modules->items) < known) {
			listed->found_in |= FOUND_PRIVATE;
			listed->file_layout = !injected->no_header && injected->file_layout;
			continue;
		}
		if (!injected->no_header) {
			add_injected(modules, injected);
			continue;
		}
		size_t resolved = resolved_in(context, view, modules, injected, maps);
		if (resolved >= RESOLVED_LEAST) {
			struct module *module = add_injected(modules, injected);
			module->flags |= MODULE_NO_HEADER;
			module->resolved = resolved;
		}
	}
	export_map_free(maps[0]);
	export_map_free(maps[1]);
}

/*
 * Was the process's image replaced? The PEB names the image it runs, EPROCESS the section it was
 * started from: they agree, and an image section lies there.
 */
static void judge_image(const struct unit_context *context, const struct process *process,
			struct view *view, struct modules *modules)
{
	const struct windows *windows = context->windows;
	uint64_t base;
	if (!process->peb || !view->vads.count || view->vads.damage[0] ||
	    !space_pointer(view->space,
			   process->peb + profile_offset(windows->profile, PEB_ImageBaseAddress),
			   windows->pointer_size, &base) ||
	    !base)
		return;
	const struct vad *vad = vads_find(&view->vads, base);
	bool replaced = !vad || vad->kind != VAD_IMAGE;
	bool moved = process->section_base_address && process->section_base_address != base;
	if (!replaced && !moved)
		return;
	for (size_t i = 0; i < modules->count; i++) {
		struct module *module = &modules->items[i];
		if (module->base == base || (module->injected && module->base <= base &&
					     base - module->base < module->size)) {
			module->flags |= MODULE_HOLLOWED;
			module->flags &= ~(unsigned int)MODULE_STALE;
		}
	}
}

static void examine(const struct unit_context *context, struct worker *worker, struct view *view,
		    struct module *module, struct finding *finding)
{
	if (module->flags & MODULE_NO_HEADER) {
		finding->status = IMPORTS_NOT_PE;
		finding->reason =
			alloc_printf("no PE header, %zu resolved APIs together", module->resolved);
	} else if (module->file_layout) {
		examine_file(context, worker, view, module, finding);
	} else {
		examine_module(context, worker, view, module, finding);
	}
}

struct unit *unit_make(const struct unit_context *context, struct worker *worker,
		       const struct process *process)
{
	struct unit *unit = alloc_new(struct unit);
	_cleanup_view_ struct view view;
	view_open(&view, context->windows, process);
	if (process->pid == PID_SYSTEM) {
		windows_drivers(context->windows, view.kernel, &unit->modules);
	} else {
		process_modules(context->windows, process, &view, &unit->modules);
		add_injections(context, &view, &unit->modules);
		judge_image(context, process, &view, &unit->modules);
	}
	unit->findings = alloc_zero(unit->modules.count, sizeof(*unit->findings));
	for (size_t i = 0; i < unit->modules.count; i++)
		examine(context, worker, &view, &unit->modules.items[i], &unit->findings[i]);
	return unit;
}

void unit_free(struct unit *unit)
{
	for (size_t i = 0; i < unit->modules.count; i++)
		finding_free(&unit->findings[i]);
	free(unit->findings);
	modules_free(&unit->modules);
	free(unit);
}

void worker_free(struct worker *worker)
{
	imports_free(&worker->imports);
}
