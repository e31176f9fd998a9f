/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hooked import slots: which slots of a rebuilt list are hooked, and which regions they lead into.
 */
#include "scan/hooks.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/search.h>
#include <impscan/text.h>

/* Does an entry say that its slot should lead to an import and does not? */
static bool is_hook(const struct rebuilt *rebuilt, const struct rebuilt_entry *entry)
{
	if (!entry->present || !entry->value)
		return false;
	if (entry->hooked)
		return true;
	if (entry->kind != IMPORT_UNKNOWN || entry->table >= rebuilt->table_count)
		return false;
	/* Of a table found by its exports, what leads elsewhere may be anything. */
	return entry->source == REBUILT_IAT ||
	       (!rebuilt->tables[0].directory && !rebuilt->tables[entry->table].outside);
}

void hooks_collect(struct hooks *hooks, const struct rebuilt *rebuilt, size_t module)
{
	if (!rebuilt->hooked && !rebuilt->unknown)
		return;
	for (size_t i = 0; i < rebuilt->count; i++)
		if (is_hook(rebuilt, &rebuilt->entries[i]))
			*array_push(hooks->items, hooks->count, hooks->capacity) =
				(struct hook){rebuilt->entries[i].value, module};
}

/* A module in private memory. */
struct place {
	uint64_t base, size;
	size_t row;
};

struct places {
	struct place *items; /* by base */
	size_t count;
	size_t capacity;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static void find_places(const struct modules *modules, struct places *places)
{
	for (size_t i = 0; i < modules->count; i++) {
		const struct module *module = &modules->items[i];
		if (module->found_in & FOUND_PRIVATE)
			*array_push(places->items, places->count, places->capacity) =
				(struct place){module->base, module->size, i};
	}
	if (places->count)
		qsort(places->items, places->count, sizeof(*places->items), compare_places);
}

/* The last module in private memory that begins at or before an address; NULL: none. */
static const struct place *place_before(const struct places *places, uint64_t address)
{
	size_t behind = search_first(i, 0, places->count, places->items[i].base > address);
	return behind ? &places->items[behind - 1] : NULL;
}

/* Does the page hold anything, in memory or elsewhere? */
static bool holds_something(struct view *view, uint64_t address)
{
	struct page page;
	space_page(view->space, address, &page);
	return page.state != PAGE_NO_TABLE && page.state != PAGE_DEMAND_ZERO;
}

/* Where a slot's value leads, if that is outside of images; false when it is not. */
static bool find_target(struct view *view, const struct places *places, uint64_t value,
			struct hook_target *target)
{
	const struct vad *vad = vads_find(&view->vads, value);
	if (!vad || vad->kind == VAD_IMAGE || !holds_something(view, value))
		return false;
	const struct place *place = place_before(places, value);
	if (!place || value - place->base >= place->size)
		place = place_before(places, vad->start);
	bool known = place && (place->base == vad->start || value - place->base < place->size);
	*target = (struct hook_target){
		.start = known ? place->base : vad->start,
		.row = known ? place->row : HOOK_NO_ROW,
	};
	return true;
}

static struct hook_target *target_of(struct hook_targets *targets, const struct hook_target *found,
				     size_t most)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i].start == found->start)
			return &targets->items[i];
	if (targets->count >= most) {
		address_set_add(&targets->more, found->start);
		return NULL;
	}
	struct hook_target *target = array_push(targets->items, targets->count, targets->capacity);
	*target = *found;
	return target;
}

static void count_slot(struct hook_target *target, size_t module)
{
	for (size_t i = 0; i < target->source_count; i++)
		if (target->sources[i].module == module) {
			target->sources[i].slots++;
			return;
		}
	if (target->source_count == HOOK_SOURCES) {
		target->more_slots++;
		return;
	}
	target->sources[target->source_count].module = module;
	target->sources[target->source_count++].slots = 1;
}

static int compare_targets(const void *a, const void *b)
{
	const struct hook_target *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

void hook_targets_find(struct hook_targets *targets, struct view *view,
		       const struct modules *modules, const struct hooks *hooks, size_t most)
{
	struct places places = {0};
	*targets = (struct hook_targets){0};
	find_places(modules, &places);
	for (size_t i = 0; i < hooks->count; i++) {
		struct hook_target found, *target;
		if (!find_target(view, &places, hooks->items[i].value, &found))
			continue;
		target = target_of(targets, &found, most);
		if (target)
			count_slot(target, hooks->items[i].module);
	}
	free(places.items);
	if (targets->count)
		qsort(targets->items, targets->count, sizeof(*targets->items), compare_targets);
}

void hook_targets_free(struct hook_targets *targets)
{
	free(targets->items);
	address_set_free(&targets->more);
}

char *hook_target_reason(const struct hook_target *target, const struct modules *modules)
{
	struct text text = {0};
	size_t slots = target->more_slots;
	for (size_t i = 0; i < target->source_count; i++) {
		const char *name = modules->items[target->sources[i].module].name;
		size_t count = target->sources[i].slots;
		slots += count;
		text_add_format(&text, "%s%zu ", i ? ", " : "", count);
		if (!i)
			text_add_string(&text, count == 1 ? "slot " : "slots ");
		text_add_string(&text, "of ");
		text_add_string(&text, *name ? name : "a module without name");
	}
	if (target->more_slots)
		text_add_format(&text, ", %zu of others", target->more_slots);
	text_add_string(&text, slots == 1 ? " leads here" : " lead here");
	return text.data;
}
