/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Page-table entries that are not valid, and prototype PTEs: what Windows's memory manager says of
 * a page. The order of tests is the kernel's own: valid, prototype, transition, page file, zero
 * (MMPTE and its members in the public symbols; Martignetti, "What Makes It Page?").
 */
#include "memory/paging.h"

#include <impscan/bytes.h>
#include <impscan/kernel_address.h>

/* Where all bits of MiIsPrototypePteVadLookup() of the newest kernels are set. */
#define LOOKUP_NARROW UINT64_C(0x003ffffffffff000)

uint64_t entry_field_value(struct entry_field field, uint64_t entry)
{
	if (!field.bits)
		return 0;
	uint64_t mask = field.bits >= 64 ? UINT64_MAX : (UINT64_C(1) << field.bits) - 1;
	return entry >> field.bit & mask;
}

static uint64_t field(struct entry_field which, uint64_t entry)
{
	return entry_field_value(which, entry);
}

/*
 * MiSwizzleInvalidPte() of 10.0.15063 and later (and of the updates of 2018 for older builds): an
 * entry that has none of the mask's bits gets them all and keeps its SwizzleBit clear; one that
 * has some is left as it is and its SwizzleBit is set. So where the bit is clear the mask's bits
 * were clear before.
 */
uint64_t entry_unswizzle(const struct memory *memory, uint64_t entry)
{
	if (!memory->invalid_mask || field(memory->layout.swizzle, entry))
		return entry;
	return entry & ~memory->invalid_mask;
}

static bool is_x64(const struct memory *memory)
{
	return memory->operations->address_mask > UINT32_MAX;
}

static bool all_ones(struct entry_field field, uint64_t entry)
{
	return field.bits && field.bits < 64 &&
	       (~entry >> field.bit & ((UINT64_C(1) << field.bits) - 1)) == 0;
}

/*
 * MM_PROTECTION_MASK: bits 0-2 are 2 execute, 3 execute-read, 6 execute-read-write, 7
 * execute-write-copy among the executable; 4 and above are writable (5 and 7 by copy).
 */
static void rights(uint64_t protection, struct page *page)
{
	unsigned int access = (unsigned int)protection & 7;
	page->executable = access == 2 || access == 3 || access == 6 || access == 7;
	page->writable = access >= 4;
}

static void transition(const struct memory *memory, uint64_t entry, struct page *page)
{
	page->state = PAGE_TRANSITION;
	page->frame = field(memory->layout.frame, entry_unswizzle(memory, entry)) << 12;
	if (!memory->invalid_mask_known)
		page->frame &= memory->frame_mask;
}

static void page_file(const struct memory *memory, uint64_t entry, struct page *page)
{
	const struct entry_layout *layout = &memory->layout;
	uint64_t offset = field(layout->page_file_offset, entry);
	/* Turned over rather than cleared: the same, but for writers that always turn them over. */
	if (offset && !field(layout->swizzle, entry))
		offset ^= field(layout->page_file_offset, memory->invalid_mask);
	if (!offset) {
		page->state = PAGE_DEMAND_ZERO; /* committed, nothing but a protection so far */
		return;
	}
	page->state = PAGE_PAGEFILE;
	page->page_file = (uint8_t)field(layout->page_file_number, entry);
	page->page_file_offset = offset;
}

/*
 * From Windows 11 22H2 on the prototype PTE of a page that is only in the file may be the address
 * of the section's control area as it stands (seen by MemProcFS): no page file is that large.
 */
static bool control_area(const struct memory *memory, uint64_t entry)
{
	return is_x64(memory) && is_kernel_address(PAGING_X64, entry) && !(entry & 15);
}

/* A prototype PTE's own entry: its prototype bit says that the page is in the mapped file. */
static void prototype_entry(const struct memory *memory, uint64_t entry, struct page *page)
{
	page->prototype = true;
	if (entry & ENTRY_VALID) {
		page->state = PAGE_VALID;
		page->frame = entry & memory->operations->frame_mask;
	} else if (entry & ENTRY_PROTOTYPE || control_area(memory, entry)) {
		page->state = PAGE_FILE;
	} else if (entry & ENTRY_TRANSITION) {
		transition(memory, entry, page);
	} else {
		page_file(memory, entry, page);
	}
	if (!(entry & ENTRY_VALID))
		rights(field(memory->layout.protection, entry), page);
}

static void read_prototype(struct space *space, uint64_t prototype, struct page *page)
{
	uint64_t entry;
	unsigned int size = space->memory->operations->entry_size;
	page->prototype = true;
	page->state = PAGE_LOST;
	if (!space->kernel || !space_pointer(space->kernel, prototype, size, &entry))
		return;
	prototype_entry(space->memory, entry, page);
}

