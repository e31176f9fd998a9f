/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Regions: ranges of memory that can run code although they are not of an image section.
 *
 * The protection of a VAD is that of the allocation; VirtualProtect() changes only the page-table
 * entries, and where these have no bit for it, what the PFN database has of the page. So each page
 * of private and mapped memory is looked up: valid, in transition, in a page file or known by a
 * prototype PTE.
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

/* Bits of an entry without PAE that are all set where it leaves the prototype PTE to the VAD. */
#define ASKS_VAD_X86 UINT64_C(0xfffff000)

/*
 * Does what was found by a page's entries tell whether it can be executed? Without PAE a valid
 * entry has no bit for that, and since Vista a prototype PTE of a mapped file has no protection.
 */
static bool is_told(const struct view *view, const struct page *page)
{
	if (memory_paging(space_memory(view->space)) != PAGING_X86)
		return true;
	if (page->state == PAGE_VALID)
		return false;
	return !page->prototype || (page->entry & ASKS_VAD_X86) == ASKS_VAD_X86;
}

/*
 * Can the page be executed? Where its entries don't tell, the PFN database does of pages that are
 * the process's own; of others it is the protection of the VAD.
 */
static bool is_executable(const struct view *view, const struct vad *vad, uint64_t address,
			  const struct page *page)
{
	if (is_told(view, page))
		return page->executable;
	unsigned int protection;
	if (!windows_pfn_protection(view->windows, view->kernel, address, page->frame, &protection))
		protection = vad->protection;
	unsigned int access = protection & 7;
	return access == 2 || access == 3 || access >= 6;
}

/*
 * Looks up the page at `address`, and returns where pages begin that are not like it. Without PAE
 * each may have another protection.
 */
static uint64_t like_pages(const struct view *view, const struct vad *vad, uint64_t address,
			   struct page *page)
{
	uint64_t next = address + space_run(view->space, address, vad->end, page);
	bool alone = page->mapped && memory_paging(space_memory(view->space)) == PAGING_X86;
	return alone ? min_of(next, address + PAGE_SIZE) : next;
}

/* Counts the pages of a VAD. Where the budget ends before, the counts are too low. */
static void measure(const struct view *view, const struct vad *vad, struct budget *budget,
		    struct region *region)
{
	uint64_t address = vad->start;
	*region = (struct region){.vad = vad};
	while (address <= vad->end) {
		struct page page;
		if (!budget_spend(budget, 1))
			return;
		uint64_t next = like_pages(view, vad, address, &page);
		if (is_committed(&page)) {
			uint64_t pages = (min_of(next - 1, vad->end) - address) / PAGE_SIZE + 1;
			if (!region->committed)
				region->first_committed = address;
			region->last_committed = min_of(next - 1, vad->end) & ~(PAGE_SIZE - 1);
			region->committed += pages;
			if (is_executable(view, vad, address, &page)) {
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
		measure(view, vad, &part, &region);
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
