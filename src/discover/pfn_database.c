/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MmPfnDatabase, the array with an MMPFN for each frame: a variable of the kernel, not exported.
 * Only x86 without PAE needs it: see struct windows. It is the pointer in the kernel's image by
 * which the frames of some processes' PEBs have the PTEs of these PEBs as their PteAddress.
 */
#include <impscan/bytes.h>

#include "discover/internal.h"
#include "discover/process_search.h"

/* Steps of looking through a page of the kernel, and at what may be the array. */
#define PAGE_STEPS     2
#define DATABASE_STEPS 3

/* PEBs that are asked for. */
#define SAMPLES 8

/* A page of a process. */
struct sample {
	uint64_t address, frame; /* the latter is physical */
};

static size_t take_samples(const struct windows *windows, struct space *kernel,
			   struct sample samples[SAMPLES])
{
	_cleanup_processes_ struct processes processes = {0};
	size_t count = 0;
	process_ring(windows, kernel, &processes);
	for (size_t i = 0; i < processes.count && count < SAMPLES; i++) {
		const struct process *process = &processes.items[i];
		struct page page;
		if (!process->peb || process_exited(process))
			continue;
		_cleanup_space_ struct space *space = space_new(windows->memory, process->dtb);
		space_page(space, process->peb, &page);
		if (page.mapped)
			samples[count++] = (struct sample){process->peb, page.frame};
	}
	return count;
}

static bool is_pfn_database(struct windows *windows, struct space *kernel, uint64_t address,
			    const struct sample *samples, size_t count)
{
	size_t good = 0;
	unsigned int protection;
	windows->pfn_database = address;
	for (size_t i = 0; i < count; i++) {
		good += windows_pfn_protection(windows, kernel, samples[i].address,
					       samples[i].frame, &protection);
		if (good + (count - i - 1) <= count / 2)
			break;
	}
	windows->pfn_database = 0;
	return good > count / 2;
}

uint64_t pfn_database_find(struct windows *windows, struct space *kernel, struct budget *budget)
{
	struct sample samples[SAMPLES];
	if (memory_paging(windows->memory) != PAGING_X86 ||
	    !profile_has(windows->profile, MMPFN_size) ||
	    !profile_has(windows->profile, MMPFN_PteAddress) ||
	    !profile_has(windows->profile, MMPFN_OriginalPte))
		return 0;
	size_t count = take_samples(windows, kernel, samples);
	uint64_t last = 0;
	for (uint64_t rva = 0; count && rva < windows->kernel_size; rva += PAGE_SIZE) {
		struct page page;
		if (!budget_spend(budget, PAGE_STEPS))
			return 0;
		space_page(kernel, windows->kernel_base + rva, &page);
		if (!page.data || !page.writable)
			continue;
		for (size_t i = 0; i < PAGE_SIZE; i += 4) {
			uint64_t value = le32(page.data + i);
			if (!is_kernel_pointer(4, value) || value % 8 || value == last ||
			    value - windows->kernel_base < windows->kernel_size)
				continue;
			last = value;
			if (!budget_spend(budget, DATABASE_STEPS))
				return 0;
			if (is_pfn_database(windows, kernel, value, samples, count))
				return value;
		}
	}
	return 0;
}
