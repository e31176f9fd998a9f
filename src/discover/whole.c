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

/* What is looked at: a machine, and the image that has its pages. */
struct looking {
	const struct windows *windows;
	const struct image *image;
	struct space *kernel;
	struct whole whole;
};

/* Does the page at `frame` hold an entry with its own frame, in the kernel's half? */
static bool maps_itself(const struct looking *looking, uint64_t frame)
{
	const struct windows *windows = looking->windows;
	const uint8_t *page = image_page(looking->image, frame);
	const bool wide = memory_paging(windows->memory) == PAGING_X64;
	const unsigned int size = wide ? 8 : 4;
	const uint64_t mask = (wide ? PTE_FRAME_8 : UINT64_C(0xfffff000)) | PTE_VALID;
	for (size_t at = PAGE_SIZE / 2; page && at < PAGE_SIZE; at += size)
		if ((le_pointer(page + at, size) & mask) == (frame | PTE_VALID))
			return true;
	return false;
}

/* The last of PAE's four page directories maps all four, by its first entries. */
static bool pae_maps_itself(const struct looking *looking, uint64_t dtb)
{
	uint8_t pointers[32];
	if (!image_read(looking->image, dtb, pointers, sizeof(pointers)))
		return false;
	const uint8_t *last = image_page(looking->image, le64(pointers + 24) & PTE_FRAME_8);
	const uint64_t mask = PTE_FRAME_8 | PTE_VALID;
	for (size_t i = 0; last && i < 4; i++)
		if (!(pointers[8 * i] & PTE_VALID) ||
		    (le64(last + 8 * i) & mask) != (le64(pointers + 8 * i) & mask))
			return false;
	return last;
}

static void count(struct looking *looking, bool good)
{
	if (good)
		looking->whole.whole++;
	else
		looking->whole.broken++;
}

static void count_processes(struct looking *looking)
{
	_cleanup_processes_ struct processes processes = {0};
	const bool pae = memory_paging(looking->windows->memory) == PAGING_PAE;
	process_ring(looking->windows, looking->kernel, &processes);
	looking->whole.broken += processes.damage[0] != '\0';
	for (size_t i = 0; i < processes.count; i++) {
		const struct process *process = &processes.items[i];
		if (!process_exited(process) && process->dtb)
			count(looking, pae ? pae_maps_itself(looking, process->dtb)
					   : maps_itself(looking, process->dtb));
	}
}

/* The page that the image has where the machine has one for an address; false: it has none there. */
static bool find_page(const struct looking *looking, uint64_t address, const uint8_t **page)
{
	struct page found;
	space_page(looking->kernel, address, &found);
	if (found.state != PAGE_VALID)
		return false;
	*page = image_page(looking->image, found.frame & PAGE_MASK);
	return true;
}

static void count_drivers(struct looking *looking)
{
	const struct windows *windows = looking->windows;
	struct budget budget = {.limit = windows_work(windows) / WHOLE_SHARE};
	struct process system;
	_cleanup_modules_ struct modules drivers = {0};
	_cleanup_view_ struct view view = {0};
	if (!process_read(windows, looking->kernel, windows->system, &system))
		return;
	view_open(&view, windows, &system, &budget);
	free(system.name);
	windows_drivers(windows, &view, &drivers);
	looking->whole.broken += drivers.damage[0] != '\0';
	for (size_t i = 0; i < drivers.count; i++) {
		const uint8_t *page;
		if (find_page(looking, drivers.items[i].base, &page))
			count(looking, page && !memcmp(page, "MZ", 2));
	}
}

static void count_kernel(struct looking *looking)
{
	const struct windows *windows = looking->windows;
	for (uint64_t rva = 0; rva < windows->kernel_size; rva += PAGE_SIZE) {
		const uint8_t *page;
		looking->whole.kernel_lost +=
			find_page(looking, windows->kernel_base + rva, &page) && !page;
	}
	looking->whole.broken += looking->whole.kernel_lost;
}

struct whole whole_of(const struct windows *windows, const struct image *image)
{
	_cleanup_space_ struct space *kernel = windows_kernel_space(windows);
	struct looking looking = {.windows = windows, .image = image, .kernel = kernel};
	count_processes(&looking);
	count_drivers(&looking);
	count_kernel(&looking);
	return looking.whole;
}

bool whole_more(const struct whole *a, const struct whole *b)
{
	if (a->whole != b->whole)
		return a->whole > b->whole;
	return !a->kernel_lost && b->kernel_lost;
}
