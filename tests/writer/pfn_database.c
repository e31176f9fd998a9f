/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The PFN database of kernels without PAE: an _MMPFN for each frame. See guest.h.
 *
 * Facts: the structures of the published symbols; page tables are mapped at 0xc0000000. A private
 * page's PteAddress is that of its PTE, and OriginalPte a software PTE with the protection that the
 * page has now; a page of a section has the prototype PTE's address, and what that was ("Windows
 * Internals", 6th edition, part 2, chapter 10).
 */
#include <writer/guest.h>

enum { PROTECTION_SHIFT = 5 };

#define PTE_BASE UINT64_C(0xc0000000)

static void put_frame(struct guest *guest, uint64_t database, uint64_t frame, uint64_t pte,
		      uint64_t original)
{
	uint64_t pfn = database + frame / PAGE * size_of(guest->layout, "_MMPFN");
	guest_put(guest, guest->kernel, pfn, "_MMPFN", "PteAddress", pte, 4);
	guest_put(guest, guest->kernel, pfn, "_MMPFN", "OriginalPte", original, 4);
}

/* The frame of a page that is the owner's alone, as far as it has one. */
static void put_private(struct guest *guest, struct paging *space, uint64_t database, uint64_t va)
{
	uint64_t frame;
	if (!(paging_entry(space, va) & 1) || !paging_translate(space, va, &frame) ||
	    frame >= ram_end(guest->ram))
		return;
	put_frame(guest, database, frame, PTE_BASE + va / PAGE * 4,
		  (uint64_t)paging_protection(space, va) << PROTECTION_SHIFT);
}

static void put_section(struct guest *guest, uint64_t database, const struct guest_section *section)
{
	for (size_t i = 0; i < section->pages; i++)
		if (section->frames[i])
			put_frame(guest, database, section->frames[i],
				  guest_section_prototype(guest, section, i),
				  guest_pte_subsection(guest, section->subsection,
						       guest_section_protection(section, i)));
}

void guest_pfn_database_write(struct guest *guest)
{
	if (guest->pointer != 4 || guest->pte_size != 4)
		return;
	const uint64_t database = guest->build < 6000 ? 0x81000000 : 0x83c00000;
	const uint64_t room = guest->build < 6000 ? 0xa00000 : 0x1400000;
	uint64_t size = ram_end(guest->ram) / PAGE * size_of(guest->layout, "_MMPFN");
	if (size > room)
		util_die("the PFN database has no room: give the machine less memory (--memory)");
	paging_map_new(guest->kernel, database, util_round_up(size, PAGE), PAGE_WRITE);
	paging_put(guest->kernel, guest_symbol(guest, "MmPfnDatabase"), database, 4);
	for (uint64_t va = UINT64_C(0x80000000); va < PTE_BASE; va += PAGE)
		put_private(guest, guest->kernel, database, va);
	for (size_t i = 0; i < guest->process_count; i++) {
		const struct guest_process *process = guest->processes[i];
		for (size_t k = 0; k < process->vad_count; k++)
			for (uint64_t va = process->vads[k]->start; va < process->vads[k]->end;
			     va += PAGE)
				put_private(guest, process->space, database, va);
	}
	/* what several processes map is none of theirs */
	for (size_t i = 0; i < guest->section_count; i++)
		put_section(guest, database, guest->sections[i]);
}
