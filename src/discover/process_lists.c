/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds processes by two kinds of lists beside ActiveProcessLinks: the memory manager's and those
 * of the sessions. A rootkit that takes its process out of ActiveProcessLinks (DKOM) seldom takes
 * it out of them.
 */
#include "discover/process_search.h"

#include <impscan/address_set.h>

/* Follows the LIST_ENTRY at offset `links` from one process, until the list closes or breaks. */
static void follow_links(struct process_search *search, uint64_t eprocess, uint64_t links,
			 struct address_set *seen)
{
	unsigned int pointer = search->windows->pointer_size;
	for (unsigned int direction = 0; direction < 2; direction++) {
		uint64_t link = eprocess + links;
		while (process_search_spend(search, 3)) {
			uint64_t next, back;
			if (!space_pointer(search->kernel, link + direction * pointer, pointer,
					   &next) ||
			    !next)
				break;
			/* Only a neighbour that points back is one; stale links lead anywhere. */
			if (!space_pointer(search->kernel, next + !direction * pointer, pointer,
					   &back) ||
			    back != link)
				break;
			if (!address_set_add(seen, next))
				break;
			if (address_set_count(seen) > LIMIT_LINKS)
				process_search_stop(search);
			link = next;
			/* A list's head is no process; go on behind it. */
			processes_try(search, link - links);
		}
	}
}

static void process_links(struct process_search *search, enum profile_member member,
			  enum process_source source)
{
	_cleanup_address_set_ struct address_set seen = {0};
	const struct processes *processes = search->processes;
	if (!profile_has(search->windows->profile, member))
		return;
	uint64_t links = profile_offset(search->windows->profile, member);
	process_search_begin(search, source);
	/* Also from those found on the way: the list of a session has only its processes. */
	for (size_t i = 0; i < processes->count && !search->stopped; i++)
		if (!address_set_has(&seen, processes->items[i].eprocess + links))
			follow_links(search, processes->items[i].eprocess, links, &seen);
}

void process_walk_lists(struct process_search *search)
{
	process_links(search, EPROCESS_MmProcessLinks, SOURCE_MM);
	process_links(search, EPROCESS_SessionProcessLinks, SOURCE_SESSION);
}
