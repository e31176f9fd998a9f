/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decoding one page-table entry, or one prototype PTE, by its bits alone. What it leads to is
 * looked up in space.c. The order of tests is the kernel's own: valid, prototype, transition, page
 * file, zero.
 */
#include <impscan/entry.h>

#include <impscan/kernel_address.h>

/*
 * The newest kernels set these bits of an entry whose prototype PTE only the VAD knows
 * (MiIsPrototypePteVadLookup()).
 */
#define LOOKUP_NARROW UINT64_C(0x003ffffffffff000)

static bool has_8_byte_addresses(const struct entry_format *format)
{
	return format->address_bits > UINT32_MAX;
}

static bool all_ones(struct entry_field field, uint64_t bits)
{
	return field.bits && field.bits < 64 &&
	       (~bits >> field.bit & ((UINT64_C(1) << field.bits) - 1)) == 0;
}

/*
 * MM_PROTECTION_MASK: of its lower 3 bits, 2 is execute, 3 execute-read, 6 execute-read-write and 7
 * execute-write-copy; 4 and above are writable (5 and 7 by copy).
 */
static void set_protection(struct page_entry *entry, uint64_t protection)
{
	unsigned int access = (unsigned int)protection & 7;
	entry->protection = protection;
	entry->executable = access == 2 || access == 3 || access == 6 || access == 7;
	entry->writable = access >= 4;
}

uint64_t entry_page_file_offset(const struct entry_format *format, uint64_t bits)
{
	const struct entry_layout *layout = &format->layout;
	uint64_t offset = entry_field_value(layout->page_file_offset, bits);
	/* The mask is inverted rather than cleared, for kernels that inverted it in every entry. */
	if (offset && !entry_field_value(layout->swizzle, bits))
		offset ^= entry_field_value(layout->page_file_offset, format->mask);
	return offset;
}

/* An entry that is neither valid nor a prototype's. */
static void decode_private(const struct entry_format *format, uint64_t bits,
			   struct page_entry *entry)
{
	const struct entry_layout *layout = &format->layout;
	if (bits & PTE_TRANSITION) {
		entry->kind = ENTRY_TRANSITION;
		entry->frame = entry_field_value(layout->frame, entry_unmask(format, bits)) << 12;
		if (!format->mask_known)
			entry->frame &= format->image_frames;
		return;
	}
	uint64_t offset = entry_page_file_offset(format, bits);
	entry->kind = offset ? ENTRY_PAGE_FILE : ENTRY_DEMAND_ZERO;
	if (!offset)
		return;
	entry->page_file = (uint8_t)entry_field_value(layout->page_file_number, bits);
	entry->page_file_offset = offset;
}

/*
 * Without PAE the address is 30 or 31 bits, in units of 4 bytes from a constant: the start of paged
 * pool in XP and 2003, whose ProtoAddressLow has 7 bits (MM_PAGED_POOL_START is fixed there), and
 * that of the kernel's half since Vista, whose has 8 (MiPteToProto).
 */
static uint64_t split_prototype_address(const struct entry_layout *layout, uint64_t bits)
{
	unsigned int shift = 2 + layout->prototype_address_low.bits;
	uint64_t base = layout->prototype_address_low.bits < 8 ? 0xe1000000 : KERNEL_HALF_X86;
	return base + (entry_field_value(layout->prototype_address_high, bits) << shift) +
	       (entry_field_value(layout->prototype_address_low, bits) << 2);
}

uint64_t entry_prototype_address(const struct entry_layout *layout, uint64_t bits)
{
	if (layout->prototype_address_high.bits)
		return split_prototype_address(layout, bits);
	unsigned int width = layout->prototype_address.bits;
	uint64_t address = entry_field_value(layout->prototype_address, bits);
	if (width && width < 64 && address >> (width - 1))
		address |= ~((UINT64_C(1) << width) - 1);
	return address;
}

/* Has the entry all ones in the place of the address, so that only the VAD knows it? */
static bool asks_vad(const struct entry_format *format, uint64_t bits)
{
	if (all_ones(format->layout.page_file_offset, bits))
		return true;
	return has_8_byte_addresses(format) && (bits & LOOKUP_NARROW) == LOOKUP_NARROW;
}

bool entry_leads_to(const struct entry_format *format, uint64_t bits, uint64_t prototype)
{
	uint64_t address = entry_prototype_address(&format->layout, entry_unmask(format, bits));
	return asks_vad(format, bits) || ((address ^ prototype) & format->address_bits) == 0;
}

static void decode_shared(const struct entry_format *format, uint64_t bits,
			  struct page_entry *entry)
{
	const struct entry_layout *layout = &format->layout;
	if (asks_vad(format, bits)) {
		entry->kind = ENTRY_ASK_VAD;
		set_protection(entry, entry_field_value(layout->protection, bits));
		return;
	}
	uint64_t plain = entry_unmask(format, bits);
	entry->kind = ENTRY_PROTOTYPE;
	entry->prototype = entry_prototype_address(layout, plain) & format->address_bits;
	entry->prototype_unmasked = entry_prototype_address(layout, bits) & format->address_bits;
	set_protection(entry, entry_field_value(layout->prototype_protection, bits));
}

static bool decode_valid(const struct entry_format *format, uint64_t bits, struct page_entry *entry)
{
	*entry = (struct page_entry){.kind = ENTRY_VALID};
	if (!(bits & PTE_VALID))
		return false;
	entry->frame = bits & format->valid_frame;
	return true;
}

void entry_decode(const struct entry_format *format, uint64_t bits, struct page_entry *entry)
{
	if (decode_valid(format, bits, entry))
		return;
	if (bits & PTE_PROTOTYPE) {
		decode_shared(format, bits, entry);
		return;
	}
	decode_private(format, bits, entry);
	set_protection(entry, entry_field_value(format->layout.protection, bits));
}

/* No page file is so large that the offset in it could look like a kernel address. */
static bool is_control_area(const struct entry_format *format, uint64_t bits)
{
	return has_8_byte_addresses(format) && is_kernel_address(PAGING_X64, bits) && !(bits & 15);
}

void entry_decode_prototype(const struct entry_format *format, uint64_t bits,
			    struct page_entry *entry)
{
	if (decode_valid(format, bits, entry))
		return;
	if (bits & PTE_PROTOTYPE || is_control_area(format, bits))
		entry->kind = ENTRY_MAPPED_FILE;
	else
		decode_private(format, bits, entry);
	set_protection(entry, entry_field_value(format->layout.protection, bits));
}
