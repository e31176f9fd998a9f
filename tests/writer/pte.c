/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Entries of pages that are not valid, as the memory manager writes them into page tables and
 * prototype PTE arrays. See guest.h.
 *
 * Facts: _MMPTE_PROTOTYPE, _MMPTE_SUBSECTION, _MMPTE_SOFTWARE and _MMPTE_TRANSITION of the
 * published symbols. An address field of all ones means "ask the VAD" (WinDbg's !pte prints
 * "Proto: VAD"). How they are stored: see struct paging_swizzle.
 */
#include <writer/guest.h>

static uint32_t entry_size(const struct guest *guest)
{
	return paging_arch_of(guest->kernel)->entry_size;
}

/* Sets a field where the build has it. */
static void put(const struct guest *guest, const char *type, const char *member, uint8_t *entry,
		uint64_t value)
{
	const struct layout_field *field = layout_find(guest->pte_layout, type, member);
	if (field && field->bits)
		layout_put_bits(guest->pte_layout, type, member, entry, value);
}

/* A kernel address in the fields for it: one of 48 or 32 bits, or two parts that leave out what
 * the pool's place gives (32-bit entries). */
static void put_address(const struct guest *guest, const char *type, const char *member,
			uint8_t *entry, uint64_t va)
{
	const struct layout *layout = guest->pte_layout;
	if (layout_has(layout, type, member)) {
		layout_put_bits(layout, type, member, entry, va);
		return;
	}
	/* x86 without PAE: a distance from where paged pool or subsections start (XP, Server 2003),
	 * from 2 GB or from 0 (later), split in a low and a high part */
	char *low = util_printf("%sLow", member), *high = util_printf("%sHigh", member);
	const struct layout_field *field = layout_find(layout, type, low);
	if (!field)
		util_die("%s: no field for an address", type);
	bool prototype = !strcmp(member, "ProtoAddress");
	uint64_t base = prototype ? guest->pte_base : guest->subsection_base;
	/* prototype PTEs lie at multiples of 4; subsections of 8, of 4 where the field says so */
	uint64_t units = (va - base) >> (prototype || field->bits > 4 ? 2 : 3);
	layout_put_bits(layout, type, low, entry, units);
	layout_put_bits(layout, type, high, entry, units >> field->bits);
	put(guest, type, "WhichPool", entry, 1);
	free(low);
	free(high);
}

static uint64_t stored(const struct guest *guest, const uint8_t *entry)
{
	return paging_swizzle(guest->kernel, util_get(entry, entry_size(guest)));
}

uint64_t guest_pte_prototype(const struct guest *guest, uint64_t prototype, unsigned int protection)
{
	uint8_t entry[8] = {0};
	put(guest, "_MMPTE_PROTOTYPE", "Prototype", entry, 1);
	put(guest, "_MMPTE_PROTOTYPE", "Protection", entry, protection);
	put_address(guest, "_MMPTE_PROTOTYPE", "ProtoAddress", entry, prototype);
	return stored(guest, entry);
}

uint64_t guest_pte_lookup(const struct guest *guest, unsigned int protection)
{
	uint8_t entry[8] = {0};
	put(guest, "_MMPTE_SOFTWARE", "Prototype", entry, 1);
	put(guest, "_MMPTE_SOFTWARE", "Protection", entry, protection);
	put(guest, "_MMPTE_SOFTWARE", "PageFileHigh", entry, UINT32_MAX);
	return stored(guest, entry);
}

uint64_t guest_pte_subsection(const struct guest *guest, uint64_t subsection,
			      unsigned int protection)
{
	uint8_t entry[8] = {0};
	put(guest, "_MMPTE_SUBSECTION", "Prototype", entry, 1);
	put(guest, "_MMPTE_SUBSECTION", "Protection", entry, protection);
	put_address(guest, "_MMPTE_SUBSECTION", "SubsectionAddress", entry, subsection);
	return stored(guest, entry);
}

uint64_t guest_pte_transition(const struct guest *guest, uint64_t frame, unsigned int protection)
{
	uint8_t entry[8] = {0};
	put(guest, "_MMPTE_TRANSITION", "Transition", entry, 1);
	put(guest, "_MMPTE_TRANSITION", "Protection", entry, protection);
	put(guest, "_MMPTE_TRANSITION", "PageFrameNumber", entry, frame / PAGE);
	return stored(guest, entry);
}

uint64_t guest_pte_pagefile(const struct guest *guest, unsigned int number, uint64_t page,
			    unsigned int protection)
{
	uint8_t entry[8] = {0};
	put(guest, "_MMPTE_SOFTWARE", "PageFileLow", entry, number);
	put(guest, "_MMPTE_SOFTWARE", "PageFileHigh", entry, page);
	put(guest, "_MMPTE_SOFTWARE", "Protection", entry, protection);
	put(guest, "_MMPTE_SOFTWARE", "PageFileAllocated", entry, 1);
	return stored(guest, entry);
}
