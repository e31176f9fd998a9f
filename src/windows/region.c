/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Regions: ranges of memory that can run code although they are not of an image section.
 *
 * The protection of a VAD is that of the allocation; VirtualProtect() changes only the page-table
 * entries. So each page of private and mapped memory is looked up: valid, in transition, in a page
 * file or known by a prototype PTE.
 */
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/damage.h>
#include <impscan/region.h>
#include <impscan/vad.h>
#include <impscan/view.h>

#include <stdlib.h>

/* Does the page hold anything, wherever it is now? */
static bool is_committed(const struct page *page)
{
	return page->state != PAGE_NO_TABLE && page->state != PAGE_DEMAND_ZERO;
}

/*
 * Can the page be executed? 32-bit page tables without PAE have no bit for that, so there the
 * protection of the VAD decides.
 */
static bool is_executable(struct space *space, const struct vad *vad, const struct page *page)
{
	if (memory_paging(space_memory(space)) != PAGING_X86 || !page->mapped)
		return page->executable;
	unsigned int access = vad->protection & 7;
	return access == 2 || access == 3 || access >= 6;
}

/* Counts the pages of a VAD. Where the budget ends before, the counts are too low. */
static void measure(struct space *space, const struct vad *vad, struct budget *budget,
		    struct region *region)
{
	uint64_t address = vad->start;
	*region = (struct region){.vad = vad};
	while (address <= vad->end) {
		struct page page;
		if (!budget_spend(budget, 1))
			return;
		uint64_t next = address + space_run(space, address, vad->end, &page);
		if (is_committed(&page)) {
			uint64_t pages = (min_of(next - 1, vad->end) - address) / PAGE_SIZE + 1;
			if (!region->committed)
				region->first_committed = address;
			region->last_committed = min_of(next - 1, vad->end) & ~(PAGE_SIZE - 1);
			region->committed += pages;
			if (is_executable(space, vad, &page)) {
				if (!region->executable)
					region->first_executable = address;
				region->executable += pages;
				region->writable += page.writable ? pages : 0;
			}
		}
		if (next <= address)
			return;
		address = next;
	}
}

void view_regions(struct view *view, struct regions *regions)
{
	struct budget all = budget_part(view->budget);
	*regions = (struct regions){0};
	for (size_t i = 0; i < view->vads.count && !budget_exceeded(&all); i++) {
		const struct vad *vad = &view->vads.items[i];
		if (vad->kind == VAD_IMAGE)
			continue;
		struct region region;
		struct budget part = budget_part(&all);
		measure(view->space, vad, &part, &region);
		if (!budget_close_part(&all, &part))
			damage_once(
				regions->damage,
				"pages of the VAD at 0x%llx not all looked at: it costs too much "
				"work",
				(unsigned long long)vad->start);
		if (region.executable)
			*array_push(regions->items, regions->count, regions->capacity) = region;
	}
	(void)budget_close_part(view->budget, &all);
	view->cut |= regions->damage[0] != 0;
}

void regions_free(struct regions *regions)
{
	free(regions->items);
	*regions = (struct regions){0};
}
