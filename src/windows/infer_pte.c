/*
 * Entries of pages that are not valid (MMPTE_*). Updates have moved their fields; the entries of
 * modules' pages that lead to prototype PTEs show which form it is: the address in them must be
 * that which the VAD has for the page, and their protection one that pages of an image can have.
 * Since the updates of 2018 entries have a SwizzleBit, where before were CacheDisable, or the upper
 * bits of a page file's number, which are 0; and PageFileAllocated, where page file 0 left zeros.
 */
#include "windows/infer.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "windows/discover.h"

#define ENTRY_VALID	 UINT64_C(0x001)
#define ENTRY_SWIZZLE	 UINT64_C(0x010)
#define ENTRY_LOW	 UINT64_C(0x01e) /* PageFileLow of old */
#define ENTRY_PROTOTYPE	 UINT64_C(0x400)
#define ENTRY_TRANSITION UINT64_C(0x800)

/* Entries that are looked at. */
#define MOST_ENTRIES 1000000

/* Entries of a user page that lead to the prototype PTE of the same page, by what follows. */
struct entry {
	uint64_t value;
	uint64_t prototype; /* by the VAD */
};

struct entries {
	struct entry *items;
	size_t count;
	size_t capacity;
	size_t looked;
	/* Of those that lead to a page file or to a frame in transition: ... */
	size_t absent;
	size_t swizzled;    /* with the bit that is SwizzleBit now */
	size_t page_file_0; /* to a page file, with none of the bits that were its number */
};

static bool is_entry_member(enum profile_member member)
{
	return !strncmp(profile_type_name(member), "MMPTE", 5);
}

/* `prototype`: the address of the page's prototype PTE by the VAD; 0: none. */
static void add_entry(const struct infer *infer, uint64_t entry, uint64_t prototype,
		      struct entries *entries)
{
	unsigned int size = profile_offset(infer->profile, MMPTE_size);
	if (entry & ENTRY_PROTOTYPE) {
		if (prototype)
			*array_push(entries->items, entries->count, entries->capacity) =
				(struct entry){entry, prototype};
		return;
	}
	bool transition = entry & ENTRY_TRANSITION;
	if (!transition && !(entry >> (size == 8 ? 32 : 12)))
		return; /* demand zero */
	entries->absent++;
	if (entry & ENTRY_SWIZZLE)
		entries->swizzled++;
	else if (!transition && !(entry & ENTRY_LOW))
		entries->page_file_0++;
}

static void collect(const struct infer *infer, const struct sample *sample, const struct vad *vad,
		    struct entries *entries)
{
	unsigned int size = profile_offset(infer->profile, MMPTE_size);
	uint64_t address = vad->start, first = 0;
	if (profile_has(infer->profile, MMVAD_FirstPrototypePte) && vad->kind == VAD_IMAGE)
		(void)space_pointer(infer->kernel,
				    vad->address +
					    profile_offset(infer->profile, MMVAD_FirstPrototypePte),
				    infer->windows->pointer_size, &first);
	while (address <= vad->end && entries->looked++ < MOST_ENTRIES) {
		struct page page;
		uint64_t index = (address - vad->start) / PAGE_SIZE;
		space_page(sample->space, address, &page);
		if (page.entry && !(page.entry & ENTRY_VALID) && page.span == PAGE_SIZE)
			add_entry(infer, page.entry, first ? first + index * size : 0, entries);
		address = (address & ~(page.span - 1)) + page.span;
		if (!address)
			break;
	}
}

static uint64_t bits_of(const struct profile *profile, enum profile_member member, uint64_t entry)
{
	return profile_has(profile, member) ? profile_bits(profile, member, entry) : 0;
}

/* The address in an entry as this form has it, without what is lost to the width. */
static bool leads_to(const struct profile *profile, const struct entry *entry)
{
	if (profile_has(profile, MMPTE_PROTOTYPE_ProtoAddressHigh)) {
		unsigned int low = profile->field[MMPTE_PROTOTYPE_ProtoAddressLow].bits;
		uint64_t base = low < 8 ? 0xe1000000 : 0x80000000; /* see memory's entries */
		return base +
			       (bits_of(profile, MMPTE_PROTOTYPE_ProtoAddressHigh, entry->value)
				<< (2 + low)) +
			       (bits_of(profile, MMPTE_PROTOTYPE_ProtoAddressLow, entry->value)
				<< 2) ==
		       entry->prototype;
	}
	const struct profile_field *field = &profile->field[MMPTE_PROTOTYPE_ProtoAddress];
	uint64_t mask = field->bits >= 64 ? UINT64_MAX : (UINT64_C(1) << field->bits) - 1;
	return field->present && bits_of(profile, MMPTE_PROTOTYPE_ProtoAddress, entry->value) ==
					 (entry->prototype & mask);
}

/* Page protections that an image's pages can have: 1, 3, 5, 6 and 7, and 4 once written. */
static bool is_image_protection(uint64_t protection)
{
	return protection >= 1 && protection <= 7 && protection != 2;
}

static struct tally judge_form(const struct profile *profile, const struct entries *entries)
{
	struct tally tally = {0};
	for (size_t i = 0; i < entries->count; i++) {
		const struct entry *entry = &entries->items[i];
		/* All ones: ask the VAD. What these hold is in the same place in all forms. */
		uint64_t high = bits_of(profile, MMPTE_SOFTWARE_PageFileHigh, entry->value);
		unsigned int width = profile->field[MMPTE_SOFTWARE_PageFileHigh].bits;
		if (width && width < 64 && high == (UINT64_C(1) << width) - 1)
			continue;
		bool protected_ = !profile_has(profile, MMPTE_PROTOTYPE_Protection) ||
				  is_image_protection(bits_of(profile, MMPTE_PROTOTYPE_Protection,
							      entry->value));
		tally_add(&tally, leads_to(profile, entry) && protected_);
	}
	bool swizzles = profile_has(profile, MMPTE_SOFTWARE_SwizzleBit);
	tally.good += (int)(swizzles ? entries->swizzled : entries->page_file_0);
	tally.bad += (int)(swizzles ? entries->page_file_0 : entries->swizzled);
	return tally;
}

void infer_entries(struct infer *infer)
{
	enum profile_member members[PROFILE_MEMBER_COUNT];
	size_t count = 0;
	for (enum profile_member i = 0; i < PROFILE_MEMBER_COUNT; i++)
		if (is_entry_member(i) && i != MMPTE_size)
			members[count++] = i;
	struct entries entries = {0};
	for (size_t i = 0; i < infer->sample_count; i++)
		for (size_t k = 0; k < infer->sample[i].vads.count; k++)
			collect(infer, &infer->sample[i], &infer->sample[i].vads.items[k],
				&entries);
	const struct profile *best = infer->neighbour[0];
	struct tally best_tally = {0};
	for (size_t i = 0; i < infer->neighbour_count; i++) {
		struct tally tally = judge_form(infer->neighbour[i], &entries);
		/* One is enough: an address of 48 bits does not agree by chance. */
		if (tally.bad * 4 > tally.good || tally.good <= best_tally.good)
			continue;
		best = infer->neighbour[i];
		best_tally = tally;
	}
	enum infer_state state = best_tally.good ? INFER_VERIFIED : INFER_ASSUMED;
	infer_take(infer, best, members, count, state);
	if (!best_tally.good && entries.count + entries.absent)
		infer_doubt(infer,
			    "the form of page-table entries (MMPTE) is assumed to be that of "
			    "%s: nothing in the image shows it",
			    best->name);
	free(entries.items);
}
