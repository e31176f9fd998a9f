/*
 * Pages that are not there: which state a page of a process is to be in, and the page file. See
 * guest.h.
 *
 * A private page is in transition or in the page file. A page of a section that the process shares
 * has its state in the prototype PTE; the process's own entry leads there: by its address, by
 * "ask the VAD", or by being zero, as for a page never touched. What only the file on disk still
 * has is gone from every process.
 */
#include <writer/guest.h>

enum { FIRST_PAGE = 1 }; /* of a page file: the first holds its header */

uint64_t guest_pagefile_add(struct guest *guest, const uint8_t *page)
{
	uint64_t number = guest->pagefile_pages ? guest->pagefile_pages : FIRST_PAGE;
	number += util_random_below(&guest->random, 3);
	guest->pagefile = realloc(guest->pagefile, (number + 1) * PAGE);
	if (!guest->pagefile)
		util_die("out of memory");
	uint64_t from = guest->pagefile_pages * PAGE;
	memset(guest->pagefile + from, 0, number * PAGE - from);
	memcpy(guest->pagefile + number * PAGE, page, PAGE);
	guest->pagefile_pages = number + 1;
	return number;
}

void guest_set_state(struct guest_process *process, uint64_t va, enum page_state state)
{
	struct guest *guest = process->guest;
	struct guest_state *wish =
		util_push(guest->states, guest->state_count, guest->state_capacity);
	wish->process = process;
	wish->va = va & ~(PAGE - 1);
	wish->state = state;
}

const char *guest_state_name(enum page_state state)
{
	static const char *const names[] = {"valid",  "transition", "zero",    "proto",
					    "lookup", "file",	    "pagefile"};
	return names[state];
}

const struct guest_state *guest_find_state(const struct guest_process *process, uint64_t va)
{
	const struct guest *guest = process->guest;
	for (size_t i = guest->state_count; i-- > 0;) {
		const struct guest_state *wish = &guest->states[i];
		if (wish->process == process && wish->va == va)
			return wish;
	}
	return NULL;
}

static void page_out(struct guest *guest, struct paging *space, uint64_t va,
		     unsigned int protection)
{
	uint64_t physical;
	if (!paging_translate(space, va, &physical))
		util_die("%#llx is not in memory: it can't be paged out", (unsigned long long)va);
	uint64_t number = guest_pagefile_add(guest, ram_at(guest->ram, physical));
	paging_set_entry(space, va, guest_pte_pagefile(guest, GUEST_PAGEFILE, number, protection));
	ram_drop(guest->ram, physical);
}

void guest_kernel_state(struct guest *guest, uint64_t va, enum page_state state)
{
	enum { READWRITE = 4 };
	if (state == PAGE_PAGEFILE)
		page_out(guest, guest->kernel, va, READWRITE);
	else
		paging_set_state(guest->kernel, va, state);
}

/* Takes a page of a section away from everybody who shares it. */
static void forget_page(struct guest *guest, struct guest_section *section, size_t page)
{
	uint64_t frame = section->frames[page], physical;
	for (size_t i = 0; i < guest->process_count; i++) {
		const struct guest_process *process = guest->processes[i];
		for (size_t k = 0; k < process->vad_count; k++) {
			const struct guest_vad *vad = process->vads[k];
			uint64_t va = vad->start + page * PAGE;
			if (vad->section == section &&
			    paging_translate(process->space, va, &physical) && physical == frame)
				paging_set_entry(process->space, va, 0);
		}
	}
	if (frame)
		ram_drop(guest->ram, frame);
	section->frames[page] = 0;
	section->states[page] = PAGE_FILE;
	guest_section_put(guest, section, page);
}

static void apply(struct guest *guest, const struct guest_state *wish)
{
	struct guest_process *process = wish->process;
	struct paging *space = process->space;
	const struct guest_vad *vad = guest_vad_find(process, wish->va);
	uint64_t physical = 0;
	/* set twice: the last one counts, and is found first */
	if (guest_find_state(process, wish->va) != wish)
		return;
	bool there = paging_translate(space, wish->va, &physical);
	if (!vad)
		util_die("%s (%u): nothing at %#llx", process->name, process->pid,
			 (unsigned long long)wish->va);
	struct guest_section *section = vad->section;
	size_t page = (wish->va - vad->start) / PAGE;
	unsigned int protection =
		section ? guest_section_protection(section, page) : vad->protection;
	bool shared = section && (!there || section->frames[page] == physical);
	bool private_state = wish->state == PAGE_TRANSITION || wish->state == PAGE_PAGEFILE;
	if (private_state == shared)
		util_die("%s (%u): page %#llx can't be %s", process->name, process->pid,
			 (unsigned long long)wish->va, guest_state_name(wish->state));
	switch (wish->state) {
	case PAGE_TRANSITION:
		if (paging_entry(space, wish->va) & 1)
			paging_set_state(space, wish->va, PAGE_TRANSITION);
		break;
	case PAGE_PAGEFILE:
		page_out(guest, space, wish->va, protection);
		break;
	case PAGE_PROTOTYPE:
		paging_set_entry(space, wish->va,
				 guest_pte_prototype(guest,
						     guest_section_prototype(guest, section, page),
						     protection));
		break;
	case PAGE_LOOKUP:
		paging_set_entry(space, wish->va, guest_pte_lookup(guest, protection));
		break;
	case PAGE_ZERO:
		paging_set_entry(space, wish->va, 0);
		break;
	case PAGE_FILE:
		forget_page(guest, section, page);
		break;
	case PAGE_VALID:
		break;
	}
}

/* Does anybody have that page of a section in his working set? */
static bool is_mapped(const struct guest *guest, const struct guest_section *section, size_t page)
{
	for (size_t i = 0; i < guest->process_count; i++) {
		const struct guest_process *process = guest->processes[i];
		for (size_t k = 0; k < process->vad_count; k++) {
			const struct guest_vad *vad = process->vads[k];
			uint64_t physical, va = vad->start + page * PAGE;
			if (vad->section == section && (paging_entry(process->space, va) & 1) &&
			    paging_translate(process->space, va, &physical) &&
			    physical == section->frames[page])
				return true;
		}
	}
	return false;
}

void guest_apply_states(struct guest *guest)
{
	for (size_t i = 0; i < guest->state_count; i++)
		apply(guest, &guest->states[i]);
	for (size_t i = 0; i < guest->section_count; i++) {
		struct guest_section *section = guest->sections[i];
		for (size_t page = 0; page < section->pages; page++) {
			if (section->states[page] != PAGE_VALID || !section->frames[page] ||
			    is_mapped(guest, section, page))
				continue;
			section->states[page] = PAGE_TRANSITION;
			guest_section_put(guest, section, page);
		}
	}
}

void guest_pagefile_write(const struct guest *guest, const char *path)
{
	util_write_file(path, guest->pagefile, guest->pagefile_pages * PAGE);
}
