/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PspCidTable, the table of PIDs: a variable of the kernel, neither exported nor at a known place.
 * It is the pointer in the kernel's image that leads to a HANDLE_TABLE which has System as PID 4.
 */
#include <impscan/bytes.h>

#include "discover/internal.h"
#include "discover/process_search.h"

/* Steps of looking through a page of the kernel, and at what may be a handle table. */
#define PAGE_STEPS  2
#define TABLE_STEPS 3

/* Does the HANDLE_TABLE at `table` hold System under its PID? Only PspCidTable does. */
static bool is_cid_table(const struct windows *windows, struct space *kernel, uint64_t table)
{
	uint64_t code;
	return windows_pointer(windows, kernel, table, HANDLE_TABLE_TableCode, &code) &&
	       (code & 3) <= 2 && is_kernel_pointer(windows->pointer_size, code) &&
	       handle_object(windows, kernel, code, 4) == windows->system;
}

uint64_t cid_table_find(const struct windows *windows, struct space *kernel, struct budget *budget)
{
	unsigned int pointer = windows->pointer_size;
	/* An inferred profile may not know how handles look. */
	if (!profile_has(windows->profile, HANDLE_TABLE_ENTRY_size))
		return 0;
	for (uint64_t rva = 0; rva < windows->kernel_size; rva += PAGE_SIZE) {
		struct page page;
		if (!budget_spend(budget, PAGE_STEPS))
			return 0;
		space_page(kernel, windows->kernel_base + rva, &page);
		if (!page.data || !page.writable)
			continue;
		for (size_t i = 0; i < PAGE_SIZE; i += pointer) {
			uint64_t value = le_pointer(page.data + i, pointer);
			if (!is_kernel_pointer(pointer, value) || value % 8 ||
			    value - windows->kernel_base < windows->kernel_size)
				continue;
			if (!budget_spend(budget, TABLE_STEPS))
				return 0;
			if (is_cid_table(windows, kernel, value))
				return value;
		}
	}
	return 0;
}
