/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much of a machine is whole. Where memory is taken to lie elsewhere in the file than it does,
 * that part of it is other memory, and what leads there finds something else: a page map that does
 * not map itself, a driver without a header. What is right does not become wrong by chance.
 */
#include "discover/whole.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/module.h>
#include <impscan/process.h>
#include <impscan/view.h>

#include "discover/internal.h"
#include "discover/process_search.h"

/* The share of the work that the image is worth that this may take. */
#define WHOLE_SHARE 64

/* Does the page at `frame` hold an entry with its own frame, in the kernel's half? */
static bool maps_itself(const struct windows *windows, uint64_t frame)
{
	const uint8_t *page = image_page(windows->image, frame);
	const bool wide = memory_paging(windows->memory) == PAGING_X64;
	const unsigned int size = wide ? 8 : 4;
	const uint64_t mask = (wide ? PTE_FRAME_8 : UINT64_C(0xfffff000)) | PTE_VALID;
	for (size_t at = PAGE_SIZE / 2; page && at < PAGE_SIZE; at += size)
		if ((le_pointer(page + at, size) & mask) == (frame | PTE_VALID))
			return true;
	return false;
}

/* The last of PAE's four page directories maps all four, by its first entries. */
static bool pae_maps_itself(const struct windows *windows, uint64_t dtb)
{
	uint8_t pointers[32];
	if (!image_read(windows->image, dtb, pointers, sizeof(pointers)))
		return false;
	const uint8_t *last = image_page(windows->image, le64(pointers + 24) & PTE_FRAME_8);
	const uint64_t mask = PTE_FRAME_8 | PTE_VALID;
	for (size_t i = 0; last && i < 4; i++)
		if ((le64(last + 8 * i) & mask) != (le64(pointers + 8 * i) & mask))
			return false;
	return last;
}

static void count(struct whole *whole, bool good)
{
	if (good)
		whole->whole++;
	else
		whole->broken++;
}

static void count_processes(const struct windows *windows, struct space *kernel,
			    struct whole *whole)
{
	_cleanup_processes_ struct processes processes = {0};
	process_ring(windows, kernel, &processes);
	whole->broken += processes.damage[0] != '\0';
	for (size_t i = 0; i < processes.count; i++) {
		const struct process *process = &processes.items[i];
		if (!process_exited(process) && process->dtb)
			count(whole, memory_paging(windows->memory) == PAGING_PAE
					     ? pae_maps_itself(windows, process->dtb)
					     : maps_itself(windows, process->dtb));
	}
}

static void count_drivers(const struct windows *windows, struct space *kernel,
			  struct budget *budget, struct whole *whole)
{
	struct process system;
	_cleanup_modules_ struct modules drivers = {0};
	_cleanup_view_ struct view view = {0};
	if (!process_read(windows, kernel, windows->system, &system))
		return;
	view_open(&view, windows, &system, budget);
	free(system.name);
	windows_drivers(windows, &view, &drivers);
	whole->broken += drivers.damage[0] != '\0';
	for (size_t i = 0; i < drivers.count; i++) {
		struct page page;
		space_page(kernel, drivers.items[i].base, &page);
		if (page.state == PAGE_VALID)
			count(whole, page.data && !memcmp(page.data, "MZ", 2));
	}
}

static void count_kernel(const struct windows *windows, struct space *kernel, struct whole *whole)
{
	for (uint64_t rva = 0; rva < windows->kernel_size; rva += PAGE_SIZE) {
		struct page page;
		space_page(kernel, windows->kernel_base + rva, &page);
		whole->kernel_lost += page.state == PAGE_VALID && !page.data;
	}
	whole->broken += whole->kernel_lost;
}

struct whole whole_of(const struct windows *windows)
{
	struct whole whole = {0};
	struct budget budget = {.limit = windows_work(windows) / WHOLE_SHARE};
	_cleanup_space_ struct space *kernel = windows_kernel_space(windows);
	count_processes(windows, kernel, &whole);
	count_drivers(windows, kernel, &budget, &whole);
	count_kernel(windows, kernel, &whole);
	return whole;
}

bool whole_more(const struct whole *a, const struct whole *b)
{
	if (a->whole != b->whole)
		return a->whole > b->whole;
	return !a->kernel_lost && b->kernel_lost;
}
