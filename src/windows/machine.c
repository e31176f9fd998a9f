/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine that is known: what is derived from the facts of struct windows. How they are found is
 * the business of the room discover.
 */
#include <impscan/process_dump.h>
#include <impscan/windows.h>

#include <stdlib.h>

/*
 * Steps for each present page that the processes may cost, beside what finding the kernel may. Each
 * process counts what is done for it, also where several share the result. 150 processes on a
 * machine of 4 GB come to a fifth of this.
 */
#define PROCESS_STEPS 170

uint64_t windows_work(const struct windows *windows)
{
	uint64_t pages = image_present_pages(windows->image);
	return budget_of_pages(pages) + pages * PROCESS_STEPS;
}

struct space *windows_kernel_space(const struct windows *windows)
{
	struct space *space = space_new(windows->memory, windows->dtb);
	space_set_prototypes(space, space, NULL, NULL); /* paged pool may be prototype pages */
	return space;
}

bool windows_pointer(const struct windows *windows, struct space *space, uint64_t structure,
		     enum profile_member member, uint64_t *value)
{
	return space_pointer(space, structure + profile_offset(windows->profile, member),
			     windows->pointer_size, value);
}

uint64_t page_map_address(enum paging paging, uint64_t cr3)
{
	switch (paging) {
	case PAGING_X86:
		return cr3 & UINT64_C(0xfffff000);
	case PAGING_PAE: /* the first table has 32 bytes */
		return cr3 & UINT64_C(0xffffffe0);
	case PAGING_X64:
	case PAGING_RANGES:
		break;
	}
	return cr3 & UINT64_C(0x000ffffffffff000);
}

struct entry_field entry_field_of(const struct profile *profile, enum profile_member member)
{
	const struct profile_field *field = &profile->field[member];
	return (struct entry_field){.bit = field->bit, .bits = field->bits};
}

struct entry_layout entry_layout_of(const struct profile *profile)
{
	return (struct entry_layout){
		.frame = entry_field_of(profile, MMPTE_TRANSITION_PageFrameNumber),
		.protection = entry_field_of(profile, MMPTE_SOFTWARE_Protection),
		.page_file_number = entry_field_of(profile, MMPTE_SOFTWARE_PageFileLow),
		.page_file_offset = entry_field_of(profile, MMPTE_SOFTWARE_PageFileHigh),
		.prototype_address = entry_field_of(profile, MMPTE_PROTOTYPE_ProtoAddress),
		.prototype_address_low = entry_field_of(profile, MMPTE_PROTOTYPE_ProtoAddressLow),
		.prototype_address_high = entry_field_of(profile, MMPTE_PROTOTYPE_ProtoAddressHigh),
		.prototype_protection = entry_field_of(profile, MMPTE_PROTOTYPE_Protection),
		.swizzle = entry_field_of(profile, MMPTE_SOFTWARE_SwizzleBit),
	};
}

void windows_close(struct windows *windows)
{
	for (size_t i = 0; i < windows->paging_file_count; i++)
		free(windows->paging_files[i].name);
	process_dump_free(windows->dump);
	memory_free(windows->memory);
	profile_free(windows->inferred);
	free(windows);
}
