/*
 * Page-table entries that are not valid, and prototype PTEs: what Windows's memory manager says of
 * a page. The order of tests is the kernel's own: valid, prototype, transition, page file, zero
 * (MMPTE and its members in the public symbols; Martignetti, "What Makes It Page?").
 */
#include "memory/paging.h"

#include <impscan/bytes.h>

#define ENTRY_VALID	 (UINT64_C(1) << 0)
#define ENTRY_PROTOTYPE	 (UINT64_C(1) << 10)
#define ENTRY_TRANSITION (UINT64_C(1) << 11)

static uint64_t field(struct entry_field field, uint64_t entry)
{
	if (!field.bits)
		return 0;
	uint64_t mask = field.bits >= 64 ? UINT64_MAX : (UINT64_C(1) << field.bits) - 1;
	return entry >> field.bit & mask;
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
	page->frame = field(memory->layout.frame, entry) << 12 & memory->frame_mask;
}

static void page_file(const struct memory *memory, uint64_t entry, struct page *page)
{
	const struct entry_layout *layout = &memory->layout;
	uint64_t offset = field(layout->page_file_offset, entry);
	if (!offset) {
		page->state = PAGE_DEMAND_ZERO; /* committed, nothing but a protection so far */
		return;
	}
	page->state = PAGE_PAGEFILE;
	page->page_file = (uint8_t)field(layout->page_file_number, entry);
	page->page_file_offset = offset;
}

/* A prototype PTE's own entry: its prototype bit says that the page is in the mapped file. */
static void prototype_entry(const struct memory *memory, uint64_t entry, struct page *page)
{
	page->prototype = true;
	if (entry & ENTRY_VALID) {
		page->state = PAGE_VALID;
		page->frame = entry & memory->operations->frame_mask;
	} else if (entry & ENTRY_PROTOTYPE) {
		page->state = PAGE_FILE;
	} else if (entry & ENTRY_TRANSITION) {
		transition(memory, entry, page);
	} else {
		page_file(memory, entry, page);
	}
	if (!(entry & ENTRY_VALID))
		rights(field(memory->layout.protection, entry), page);
}

void space_prototype_page(struct space *space, uint64_t prototype, struct page *page)
{
	uint64_t entry;
	unsigned int size = space->memory->operations->entry_size;
	page->prototype = true;
	page->state = PAGE_LOST;
	if (!space->kernel || !space_pointer(space->kernel, prototype, size, &entry))
		return;
	prototype_entry(space->memory, entry, page);
	if (page->state == PAGE_VALID || page->state == PAGE_TRANSITION)
		page->data = image_page(space->memory->image, page->frame);
}

/* The prototype PTE that the VAD has for a page; false when it has none. */
static bool ask_vad(struct space *space, uint64_t address, struct page *page)
{
	uint64_t prototype =
		space->find_prototype ? space->find_prototype(space->find_context, address) : 0;
	if (!prototype)
		return false;
	space_prototype_page(space, prototype, page);
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
	uint64_t base = layout->prototype_address_low.bits < 8 ? 0xe1000000 : 0x80000000;
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

static void prototype(struct space *space, uint64_t address, struct page *page)
{
	const struct entry_layout *layout = &space->memory->layout;
	uint64_t entry = page->entry;
	uint64_t at = prototype_address(layout, entry) & space->memory->operations->address_mask;
	page->prototype = true;
	/* All ones in the upper part: only the VAD knows (MiPteNeedsLookup). */
	bool look_up = all_ones(layout->page_file_offset, entry);
	if (look_up) {
		if (!ask_vad(space, address, page))
			page->state = PAGE_LOST;
	} else if (at) {
		space_prototype_page(space, at, page);
	} else {
		page->state = PAGE_LOST;
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
	if (!(entry & ENTRY_TRANSITION))
		return NULL;
	transition(space->memory, entry, &page);
	return image_page(space->memory->image, page.frame);
}
