/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Page-table entries (PTEs): the processor's bits, and what Windows's memory manager keeps in the
 * others of an entry that is not valid. One entry is decoded by itself; what it leads to (a
 * prototype PTE, a page file, a frame of the image) is looked up in space.h.
 *
 * Sources: Intel SDM volume 3, chapter 4; MMPTE and its members in the public symbols; Martignetti,
 * "What Makes It Page?".
 *
 * Room: memory.
 */
#ifndef IMPSCAN_ENTRY_H
#define IMPSCAN_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Bits that have the same place in entries of every kind of page table. PTE_LARGE counts only above
 * the last level; PTE_PROTOTYPE and PTE_TRANSITION only in entries that are not valid.
 */
#define PTE_VALID      UINT64_C(0x001)
#define PTE_WRITE      UINT64_C(0x002)
#define PTE_LARGE      UINT64_C(0x080)
#define PTE_PROTOTYPE  UINT64_C(0x400)
#define PTE_TRANSITION UINT64_C(0x800)

/* Entries of 8 bytes (PAE, x64): no code may run from the page. */
#define PTE_NO_EXECUTE (UINT64_C(1) << 63)

/* The physical address in a valid entry, by the entry's size. */
#define PTE_FRAME_4 UINT64_C(0x00000000fffff000)
#define PTE_FRAME_8 UINT64_C(0x000ffffffffff000)

/* A bit field of an entry; `bits` 0: this kernel does not have it. */
struct entry_field {
	uint8_t bit; /* the lowest */
	uint8_t bits;
};

/* The value of a field of an entry; 0 when the kernel does not have it. */
static inline uint64_t entry_field_value(struct entry_field field, uint64_t entry)
{
	if (!field.bits)
		return 0;
	uint64_t mask = field.bits >= 64 ? UINT64_MAX : (UINT64_C(1) << field.bits) - 1;
	return entry >> field.bit & mask;
}

/*
 * Where Windows keeps what in entries that are not valid, by the members of MMPTE_SOFTWARE,
 * MMPTE_TRANSITION and MMPTE_PROTOTYPE. Differs by build.
 */
struct entry_layout {
	struct entry_field frame;	      /* MMPTE_TRANSITION.PageFrameNumber */
	struct entry_field protection;	      /* MMPTE_SOFTWARE.Protection */
	struct entry_field page_file_number;  /* MMPTE_SOFTWARE.PageFileLow */
	struct entry_field page_file_offset;  /* MMPTE_SOFTWARE.PageFileHigh, in pages */
	struct entry_field prototype_address; /* MMPTE_PROTOTYPE.ProtoAddress, sign-extended */
	struct entry_field swizzle;	      /* SwizzleBit, the same in all of them */
	/* Without PAE the address is in two parts, ProtoAddressLow and ProtoAddressHigh. */
	struct entry_field prototype_address_low;
	struct entry_field prototype_address_high;
	struct entry_field prototype_protection; /* MMPTE_PROTOTYPE.Protection */
};

/* All that is needed to decode an entry of one machine. */
struct entry_format {
	struct entry_layout layout;
	/*
	 * The InvalidPteMask of this machine, see entry_unmask(); 0: none. While `mask_known` is
	 * false, a frame in transition is cut to the bits of `image_frames` instead.
	 */
	uint64_t mask;
	bool mask_known;
	uint64_t image_frames; /* the bits that physical addresses of the image's pages can have */
	uint64_t valid_frame;  /* PTE_FRAME_4 or PTE_FRAME_8 */
	uint64_t address_bits; /* those of a virtual address: UINT32_MAX or UINT64_MAX */
};

/* What an entry says of its page. */
enum entry_kind {
	ENTRY_VALID,	   /* in memory, at `frame` */
	ENTRY_TRANSITION,  /* trimmed from the working set, still at `frame` */
	ENTRY_PAGE_FILE,   /* in `page_file` at `page_file_offset` */
	ENTRY_DEMAND_ZERO, /* not there yet */
	ENTRY_PROTOTYPE,   /* as the prototype PTE at `prototype` says; 0: at none */
	ENTRY_ASK_VAD,	   /* as the prototype PTE says that the VAD has for the page */
	ENTRY_MAPPED_FILE, /* only in the file that is mapped; of a prototype PTE only */
};

struct page_entry {
	enum entry_kind kind;
	bool writable, executable; /* by `protection` */
	uint8_t page_file;
	uint64_t protection; /* MM_PROTECTION_MASK; 0: the entry says none. Not of valid entries. */
	uint64_t frame;	     /* a physical address */
	uint64_t page_file_offset; /* in pages */
	uint64_t prototype;	   /* a kernel address */
	/*
	 * The address when the entry was stored without the mask, as before the kernel set it up;
	 * the same as `prototype` where the mask makes no difference.
	 */
	uint64_t prototype_unmasked;
};

/* Decodes an entry of a page table. */
void entry_decode(const struct entry_format *format, uint64_t bits, struct page_entry *entry);

/*
 * Decodes a prototype PTE. It differs in two ways: PTE_PROTOTYPE means that the page is in the
 * mapped file, and from Windows 11 22H2 on so does an entry that is the address of the section's
 * control area (seen by MemProcFS).
 */
void entry_decode_prototype(const struct entry_format *format, uint64_t bits,
			    struct page_entry *entry);

/*
 * An entry that is not valid as it was before the kernel stored it with the mask.
 * MiSwizzleInvalidPte() of 10.0.15063 and later (and of the updates of 2018 for older builds,
 * against L1TF) sets all bits of InvalidPteMask in an entry that has none of them, and leaves
 * SwizzleBit clear; one that has some of them it leaves as it is, and sets SwizzleBit.
 */
static inline uint64_t entry_unmask(const struct entry_format *format, uint64_t bits)
{
	bool masked = format->mask && !entry_field_value(format->layout.swizzle, bits);
	return masked ? bits & ~format->mask : bits;
}

/*
 * The offset in a page file, in pages, of an entry that is neither valid nor in transition nor a
 * prototype's; 0: it is in none.
 */
uint64_t entry_page_file_offset(const struct entry_format *format, uint64_t bits);

/*
 * The address of a prototype PTE in an entry that has PTE_PROTOTYPE and is without the mask,
 * extended to 64 bits by its sign.
 */
uint64_t entry_prototype_address(const struct entry_layout *layout, uint64_t bits);

/*
 * Does an entry with PTE_PROTOTYPE stand for the page of the prototype PTE at `prototype`, which is
 * the one that the VAD has for it?
 */
bool entry_leads_to(const struct entry_format *format, uint64_t bits, uint64_t prototype);

/*
 * Is it an entry of a private page that is not valid: neither zero nor leading to a prototype PTE?
 */
static inline bool entry_is_kept(uint64_t bits)
{
	return (bits != 0) & !(bits & (PTE_VALID | PTE_PROTOTYPE));
}

/* Is it an entry that is not valid and leads to a prototype PTE? */
static inline bool entry_is_prototype(uint64_t bits)
{
	return (bits & (PTE_VALID | PTE_PROTOTYPE)) == PTE_PROTOTYPE;
}

#endif
