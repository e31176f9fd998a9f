/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processes by the kernel's other books. A rootkit that takes its process out of ActiveProcessLinks
 * (DKOM) seldom cleans these: the memory manager's list, the session's list, the table of PIDs.
 */
#include "windows/process_search.h"

#include <impscan/address_set.h>
#include <impscan/bytes.h>
#include <impscan/kernel_address.h>
#include <impscan/space.h>

#include "windows/limits.h"

/* A process worth its name: one that some book of the kernel would hold. */
static void add_process(struct process_search *search, uint64_t eprocess)
{
	/* EPROCESS lies in pool, on 16 bytes (8 on x86). */
	if (eprocess % search->windows->pointer_size == 0 &&
	    space_canonical(search->kernel, eprocess))
		(void)processes_add(search, eprocess);
}

/* Follows one LIST_ENTRY at `links` from one process, until it closes or breaks. */
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
			add_process(search, link - links);
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
	/* Those found on the way are begun from as well: a session's list is only its own. */
	for (size_t i = 0; i < processes->count && !search->stopped; i++)
		if (!address_set_has(&seen, processes->items[i].eprocess + links))
			follow_links(search, processes->items[i].eprocess, links, &seen);
}

/* HANDLE_TABLE_ENTRY has two pointers, on x64 as on x86. */
#define ENTRY_SIZE_MAX 16

/* The object of a handle table entry, decoded as the build does. 0: free. */
static uint64_t entry_object(const struct windows *windows, const uint8_t *entry)
{
	const struct profile *profile = windows->profile;
	uint64_t value = le_pointer(entry, windows->pointer_size);
	if (!profile_has(profile, HANDLE_TABLE_ENTRY_ObjectPointerBits))
		return value & ~UINT64_C(7);
	const struct profile_field *field = &profile->field[HANDLE_TABLE_ENTRY_ObjectPointerBits];
	uint64_t bits = profile_bits(profile, HANDLE_TABLE_ENTRY_ObjectPointerBits, value);
	if (!bits)
		return 0;
	if (windows->pointer_size == 4)
		return bits << 3;
	/* The address's upper bits are all ones, being the kernel's. */
	return bits << 4 | ~UINT64_C(0) << (field->bits + 4);
}

/* Entries of one table, a page; 0 when the profile does not know how they look. */
static uint32_t entries_per_table(const struct windows *windows)
{
	uint32_t size = profile_has(windows->profile, HANDLE_TABLE_ENTRY_size)
				? profile_offset(windows->profile, HANDLE_TABLE_ENTRY_size)
				: 0;
	return size && size >= windows->pointer_size && size <= ENTRY_SIZE_MAX
		       ? (uint32_t)PAGE_SIZE / size
		       : 0;
}

/*
 * The lowest table for handle `handle` in a table of up to three levels: HANDLE_TABLE.TableCode's low
 * two bits are the level, a page a table. 0: there is none.
 */
static uint64_t table_leaf(const struct windows *windows, struct space *kernel, uint64_t table_code,
			   uint32_t handle)
{
	unsigned int level = table_code & 3;
	uint64_t table = table_code & ~UINT64_C(7);
	uint32_t pointers = (uint32_t)PAGE_SIZE / windows->pointer_size;
	uint32_t entries = entries_per_table(windows);
	if (!entries)
		return 0;
	uint32_t index = handle / 4 / entries;
	uint64_t slot[3] = {0, index % pointers, index / pointers};
	for (; level > 0; level--)
		if (!space_pointer(kernel, table + slot[level] * windows->pointer_size,
				   windows->pointer_size, &table) ||
		    !table)
			return 0;
	return table;
}

/* The object of a handle in its lowest table. */
static uint64_t leaf_object(const struct windows *windows, struct space *kernel, uint64_t leaf,
			    uint32_t handle)
{
	uint32_t entry_size = profile_offset(windows->profile, HANDLE_TABLE_ENTRY_size);
	uint32_t entries = entries_per_table(windows);
	uint8_t entry[ENTRY_SIZE_MAX];
	if (!entries)
		return 0;
	uint32_t index = handle / 4 % entries;
	if (!space_read(kernel, leaf + (uint64_t)index * entry_size, entry, entry_size))
		return 0;
	return entry_object(windows, entry);
}

uint64_t handle_object(const struct windows *windows, struct space *kernel, uint64_t table_code,
		       uint32_t handle)
{
	uint64_t leaf = table_leaf(windows, kernel, table_code, handle);
	return leaf ? leaf_object(windows, kernel, leaf, handle) : 0;
}

/* Handles up to this are looked at: PIDs are handles of that table, and small numbers. */
#define HANDLE_LAST 0x400000

/* One entry: threads are in the table too, a process has its handle as its PID. */
static void add_handle(struct process_search *search, uint64_t leaf, uint32_t handle)
{
	const struct windows *windows = search->windows;
	uint64_t object = leaf_object(windows, search->kernel, leaf, handle), pid;
	if (!object || !process_search_spend(search, 1) ||
	    !windows_pointer(windows, search->kernel, object, EPROCESS_UniqueProcessId, &pid) ||
	    pid != handle)
		return;
	add_process(search, object);
}

/*
 * All entries of the table of PIDs. Tables that share a page cost as much as others do: a look at
 * each entry, and there are no more than HANDLE_LAST / 4.
 */
static void process_cid_table(struct process_search *search)
{
	const struct windows *windows = search->windows;
	uint32_t per_page = entries_per_table(windows);
	uint64_t table_code;
	process_search_begin(search, SOURCE_CID);
	if (!per_page || !windows->psp_cid_table ||
	    !windows_pointer(windows, search->kernel, windows->psp_cid_table,
			     HANDLE_TABLE_TableCode, &table_code))
		return;
	uint32_t pointers = (uint32_t)PAGE_SIZE / windows->pointer_size;
	uint64_t last = (table_code & 3) == 0	? (uint64_t)per_page * 4
			: (table_code & 3) == 1 ? (uint64_t)per_page * pointers * 4
						: HANDLE_LAST;
	for (uint32_t first = 0; first < last; first += per_page * 4) {
		/* Most of the table of tables is empty: one look for each of its entries. */
		uint64_t leaf = table_leaf(windows, search->kernel, table_code, first);
		if (!process_search_spend(search, leaf ? 2 + per_page / 2 : 2))
			return;
		for (uint32_t i = first ? 0 : 1; leaf && i < per_page && !search->stopped; i++)
			add_handle(search, leaf, first + 4 * i);
	}
}

void process_sources(struct process_search *search)
{
	process_links(search, EPROCESS_MmProcessLinks, SOURCE_MM);
	process_links(search, EPROCESS_SessionProcessLinks, SOURCE_SESSION);
	process_cid_table(search);
}