void space_prototype_page(struct space *space, uint64_t prototype, struct page *page)
{
	read_prototype(space, prototype, page);
	page_find(space, page, NULL);
}

/* The prototype PTE that the VAD has for a page; false when it has none. */
static bool ask_vad(struct space *space, uint64_t address, struct page *page)
{
	uint64_t prototype =
		space->find_prototype ? space->find_prototype(space->find_context, address) : 0;
	if (!prototype)
		return false;
	read_prototype(space, prototype, page);
	return true;
}

/*
 * Without PAE, 30 or 31 bits count from a constant, in steps of 4: the start of paged pool in XP and
 * 2003, whose ProtoAddressLow has 7 bits, and that of the kernel's half since Vista, whose has 8
 * (MiPteToProto; MM_PAGED_POOL_START is fixed there).
 */
static uint64_t split_prototype_address(const struct entry_layout *layout, uint64_t entry)
{
	unsigned int shift = 2 + layout->prototype_address_low.bits;
	uint64_t base = layout->prototype_address_low.bits < 8 ? 0xe1000000 : KERNEL_HALF_X86;
	return base + (field(layout->prototype_address_high, entry) << shift) +
	       (field(layout->prototype_address_low, entry) << 2);
}

/* The address is sign-extended from the field's width. */
static uint64_t prototype_address(const struct entry_layout *layout, uint64_t entry)
{
	if (layout->prototype_address_high.bits)
		return split_prototype_address(layout, entry);
	unsigned int bits = layout->prototype_address.bits;
	uint64_t address = field(layout->prototype_address, entry);
	if (bits && bits < 64 && address >> (bits - 1))
		address |= ~((UINT64_C(1) << bits) - 1);
	return address;
}

/* All ones in place of the address: only the VAD knows (MiIsPrototypePteVadLookup()). */
static bool needs_lookup(const struct memory *memory, uint64_t entry)
{
	if (all_ones(memory->layout.page_file_offset, entry))
		return true;
	return is_x64(memory) && (entry & LOOKUP_NARROW) == LOOKUP_NARROW;
}

bool entry_leads_to(const struct memory *memory, uint64_t entry, uint64_t prototype)
{
	uint64_t mask = memory->operations->address_mask;
	uint64_t plain = entry_unswizzle(memory, entry);
	return needs_lookup(memory, entry) ||
	       (prototype_address(&memory->layout, plain) & mask) == (prototype & mask);
}

static void prototype(struct space *space, uint64_t address, struct page *page)
{
	const struct entry_layout *layout = &space->memory->layout;
	uint64_t entry = page->entry;
	uint64_t mask = space->memory->operations->address_mask;
	uint64_t plain = entry_unswizzle(space->memory, entry);
	uint64_t at = prototype_address(layout, plain) & mask;
	page->prototype = true;
	page->state = PAGE_LOST;
	bool look_up = needs_lookup(space->memory, entry);
	if (look_up) {
		if (!ask_vad(space, address, page))
			page->state = PAGE_LOST;
	} else if (at) {
		read_prototype(space, at, page);
		/* Written without the mask: one of a kernel that was not yet told of it. */
		if (page->state == PAGE_LOST && plain != entry)
			read_prototype(space, prototype_address(layout, entry) & mask, page);
	}
	/* This process's own protection goes before that of the section. */
	uint64_t protection =
		field(look_up ? layout->protection : layout->prototype_protection, entry);
	if (protection)
		rights(protection, page);
}

void entry_resolve(struct space *space, uint64_t address, struct page *page)
{
	const struct memory *memory = space->memory;
	uint64_t entry = page->entry;
	if (page->state == PAGE_NO_TABLE || !entry) {
		/* A view of a section that this process has not touched here. */
		uint64_t span = page->span;
		enum page_state state = page->state;
		page->span = PAGE_SIZE;
		if (ask_vad(space, address, page))
			return;
		page->span = span;
		page->state = state == PAGE_NO_TABLE ? state : PAGE_DEMAND_ZERO;
		return;
	}
	if (entry & ENTRY_PROTOTYPE) {
		prototype(space, address, page);
		return;
	}
	rights(field(memory->layout.protection, entry), page);
	if (entry & ENTRY_TRANSITION)
		transition(memory, entry, page);
	else
		page_file(memory, entry, page);
}

const uint8_t *entry_table(struct space *space, uint64_t entry)
{
	struct page page = {0};
	if (!entry || entry & ENTRY_PROTOTYPE)
		return NULL;
	if (entry & ENTRY_TRANSITION)
		transition(space->memory, entry, &page);
	else
		page_file(space->memory, entry, &page);
	page_find(space, &page, NULL);
	return page.data;
}
