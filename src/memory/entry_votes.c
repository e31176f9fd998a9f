/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Statistics over page-table entries that are not valid, mostly for finding InvalidPteMask.
 *
 * Where the kernel uses a mask, every such entry with a clear SwizzleBit has all of the mask's bits
 * set (see entry_unmask()). So in an entry in transition the bits of the frame above the image's
 * memory are the mask, and in one that is demand zero the page-file offset is. The majority
 * decides, so that a few damaged entries don't matter; "no mask" is one of the answers.
 */
#include "memory/paging.h"

#include <impscan/bytes.h>
#include <impscan/entry_votes.h>

/* Bytes of a table that are looked at together; a multiple of every entry's size. */
#define LINE 256

static void vote(struct mask_tally *tally, uint64_t mask)
{
	for (size_t i = 0; i < tally->count; i++) {
		if (tally->masks[i].mask == mask) {
			tally->masks[i].votes++;
			return;
		}
	}
	/*
	 * Full: the rarest loses a vote, and its place with the last one, so that frequent masks
	 * stay.
	 */
	size_t at = tally->count;
	if (at == MASK_TALLY) {
		at = 0;
		for (size_t i = 1; i < MASK_TALLY; i++)
			if (tally->masks[i].votes < tally->masks[at].votes)
				at = i;
		if (--tally->masks[at].votes)
			return;
	} else {
		tally->count++;
	}
	tally->masks[at].mask = mask;
	tally->masks[at].votes = 1;
}

static uint64_t field_bits(struct entry_field field)
{
	if (!field.bits)
		return 0;
	return entry_field_value(field, UINT64_MAX) << field.bit;
}

static void paged(struct entry_votes *votes, uint64_t high)
{
	votes->paged++;
	for (; high; high &= high - 1)
		votes->paged_bits[__builtin_ctzll(high)]++;
}

/* Counts where an entry in a page file has bits set. Bit 4 is left out: it may be SwizzleBit. */
static void count_place(struct entry_votes *votes, uint64_t entry)
{
	bool low = entry >> 1 & 7, high = entry >> 12 & 15;
	votes->both += low && high;
	votes->low += low && !high;
	votes->high += high && !low;
	votes->neither += !low && !high;
}

/* Counts one entry_is_kept(). */
static void look(struct entry_votes *votes, const struct memory *memory, uint64_t entry)
{
	const struct entry_layout *layout = &memory->format.layout;
	bool plain = entry_field_value(layout->swizzle, entry) != 0;
	votes->entries++;
	votes->plain += plain;
	if (entry & PTE_TRANSITION) {
		if (!plain)
			vote(&votes->transition,
			     entry & field_bits(layout->frame) & ~memory->format.image_frames);
		return;
	}
	uint64_t high = entry & field_bits(layout->page_file_offset);
	/* No bit, or one above the image's memory, the mask's: demand zero. */
	bool zero = !(high & (high - 1)) && !(high & memory->format.image_frames);
	if (!plain && zero)
		vote(&votes->zero, high);
	else if (!plain)
		paged(votes, high & ~memory->format.image_frames);
	if (!zero)
		count_place(votes, entry);
	uint64_t offset = entry_page_file_offset(&memory->format, entry);
	if (!offset)
		return;
	uint64_t number = entry_field_value(layout->page_file_number, entry);
	if (number >= PAGE_FILES)
		return;
	votes->page_files[number].pages++;
	if (offset >= votes->page_files[number].end)
		votes->page_files[number].end = offset + 1;
}

/* Is any entry_is_kept() among those of LINE bytes? Most often there is none. */
static bool any_kept(const uint8_t *entries, unsigned int size)
{
	bool any = false;
	if (size == 8)
		for (size_t at = 0; at < LINE; at += 8)
			any |= entry_is_kept(le64(entries + at));
	else
		for (size_t at = 0; at < LINE; at += 4)
			any |= entry_is_kept(le32(entries + at));
	return any;
}

