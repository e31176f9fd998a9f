/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How Windows uses the bits of page-table entries that the processor does not look at.
 *
 * Room: memory.
 */
#ifndef IMPSCAN_ENTRY_H
#define IMPSCAN_ENTRY_H

#include <stdint.h>

/* Bits of an entry; `bits` 0: the kernel does not have them. */
struct entry_field {
	uint8_t bit;
	uint8_t bits;
};

/*
 * What Windows writes into page-table entries that the processor does not look at, by the members
 * of MMPTE_SOFTWARE, MMPTE_TRANSITION and MMPTE_PROTOTYPE. Differs by build.
 */
struct entry_layout {
	struct entry_field frame;	      /* MMPTE_TRANSITION.PageFrameNumber */
	struct entry_field protection;	      /* MMPTE_SOFTWARE.Protection */
	struct entry_field page_file_number;  /* MMPTE_SOFTWARE.PageFileLow */
	struct entry_field page_file_offset;  /* MMPTE_SOFTWARE.PageFileHigh, in pages */
	struct entry_field prototype_address; /* MMPTE_PROTOTYPE.ProtoAddress, sign-extended */
	struct entry_field swizzle;	      /* SwizzleBit, the same in all of them */
	/* Without PAE it is in two parts, ProtoAddressLow and ProtoAddressHigh. */
	struct entry_field prototype_address_low;
	struct entry_field prototype_address_high;
	struct entry_field prototype_protection; /* MMPTE_PROTOTYPE.Protection */
};

#endif
