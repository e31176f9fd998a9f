/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which form the page-table entries of pages that are not valid (MMPTE_*) have: updates within one
 * build have moved their fields.
 *
 * Two facts tell. An entry of an image's page that leads to a prototype PTE must have the address
 * that the VAD gives for the page, and a protection that pages of images can have. And since the
 * updates of 2018 entries have a SwizzleBit, in a place that was 0 before, and PageFileAllocated,
 * which is set where entries of page file 0 had zeros.
 */
#include "discover/entry_form.h"

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/entry.h>

#define ENTRY_SWIZZLE UINT64_C(0x010)
#define ENTRY_LOW     UINT64_C(0x01e) /* PageFileLow of old */

/* `prototype`: the address of the page's prototype PTE by the VAD; 0: none. */
static void add_entry(struct entry_facts *facts, unsigned int size, uint64_t entry,
		      uint64_t prototype)
{
	if (entry & PTE_PROTOTYPE) {
		if (prototype)
			*array_push(facts->items, facts->count, facts->capacity) =
				(struct entry_fact){entry, prototype};
		return;
	}
	bool transition = entry & PTE_TRANSITION;
	if (!transition && !(entry >> (size == 8 ? 32 : 12)))
		return; /* demand zero */
	facts->absent++;
	if (entry & ENTRY_SWIZZLE)
		facts->swizzled++;
	else if (!transition && !(entry & ENTRY_LOW))
		facts->page_file_0++;
}

void entry_facts_add(struct entry_facts *facts, const struct profile *profile, struct space *kernel,
		     struct space *space, const struct vad *vad, size_t limit)
{
	unsigned int size = profile_offset(profile, MMPTE_size);
	unsigned int pointer = profile->architecture == ARCHITECTURE_X64 ? 8 : 4;
	uint64_t address = vad->start, first = 0;
	if (profile_has(profile, MMVAD_FirstPrototypePte) && vad->kind == VAD_IMAGE)
		(void)space_pointer(kernel,
				    vad->address + profile_offset(profile, MMVAD_FirstPrototypePte),
				    pointer, &first);
	while (address <= vad->end && facts->looked < limit) {
		struct page page;
		uint64_t index = (address - vad->start) / PAGE_SIZE;
		facts->looked++;
		space_page(space, address, &page);
		if (page.entry && !(page.entry & PTE_VALID) && page.span == PAGE_SIZE)
			add_entry(facts, size, page.entry, first ? first + index * size : 0);
		address = (address & ~(page.span - 1)) + page.span;
		if (!address)
			break;
	}
}

static uint64_t bits_of(const struct profile *profile, enum profile_member member, uint64_t entry)
{
	return profile_has(profile, member) ? profile_bits(profile, member, entry) : 0;
}

/* Has the entry, in this form, the address of its prototype PTE, as far as the field is wide? */
static bool leads_to(const struct profile *profile, const struct entry_fact *entry)
{
	if (profile_has(profile, MMPTE_PROTOTYPE_ProtoAddressHigh)) {
		const struct profile_field *low = &profile->field[MMPTE_PROTOTYPE_ProtoAddressLow];
		const struct profile_field *high =
			&profile->field[MMPTE_PROTOTYPE_ProtoAddressHigh];
		struct entry_layout layout = {
			.prototype_address_low = {low->bit, low->bits},
			.prototype_address_high = {high->bit, high->bits},
		};
		return entry_prototype_address(&layout, entry->value) == entry->prototype;
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

struct tally entry_facts_judge(const struct entry_facts *facts, const struct profile *profile)
{
	struct tally tally = {0};
	for (size_t i = 0; i < facts->count; i++) {
		const struct entry_fact *entry = &facts->items[i];
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
	tally.good += (int)(swizzles ? facts->swizzled : facts->page_file_0);
	tally.bad += (int)(swizzles ? facts->page_file_0 : facts->swizzled);
	return tally;
}