/* Steps of a table, and how many of the entries that are counted are another one. */
#define TABLE_STEPS  3
#define STEP_ENTRIES 8

void entry_votes_add(struct entry_votes *votes, struct space *space, uint64_t first, uint64_t end,
		     unsigned int tables, struct budget *budget)
{
	const struct memory *memory = space->memory;
	const unsigned int size = memory->operations->entry_size;
	space_refresh(space);
	const uint64_t table_span = PAGE_SIZE * (PAGE_SIZE / size);
	uint64_t address = first;
	/* Where a table is missing, all that it would cover is passed over. */
	for (unsigned int upper = 0; tables && upper < 1u << 16; upper++) {
		uint64_t looked = votes->entries;
		if (address >= end || !space_canonical(space, address) ||
		    !budget_spend(budget, TABLE_STEPS))
			return;
		struct page page = {.span = PAGE_SIZE};
		memory->operations->walk(space, address, &page);
		/* The space remembers the table from the walk: one walk serves all its entries. */
		const struct space_table *table = space_known_table(space, address);
		uint64_t span = table ? table_span : page.span;
		uint64_t next = (address & ~(span - 1)) + span;
		for (; table && address < next; address += PAGE_SIZE) {
			uint64_t at = address % table_span / PAGE_SIZE * size;
			if (at % LINE == 0 && !any_kept(table->entries + at, size)) {
				address += (LINE / size - 1) * PAGE_SIZE;
				continue;
			}
			uint64_t entry = le_pointer(table->entries + at, size);
			if (entry_is_kept(entry))
				look(votes, memory, entry);
		}
		(void)budget_spend(budget, (votes->entries - looked) / STEP_ENTRIES);
		tables -= table != NULL;
		if (next <= first)
			return;
		address = next;
	}
}

/* The mask with most votes; 0 when that is the winner, or there are none. */
static uint64_t winner(const struct mask_tally *tally)
{
	size_t best = 0;
	for (size_t i = 1; i < tally->count; i++)
		if (tally->masks[i].votes > tally->masks[best].votes)
			best = i;
	return tally->count ? tally->masks[best].mask : 0;
}

/*
 * The highest bit that most entries in a page file have set; 0: none. Offsets in one file may share
 * bits too, but lower ones: of a file of 32 GB they have 23 bits.
 */
static uint64_t shared_bit(const struct entry_votes *votes)
{
	for (unsigned int bit = 64; bit-- > 0;)
		if (votes->paged && votes->paged_bits[bit] > votes->paged / 4 * 3)
			return UINT64_C(1) << bit;
	return 0;
}

/* Is the mask's one bit set in most of the entries that would carry it? */
static bool most_carry(const struct entry_votes *votes, uint64_t mask)
{
	uint64_t entries = votes->paged, carry = votes->paged_bits[__builtin_ctzll(mask)];
	for (size_t i = 0; i < votes->zero.count; i++) {
		entries += votes->zero.masks[i].votes;
		if (votes->zero.masks[i].mask == mask)
			carry += votes->zero.masks[i].votes;
	}
	return carry > entries / 4 * 3;
}

bool entry_votes_mask(const struct entry_votes *votes, uint64_t *mask)
{
	/* A frame can't lie above the machine's memory: entries in transition are certain. */
	*mask = winner(&votes->transition);
	if (votes->transition.count)
		return true;
	/* A page-file offset may be a single bit by chance, but not in most. */
	*mask = winner(&votes->zero);
	if (*mask && most_carry(votes, *mask))
		return true;
	*mask = 0;
	if (votes->plain)
		*mask = shared_bit(votes);
	return *mask || votes->zero.count;
}

unsigned int entry_votes_number(const struct entry_votes *votes)
{
	uint64_t all = votes->low + votes->high + votes->both + votes->neither;
	if (votes->low == votes->high)
		return 0;
	/* Where there are no flags, page file 0 leaves all bits clear; others have a number. */
	bool flags = votes->neither <= all / 8;
	return (votes->low > votes->high) == flags ? 12 : 1;
}
