/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds processes by the ring of ActiveProcessLinks, from System on.
 */
#include "discover/process_search.h"

#include <impscan/address_set.h>
#include <impscan/damage.h>

/*
 * Follows the ring in one direction from System; true when it closes. Each direction has its own
 * share, so that the processes behind an endless chain are reached from the other side.
 */
static bool follow_ring(struct process_search *search, bool forward, struct address_set *seen)
{
	const struct windows *windows = search->windows;
	struct processes *processes = search->processes;
	uint64_t links = profile_offset(windows->profile, EPROCESS_ActiveProcessLinks);
	uint64_t first = windows->system + links;
	uint64_t link = first;
	process_search_begin(search, SOURCE_ACTIVE);
	while (process_search_spend(search, 2)) {
		uint64_t next;
		if (!space_pointer(search->kernel, link + (forward ? 0 : windows->pointer_size),
				   windows->pointer_size, &next)) {
			damage_once(processes->damage, "ActiveProcessLinks at 0x%llx not present",
				    (unsigned long long)link);
			return false;
		}
		if (next == first)
			return true;
		link = next;
		if (!address_set_add(seen, link)) {
			damage_once(processes->damage,
				    "ActiveProcessLinks runs in a circle at 0x%llx",
				    (unsigned long long)link);
			return false;
		}
		if (address_set_count(seen) > LIMIT_LINKS)
			process_search_stop(search);
		/* The ring's head is a variable of the kernel, not a process. */
		if (link - windows->kernel_base < windows->kernel_size) {
			processes->ps_active_process_head = link;
			continue;
		}
		if (!processes_add(search, link - links) && !search->stopped) {
			damage_once(processes->damage,
				    "ActiveProcessLinks leads to 0x%llx, which is no process",
				    (unsigned long long)link);
			return false;
		}
	}
	damage_once(processes->damage, "ActiveProcessLinks has too many entries at 0x%llx",
		    (unsigned long long)link);
	return false;
}

static void reverse(struct process *items, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct process swap = items[i];
		items[i] = items[count - 1 - i];
		items[count - 1 - i] = swap;
	}
}

void process_walk_ring(struct process_search *search)
{
	_cleanup_address_set_ struct address_set seen = {0};
	struct processes *processes = search->processes;
	process_search_begin(search, SOURCE_ACTIVE);
	processes_add(search, search->windows->system);
	if (follow_ring(search, true, &seen))
		return;
	search->ring_broken = true;
	/* What lies behind the break is reached from the other end, last one first. */
	size_t from = processes->count;
	follow_ring(search, false, &seen);
	if (processes->count > from)
		reverse(processes->items + from, processes->count - from);
	address_map_free(&search->by_address);
	for (size_t i = 0; i < processes->count; i++)
		address_map_add(&search->by_address, processes->items[i].eprocess, i);
}

/*
 * Does a neighbour in ActiveProcessLinks lead back to `link`? `pointer_at`: where it would. Where
 * the ring is broken, a neighbour that is not present, or written as zeros, may have done so.
 */
static bool leads_back(const struct process_search *search, uint64_t pointer_at, uint64_t link)
{
	uint64_t back;
	if (!space_pointer(search->kernel, pointer_at, search->windows->pointer_size, &back))
		return search->ring_broken;
	return back == link || (!back && search->ring_broken);
}

/*
 * Do the neighbours in ActiveProcessLinks both lead back to the process? Of one that was taken out
 * they lead to each other, or it leads to itself; two that lead to each other are a ring of their
 * own.
 */
static bool is_linked(const struct process_search *search, uint64_t eprocess)
{
	unsigned int pointer = search->windows->pointer_size;
	uint64_t link =
		eprocess + profile_offset(search->windows->profile, EPROCESS_ActiveProcessLinks);
	uint64_t next, back;
	return space_pointer(search->kernel, link, pointer, &next) &&
	       space_pointer(search->kernel, link + pointer, pointer, &back) && next && back &&
	       next != link && next != back && leads_back(search, next + pointer, link) &&
	       leads_back(search, back, link);
}

void process_settle_ring(struct process_search *search)
{
	if (!(search->cut & SOURCE_ACTIVE) && !search->ring_broken)
		return;
	for (size_t i = 0; i < search->processes->count; i++) {
		struct process *process = &search->processes->items[i];
		if (!(process->sources & SOURCE_ACTIVE) && is_linked(search, process->eprocess))
			process->sources |= SOURCE_ACTIVE;
	}
}
