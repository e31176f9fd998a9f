/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads handle tables, and finds processes by the table of PIDs, PspCidTable.
 */
#include "discover/process_search.h"

#include <impscan/bytes.h>

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
 * The lowest table for handle `handle` in a table of up to three levels: HANDLE_TABLE.TableCode's
 * low two bits are the level, a page a table. 0: there is none.
 */
static uint64_t table_leaf(const struct windows *windows, struct space *kernel, uint64_t table_code,
			   uint32_t handle)
{
	unsigned int level = table_code & 3;
	uint64_t table = table_code & ~UINT64_C(7);
	uint32_t pointers = (uint32_t)PAGE_SIZE / windows->pointer_size;
	uint32_t entries = entries_per_table(windows);
	uint64_t slot[3] = {0};
	if (!entries || level >= array_size(slot))
		return 0;
	uint32_t index = handle / 4 / entries;
	slot[1] = index % pointers;
	slot[2] = index / pointers;
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

/* Handles up to this are looked at. PIDs are handles of that table, and small numbers. */
#define HANDLE_LAST 0x400000

/* Adds the process of an entry. Threads are in the table, too; a process has its handle as PID. */
static void add_handle(struct process_search *search, uint64_t leaf, uint32_t handle)
{
	const struct windows *windows = search->windows;
	uint64_t object = leaf_object(windows, search->kernel, leaf, handle), pid;
	if (!object || !process_search_spend(search, 1) ||
	    !windows_pointer(windows, search->kernel, object, EPROCESS_UniqueProcessId, &pid) ||
	    pid != handle)
		return;
	processes_try(search, object);
}

/*
 * All entries of the table of PIDs. Tables that share a page cost as much as others do: a look at
 * each entry, and there are no more than HANDLE_LAST / 4.
 */
void process_walk_handles(struct process_search *search)
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
