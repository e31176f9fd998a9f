/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Searching private memory for tables of resolved APIs, by following pointers, and what x64 code
 * refers to relative to itself. What a table is, and
 * how its slots are named, is the rebuild room's matter.
 */
#include "scan/private_tables.h"

#include <impscan/bytes.h>
#include <impscan/relative_operand.h>

/*
 * How far before a table's first export, and behind its last, a pointer to it may lead: to the
 * structure that it stands in, and over slots that lead nowhere (see rebuild/rebuild.c).
 */
#define BEFORE 128
#define BEHIND 64

/*
 * What work counts, in steps of a budget: at the slots of a page, at a number that begins with any
 * of its bytes, and where a pointer to private memory leads to. Of 32-bit code a good part of all
 * bytes begin a number in that range: so many of them are looked up for one step.
 */
#define STEPS_PAGE   20
#define STEPS_BYTES  60
#define STEPS_FOLLOW 4
#define LOOKUPS	     8

struct table_search {
	struct private_tables *tables;
	struct view *view;
	const struct export_map *map;
	const struct rebuild_memory *memory;
	unsigned int pointer_size;
	uint64_t base, size; /* whose pointers are followed */
	const struct vad *vad;
	unsigned int lookups;
};

void private_tables_free(struct private_tables *tables)
{
	rebuilt_free(&tables->found);
	address_set_free(&tables->pages);
	address_map_free(&tables->areas);
}

/*
 * Is there a slot from `address` to before `end`, all in one page, that holds an export's address?
 */
static bool has_export(struct table_search *search, uint64_t address, uint64_t end)
{
	size_t available;
	const uint8_t *p = search->memory->at(search->memory, address, &available);
	if (!p)
		return false;
	size_t size = (size_t)min_of(end - address, (uint64_t)available);
	for (size_t i = 0; i + search->pointer_size <= size; i += search->pointer_size)
		if (export_map_hit(search->map, le_pointer(p + i, search->pointer_size)))
			return true;
	return false;
}

static bool page_has_export(struct table_search *search, uint64_t page)
{
	return budget_spend(search->memory->budget, STEPS_PAGE) && page >= search->vad->start &&
	       page <= search->vad->end && has_export(search, page, page + PAGE_SIZE);
}

/* Is a page of the private memory present? */
static bool is_present(struct table_search *search, uint64_t page)
{
	size_t available;
	return page >= search->vad->start && page <= search->vad->end &&
	       search->memory->at(search->memory, page, &available);
}

/*
 * Marks the tables from number `first` on as those of other code where their memory can run code
 * and is reported by itself: with a PE in it, or as a region without one.
 */
static void mark_elsewhere(struct table_search *search, size_t first)
{
	struct rebuilt *found = &search->tables->found;
	const struct injections *injections = search->tables->injections;
	const struct injected *there = injections ? injections_of(injections, search->vad) : NULL;
	for (size_t i = first; there && i < found->table_count; i++)
		found->tables[i].elsewhere =
			!there->no_header || found->tables[i].imports >= RESOLVED_LEAST;
}

/*
 * Looks for tables in the page and in those around it, as far as there are exports in them: no
 * table goes on over a page without. One page more on each side may hold hooked slots of its edge.
 */
static void look(struct table_search *search, uint64_t page)
{
	struct address_set *pages = &search->tables->pages;
	if (!address_set_add(pages, page / PAGE_SIZE))
		return;
	uint64_t first = page, last = page;
	while (page_has_export(search, first - PAGE_SIZE) &&
	       address_set_add(pages, first / PAGE_SIZE - 1))
		first -= PAGE_SIZE;
	while (page_has_export(search, last + PAGE_SIZE) &&
	       address_set_add(pages, last / PAGE_SIZE + 1))
		last += PAGE_SIZE;
	first -= is_present(search, first - PAGE_SIZE) ? PAGE_SIZE : 0;
	last += is_present(search, last + PAGE_SIZE) ? PAGE_SIZE : 0;
	size_t tables_before = search->tables->found.table_count;
	rebuild_private(&search->tables->found, search->map, search->memory, first,
			last + PAGE_SIZE - first);
	mark_elsewhere(search, tables_before);
}

/* Where a pointer leads to. */
static void follow(struct table_search *search, uint64_t value)
{
	struct budget *budget = search->memory->budget;
	if (value - search->base < search->size ||
	    (++search->lookups % LOOKUPS == 0 && !budget_spend(budget, 1)))
		return;
	if (!search->vad || value < search->vad->start || value > search->vad->end)
		search->vad = vads_find(&search->view->vads, value);
	if (!search->vad || search->vad->kind != VAD_PRIVATE || !budget_spend(budget, STEPS_FOLLOW))
		return;
	uint64_t slot = value - value % search->pointer_size;
	uint64_t from = max_of(slot - min_of(slot, (uint64_t)BEHIND), search->vad->start);
	uint64_t last = min_of(slot + BEFORE, search->vad->end);
	for (uint64_t at = from; at <= last;) {
		uint64_t next = (at & ~(PAGE_SIZE - 1)) + PAGE_SIZE;
		if (has_export(search, at, min_of(next, last + 1)))
			look(search, at & ~(PAGE_SIZE - 1));
		at = next;
	}
}

/* Where private memory lies: once a process, which may have as many regions as VADs. */
static void find_range(struct private_tables *tables, const struct vads *vads)
{
	tables->ranged = true;
	tables->low = UINT64_MAX;
	for (size_t i = 0; i < vads->count; i++) {
		const struct vad *vad = &vads->items[i];
		if (vad->kind != VAD_PRIVATE)
			continue;
		tables->low = min_of(tables->low, vad->start);
		tables->high = max_of(tables->high, vad->end);
	}
}

/* Follows what `n` bytes `p` of the area lead to, which lie at `address`. */
static void follow_page(struct table_search *search, const uint8_t *p, size_t n, uint64_t address)
{
	const struct private_tables *tables = search->tables;
	for (size_t i = 0; i + search->pointer_size <= n; i++) {
		uint64_t value = le_pointer(p + i, search->pointer_size);
		if (value >= tables->low && value <= tables->high)
			follow(search, value);
	}
	for (size_t i = 0; search->pointer_size == 8 && i < n; i++) {
		if (i % RELATIVE_OPERAND_BLOCK == 0)
			i = relative_operand_next(p, n, i);
		uint64_t value = relative_operand(p + i, n - i, address + i);
		if (value >= tables->low && value <= tables->high)
			follow(search, value);
	}
}

void private_tables_find(struct private_tables *tables, struct view *view,
			 const struct export_map *map, const struct rebuild_memory *memory,
			 uint64_t base, uint64_t size)
{
	struct table_search search = {
		.tables = tables,
		.view = view,
		.map = map,
		.memory = memory,
		.pointer_size = export_map_pointer_size(map),
		.base = base,
		.size = size,
	};
	uint64_t *searched = address_map_value(&tables->areas, base);
	if (*searched == size)
		return;
	*searched = size;
	if (!tables->ranged)
		find_range(tables, &view->vads);
	uint64_t end = base + min_of(size, UINT64_MAX - base);
	for (uint64_t address = base; address < end;) {
		if (memory->present)
			address = memory->present(memory, address, end);
		if (address >= end || !budget_spend(memory->budget, STEPS_BYTES))
			return;
		size_t available;
		uint64_t here = min_of(PAGE_SIZE - address % PAGE_SIZE, end - address);
		const uint8_t *p = memory->at(memory, address, &available);
		if (p)
			follow_page(&search, p, (size_t)min_of(here, (uint64_t)available), address);
		address += here;
	}
}
