/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making a unit: finding what a process consists of, that is, the modules that its loader or the
 * kernel has in its lists and code that no loader put there, and examining all of it.
 */
#include "scan/unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "scan/examine.h"
#include "scan/finding.h"
#include "scan/finding_cache.h"
#include "scan/helpers.h"
#include "scan/hooks.h"
#include "scan/managed.h"
#include "scan/module_file.h"
#include "scan/module_rebuild.h"
#include "scan/plain_data.h"

#define PID_SYSTEM 4

/* As impfuzzy for Volatility calls it. */
#define INJECTED_NAME "INJECTED CODE"

/* More regions of one process that hooks lead into are counted, not listed. */
#define HOOK_TARGETS_MOST 64

/* Images are loaded at multiples of this. */
#define LOAD_GRANULARITY 0x10000

/* What reading a command line counts: of the longest that is read. */
#define COMMAND_LINE_STEPS 64

/* Bytes of usual ones; each byte beyond, which may have to be escaped, is a step in each row. */
#define USUAL_LINE 256

/* What examining a module counts, beside what it does. */
#define MODULE_STEPS 50

static const char *copy_path(struct modules *modules, const struct vad *vad)
{
	const char *path = strings_copy(&modules->names.strings, vad->file);
	return path ? path : "";
}

static struct module *add_injected(struct modules *modules, const struct injected *injected)
{
	struct module *module = modules_add(modules, injected->base);
	module->size = injected->size;
	module->name = INJECTED_NAME;
	module->path = copy_path(modules, injected->vad);
	module->found_in = FOUND_PRIVATE;
	module->injected = true;
	module->file_layout = injected->file_layout;
	return module;
}

/*
 * Adds an image of a dump that no list has and that may be one of the loader's: where it is not
 * known what those are, nothing tells.
 */
static void add_unlisted(struct modules *modules, const struct injected *image)
{
	struct module *module = modules_add(modules, image->base);
	module->size = image->size;
	module->found_in = FOUND_HEADERS;
	modules->unknown_found++;
}

/* May the loader have put it there? It maps images to multiples of 64 kB. */
static bool may_be_loaded(const struct modules *modules, const struct injected *image)
{
	return modules_unknown(modules, image->pe32_plus ? 8 : 4) && !image->file_layout &&
	       image->base % LOAD_GRANULARITY == 0;
}

/*
 * A region that has no PE header: does it hold, or refer to, a table of resolved APIs? Then its
 * module is filled in, with the pointer size that has the longer list.
 */
static void judge_region(struct unit_maps *maps, struct worker *worker,
			 const struct injected *injected, struct module *module)
{
	for (unsigned int size = maps->context->windows->pointer_size; size >= 4; size -= 4) {
		if (!export_map_count(unit_map(maps, size)))
			continue;
		_cleanup_opened_module_ struct opened_module opened = {0};
		module_open_region(&opened, maps->view, injected->used, injected->used_size, size);
		opened.inner = injected->inner;
		opened.inner_count = injected->inner_count;
		module_rebuild(maps, &opened, &worker->rebuilt);
		size_t count = worker->rebuilt.list_count ? worker->rebuilt.lists[0].count : 0;
		if (count >= RESOLVED_LEAST && count > module->resolved) {
			module->resolved = count;
			module->pointer_size = size;
		}
	}
}

