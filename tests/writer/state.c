/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages that are not there: which state a page of a process is to be in. See guest.h.
 *
 * A private page is in transition, in the page file or compressed. A page of a section that the
 * process shares has its state in the prototype PTE; the process's own entry leads there: by its
 * address, by "ask the VAD", or by being zero, as for a page never touched. What only the file on
 * disk still has is gone from every process.
 */
#include <writer/guest.h>

static struct guest_state *new_state(struct guest_process *process, uint64_t va,
				     enum page_state state)
{
	struct guest *guest = process->guest;
	struct guest_state *wish =
		util_push(guest->states, guest->state_count, guest->state_capacity);
	wish->process = process;
	wish->va = va & ~(PAGE - 1);
	wish->state = state;
	return wish;
}

void guest_set_state(struct guest_process *process, uint64_t va, enum page_state state)
{
	new_state(process, va, state);
}

void guest_copy_state(struct guest_process *process, uint64_t va, enum page_state state)
{
	new_state(process, va, state)->copy = true;
}

const char *guest_state_name(enum page_state state)
{
	static const char *const names[] = {"valid",  "transition", "zero",	"proto",
					    "lookup", "file",	    "pagefile", "compressed"};
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

bool guest_private_state(enum page_state state)
{
	return state == PAGE_TRANSITION || state == PAGE_PAGEFILE || state == PAGE_COMPRESSED;
}

uint64_t guest_pte_out(struct guest *guest, uint64_t frame, enum page_state state,
		       unsigned int protection)
{
	const uint8_t *page = ram_at(guest->ram, frame);
	unsigned int file = GUEST_PAGEFILE;
	uint64_t number;
	if (state == PAGE_COMPRESSED) {
		file = GUEST_VIRTUAL_STORE;
		number = guest_store_add(guest, page);
	} else {
		number = guest_pagefile_add(guest, page);
	}
	ram_drop(guest->ram, frame);
	return guest_pte_pagefile(guest, file, number, protection);
}

/* To the page file or the compressed store. */
static void page_out(struct guest *guest, struct paging *space, uint64_t va, enum page_state state,
		     unsigned int protection)
{
	uint64_t physical;
	if (!paging_translate(space, va, &physical))
		util_die("%#llx is not in memory: it can't be paged out", (unsigned long long)va);
	paging_set_entry(space, va, guest_pte_out(guest, physical, state, protection));
}

void guest_kernel_state(struct guest *guest, uint64_t va, enum page_state state)
{
	enum { READWRITE = 4 };
	if (state == PAGE_PAGEFILE || state == PAGE_COMPRESSED)
		page_out(guest, guest->kernel, va, state, READWRITE);
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

/* The process gets a copy of a page of a section, as a debugger or a patch makes it do. */
static void copy_page(struct guest_process *process, uint64_t va, uint64_t physical)
{
	struct guest *guest = process->guest;
	const struct guest_vad *vad = guest_vad_find(process, va);
	unsigned int flags = vad->section->image->flags[(va - vad->start) / PAGE];
	uint64_t frame = ram_take(guest->ram);
	memcpy(ram_at(guest->ram, frame), ram_at(guest->ram, physical), PAGE);
	paging_map(process->space, va, frame, PAGE_USER | PAGE_DIRTY | (flags & PAGE_EXECUTE));
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
	if (wish->copy && !there) /* another wish has left it to the file on disk */
		return;
	if (wish->copy && shared && there && section->image) {
		copy_page(process, wish->va, physical);
		shared = false;
	}
	if (guest_private_state(wish->state) == shared)
		util_die("%s (%u): page %#llx can't be %s", process->name, process->pid,
			 (unsigned long long)wish->va, guest_state_name(wish->state));
	switch (wish->state) {
	case PAGE_TRANSITION:
		if (paging_entry(space, wish->va) & 1)
			paging_set_state(space, wish->va, PAGE_TRANSITION);
		break;
	case PAGE_PAGEFILE:
	case PAGE_COMPRESSED:
		page_out(guest, space, wish->va, wish->state, protection);
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
