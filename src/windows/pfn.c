/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The PFN database: what the memory manager knows of each frame. Of x86 without PAE it tells which
 * protection a page has.
 */
#include <impscan/windows.h>

/* Where x86 without PAE maps the page tables: the PTE of an address lies at a fixed place. */
#define PTE_BASE_X86 UINT64_C(0xc0000000)

/* The lowest bits of PteAddress are flags: a PTE's address is a multiple of 4. */
#define PTE_ADDRESS_FLAGS UINT64_C(3)

/* Of an MMPTE that is not valid: it is of a section, or its page is in transition. */
#define PTE_NOT_SOFTWARE UINT64_C(0xc01)

bool windows_pfn_protection(const struct windows *windows, struct space *kernel, uint64_t address,
			    uint64_t frame, unsigned int *protection)
{
	const struct profile *profile = windows->profile;
	uint64_t pte, original;
	if (!windows->pfn_database)
		return false;
	uint64_t pfn =
		windows->pfn_database + frame / PAGE_SIZE * profile_offset(profile, MMPFN_size);
	if (!windows_pointer(windows, kernel, pfn, MMPFN_PteAddress, &pte) ||
	    (pte & ~PTE_ADDRESS_FLAGS) != PTE_BASE_X86 + address / PAGE_SIZE * 4 ||
	    !windows_pointer(windows, kernel, pfn, MMPFN_OriginalPte, &original) ||
	    original & PTE_NOT_SOFTWARE)
		return false;
	*protection = (unsigned int)profile_bits(profile, MMPTE_SOFTWARE_Protection, original);
	return true;
}