/* Keeps the first sentence on what was cut off. */
static void note_damage(struct modules *modules, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void note_damage(struct modules *modules, const char *format, ...)
{
	if (modules->damage[0])
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(modules->damage, sizeof(modules->damage), format, args);
	va_end(args);
}

/* The PEs that no loader put there. */
static void add_injections(struct view *view, struct modules *modules,
			   struct injections *injections)
{
	_cleanup_regions_ struct regions regions = {0};
	view_regions(view, &regions);
	view_injections(view, &regions, injections);
	note_damage(modules, "%s", regions.damage);
	note_damage(modules, "%s", injections->damage);
	size_t known = modules->count;
	for (size_t i = 0; i < injections->count; i++) {
		const struct injected *injected = &injections->items[i];
		struct module *listed = modules_at(modules, injected->base);
		if (listed && (size_t)(listed - modules->items) < known) {
			listed->found_in |= FOUND_PRIVATE;
			listed->file_layout = !injected->no_header && injected->file_layout;
		} else if (!injected->no_header && may_be_loaded(modules, injected)) {
			add_unlisted(modules, injected);
		} else if (!injected->no_header) {
			add_injected(modules, injected);
		}
	}
}

/* Adds the modules of regions that have no header. */
static void add_regions(struct unit_maps *maps, const struct module *found, size_t count,
			struct modules *modules)
{
	for (size_t i = 0; i < count; i++) {
		struct module *module = modules_add(modules, found[i].base);
		*module = found[i];
		module->name = INJECTED_NAME;
		module->found_in = FOUND_PRIVATE;
		module->injected = true;
		module->flags = MODULE_NO_HEADER;
		if (module->pointer_size < maps->context->windows->pointer_size)
			module->flags |= MODULE_WOW64;
	}
}

/* As judge_region(), by a helper. */
static bool help_with_region(struct helper *helper, size_t i, struct helped *helped)
{
	const struct injected *injected = &helper->maps.injections.items[i];
	if (!injected->no_header || modules_at(&helper->modules, injected->base) ||
	    !budget_spend(&helper->budget, MODULE_STEPS))
		return false;
	helper->worker.rebuilt.cut = NULL;
	judge_region(&helper->maps, &helper->worker, injected, &helped->module);
	helped->cut = helper->worker.rebuilt.cut;
	return true;
}

/*
 * What a region without a header has; false: the budget ended. `cut` receives what was cut off, or
 * NULL.
 */
static bool judge_number(struct unit_maps *maps, struct worker *worker, struct helpers *helpers,
			 size_t i, struct module *module, const char **cut)
{
	const struct helped *helped = helpers_take(helpers, i);
	*module = (struct module){0};
	worker->rebuilt.cut = NULL;
	if (helped) {
		*module = helped->module;
		*cut = helped->cut;
		return true;
	}
	if (!budget_spend(maps->view->budget, MODULE_STEPS))
		return false;
	judge_region(maps, worker, &maps->injections.items[i], module);
	*cut = worker->rebuilt.cut;
	return true;
}

/* Regions without a header. They need the exports of all modules, so they come last. */
static void add_headerless(struct unit_maps *maps, struct worker *worker, struct helpers *helpers,
			   struct modules *modules)
{
	const struct injections *injections = &maps->injections;
	_cleanup_free_ struct module *found = NULL;
	size_t count = 0, capacity = 0;
	helpers_begin(helpers, &(struct helped_work){injections->count, help_with_region});
	for (size_t i = 0; i < injections->count; i++) {
		const struct injected *injected = &injections->items[i];
		struct module module;
		const char *cut = NULL;
		if (!injected->no_header || modules_at(modules, injected->base))
			continue;
		if (!judge_number(maps, worker, helpers, i, &module, &cut)) {
			modules_note_cut(modules, "search of regions without a header");
			break;
		}
		if (cut)
			note_damage(modules, "region at 0x%llx: %s",
				    (unsigned long long)injected->base, cut);
		if (module.resolved < RESOLVED_LEAST)
			continue;
		module.base = injected->base;
		module.size = injected->size;
		module.used = injected->used;
		module.used_size = injected->used_size;
		module.inner = injected->inner;
		module.inner_count = injected->inner_count;
		module.path = copy_path(modules, injected->vad);
		*array_push(found, count, capacity) = module;
	}
	helpers_end(helpers);
	add_regions(maps, found, count, modules);
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
	const bool known = view->vads.count && !view->vads.damage[0];
	/* Of a dump of a process the two may be all that is known. */
	if (!process->peb || (!known && !windows->dump) ||
	    !space_pointer(view->space,
			   process->peb + profile_offset(windows->profile, PEB_ImageBaseAddress),
			   windows->pointer_size, &base) ||
	    !base)
		return;
	const struct vad *vad = vads_find(&view->vads, base);
	bool replaced = known && (!vad || vad->kind != VAD_IMAGE);
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

void unit_find_modules(struct unit_maps *maps, struct worker *worker, struct helpers *helpers,
		       const struct process *process, struct modules *modules)
{
	const struct unit_context *context = maps->context;
	if (process->pid == PID_SYSTEM && !context->windows->dump) {
		windows_drivers(context->windows, maps->view, modules);
		return;
	}
	process_modules(context->windows, process, maps->view, modules);
	add_injections(maps->view, modules, &maps->injections);
	/* What has no header has no names either, only addresses that would have to be resolved. */
	if (!context->options->fast)
		add_headerless(maps, worker, helpers, modules);
	judge_image(context, process, maps->view, modules);
	note_damage(modules, "%s", maps->view->vads.damage);
}

static void open_and_examine(struct unit_maps *maps, struct worker *worker,
			     struct opened_module *opened, struct module *module,
			     struct finding *finding)
{
	module_open(opened, maps->context, maps->view, module, MODULE_OPEN_RECORD);
	examine(maps, worker, opened, module, finding);
	if (budget_exceeded(maps->view->budget))
		finding_add_reason(finding, alloc_strdup("not wholly examined: the image's budget "
							 "of work is used up"));
}

/*
 * As examine_one(), by a helper: of the loader's modules. What of the others is data depends on
 * those before them.
 */
static bool help_with_module(struct helper *helper, size_t i, struct helped *helped)
{
	_cleanup_opened_module_ struct opened_module opened = {0};
	struct module *module = &helper->modules.items[i];
	struct hooks *hooks = &helper->worker.hooks;
	if (module->injected || module->copy || !budget_spend(&helper->budget, MODULE_STEPS))
		return false;
	hooks->count = 0;
	helped->finding = alloc_new(struct finding);
	open_and_examine(&helper->maps, &helper->worker, &opened, module, helped->finding);
	helped->module = *module;
	helped->hook_count = hooks->count;
	for (size_t h = 0, room = 0, count = 0; h < hooks->count; h++)
		*array_push(helped->hooks, count, room) = hooks->items[h];
	return true;
}

/* Takes what a helper found out of a module. */
static void take_helped(struct helped *helped, struct worker *worker, struct module *module,
			struct finding *finding)
{
	struct hooks *hooks = &worker->hooks;
	*module = helped->module;
	*finding = *helped->finding;
	*helped->finding = (struct finding){0};
	for (size_t h = 0; h < helped->hook_count; h++)
		*array_push(hooks->items, hooks->count, hooks->capacity) = helped->hooks[h];
}

/* Examines a module, and writes it as a file where one is asked for. */
static void examine_one(struct unit_maps *maps, struct worker *worker,
			const struct process *process, struct unit *unit, struct module *module,
			struct finding *finding)
{
	_cleanup_opened_module_ struct opened_module opened = {0};
	if (module->copy) {
		finding->data = true;
		unit->data++;
		return;
	}
	open_and_examine(maps, worker, &opened, module, finding);
	finding->data = is_plain_data(maps->view, unit, &opened, module, finding);
	unit->data += finding->data;
	if (finding->data)
		return;
	dump_module(maps, worker, process, &opened, module, finding);
}

/* A row for a region that hooks lead into and that has none so far; returns its number. */
static size_t add_hook_row(struct view *view, struct unit *unit, const struct hook_target *target)
{
	const struct vad *vad = vads_find(&view->vads, target->start);
	const struct module *from = &unit->modules.items[target->sources[0].module];
	unsigned int pointer_size = from->flags & MODULE_WOW64 ? 4 : 0;
	size_t number = unit->modules.count;
	struct module *module = modules_add(&unit->modules, vad->start);
	module->size = vad->end - vad->start + 1;
	module->name = INJECTED_NAME;
	module->path = copy_path(&unit->modules, vad);
	module->found_in = FOUND_PRIVATE;
	module->injected = true;
	module->pointer_size = pointer_size;
	unit->findings = alloc_resize(unit->findings, number + 1, sizeof(*unit->findings));
	unit->findings[number] = (struct finding){.status = IMPORTS_NOT_PE, .readable = 1};
	return number;
}

/*
 * Where slots lead that lead into no image: rows of their own, or a flag of the row that is there.
 */
static void add_hook_targets(struct unit_maps *maps, struct worker *worker,
			     const struct process *process, struct unit *unit)
{
	_cleanup_hook_targets_ struct hook_targets targets;
	hook_targets_find(&targets, maps->view, &unit->modules, &worker->hooks, HOOK_TARGETS_MOST);
	for (size_t i = 0; i < targets.count; i++) {
		struct hook_target *target = &targets.items[i];
		bool known = target->row != HOOK_NO_ROW;
		size_t row = known ? target->row : add_hook_row(maps->view, unit, target);
		struct module *module = &unit->modules.items[row];
		struct finding *finding = &unit->findings[row];
		module->flags |= MODULE_HOOK_TARGET;
		if (!known) {
			dump_module(maps, worker, process, NULL, module, finding);
		} else if (maps->context->options->dump_directory && !finding->dump) {
			/*
			 * It was not wanted before and may be now: its lists are needed for that.
			 */
			finding_free(finding);
			*finding = (struct finding){0};
			examine_one(maps, worker, process, unit, module, finding);
		}
		finding_add_reason(finding, hook_target_reason(target, &unit->modules));
	}
	if (address_set_count(&targets.more))
		snprintf(unit->note, sizeof(unit->note),
			 "import slots lead into %zu more regions that are no images",
			 address_set_count(&targets.more));
}

/* Examines the modules, as far as the budget goes. */
static void examine_all(struct unit_maps *maps, struct worker *worker, struct helpers *helpers,
			const struct process *process, struct unit *unit)
{
	helpers_begin(helpers, &(struct helped_work){unit->modules.count, help_with_module});
	for (size_t i = 0; i < unit->modules.count; i++) {
		struct module *module = &unit->modules.items[i];
		struct finding *finding = &unit->findings[i];
		struct helped *helped = helpers_take(helpers, i);
		if (helped) {
			take_helped(helped, worker, module, finding);
			continue;
		}
		if (!budget_spend(maps->view->budget, MODULE_STEPS)) {
			finding->status = IMPORTS_UNREADABLE;
			finding->reason = alloc_strdup(NOT_EXAMINED);
			continue;
		}
		examine_one(maps, worker, process, unit, module, finding);
	}
	helpers_end(helpers);
}

/*
 * A command line is printed in the row of each module. Nearly all have at most USUAL_LINE bytes; of
 * a longer one each byte beyond is a step in each row, about as of long names (windows/name.c).
 */
static void count_command_line(struct unit *unit)
{
	size_t length = unit->command_line ? strlen(unit->command_line) : 0;
	if (length > USUAL_LINE)
		(void)budget_spend(&unit->budget, (length - USUAL_LINE) * unit->modules.count);
}

/* `help`: other threads may. */
static struct unit *make_unit(const struct unit_context *context, struct worker *worker,
			      const struct process *process, size_t number,
			      const struct budget *budget, bool help)
{
	struct unit *unit = alloc_new(struct unit);
	unit->context = context;
	_cleanup_view_ struct view view;
	_cleanup_unit_maps_ struct unit_maps maps;
	unit->budget = *budget;
	view_open(&view, context->windows, process, &unit->budget);
	(void)budget_spend(&unit->budget, COMMAND_LINE_STEPS);
	unit->command_line = process_command_line(context->windows, process, view.space);
	unit_maps_init(&maps, context, &view, process, &unit->modules);
	worker->unit = number;
	worker->files.count = 0;
	worker->dump_budget = (struct budget){.limit = maps.tables.limit};
	_cleanup_helpers_ struct helpers *helpers = help ? helpers_new(&maps) : NULL;
	unit_find_modules(&maps, worker, helpers, process, &unit->modules);
	managed_find(&maps, &unit->modules);
	count_command_line(unit);
	unit->findings = alloc_zero(unit->modules.count, sizeof(*unit->findings));
	worker->hooks.count = 0;
	examine_all(&maps, worker, helpers, process, unit);
	if (worker->hooks.count)
		add_hook_targets(&maps, worker, process, unit);
	if (maps.left_out)
		note_damage(&unit->modules,
			    "exports of %zu modules were left out: they are too many",
			    maps.left_out);
	if (maps.api_sets_refused)
		note_damage(&unit->modules,
			    "API set schema makes no sense: common sets are assumed");
	worker->imports.budget = NULL; /* was the unit's */
	unit->cut = !unit_maps_close(&maps) || view.cut;
	unit->cut |= !budget_spend(&unit->budget, worker->dump_budget.spent);
	return unit;
}

struct unit *unit_make(const struct unit_context *context, struct worker *worker,
		       const struct process *process, size_t number, const struct budget *budget)
{
	struct unit *unit = make_unit(context, worker, process, number, budget, true);
	if (!unit->cut || !context->windows->dump || context->options->threads < 2)
		return unit;
	/* What a budget leaves undone is to be the same as with one thread. */
	unit_free(unit);
	return make_unit(context, worker, process, number, budget, false);
}

void unit_free(struct unit *unit)
{
	if (!unit)
		return;
	for (size_t i = 0; i < unit->modules.count; i++) {
		finding_free(&unit->findings[i]);
		if (!unit->handed_out)
			dump_forget(unit->context, unit->findings[i].dump);
		dump_free(unit->findings[i].dump);
	}
	free(unit->findings);
	free(unit->command_line);
	modules_free(&unit->modules);
	free(unit);
}

size_t unit_memory(const struct unit *unit)
{
	const struct modules *modules = unit ? &unit->modules : NULL;
	if (!unit)
		return 0;
	size_t others = 0;
	for (size_t i = 0; i < modules->count; i++)
		others += unit->findings[i].rebuilt_others.count;
	/* A reason is a sentence. */
	return modules->count * (sizeof(struct module) + sizeof(struct finding) + 64) +
	       others * OTHER_LIST_MEMORY + modules->names.strings.bytes +
	       (unit->command_line ? strlen(unit->command_line) : 0);
}
