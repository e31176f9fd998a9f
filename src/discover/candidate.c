/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine that is tried, as what reads its structures needs it.
 */
#include "discover/candidate.h"

#include <string.h>

bool profile_fits_paging(const struct profile *profile, enum paging paging)
{
	bool x64 = paging == PAGING_X64;
	return (profile->architecture == ARCHITECTURE_X64) == x64 &&
	       (x64 || (profile_offset(profile, MMPTE_size) == 8) == (paging == PAGING_PAE));
}

void candidate_use_profile(struct candidate *candidate, const struct profile *profile)
{
	struct entry_layout layout = entry_layout_of(profile);
	candidate->profile = profile;
	memory_set_entries(candidate->memory, &layout);
}

struct windows candidate_machine(const struct candidate *candidate)
{
	struct windows windows = {
		.image = candidate->image,
		.memory = candidate->memory,
		.profile = candidate->profile,
		.architecture = candidate->architecture,
		.pointer_size = candidate->pointer_size,
		.dtb = candidate->dtb,
		.kernel_base = candidate->kernel_base,
		.kernel_size = candidate->kernel_size,
		.kernel_pdb = candidate->kernel_pdb,
		.build = candidate->build,
		.build_kernel = candidate->build_kernel,
		.build_shared = candidate->build_shared,
		.major = candidate->major,
		.minor = candidate->minor,
		.system = candidate->system,
		.ps_loaded_module_list = candidate->ps_loaded_module_list,
	};
	_Static_assert(sizeof(windows.kernel_name) == sizeof(candidate->kernel_name),
		       "one of them would be cut");
	memcpy(windows.kernel_name, candidate->kernel_name, sizeof(windows.kernel_name));
	return windows;
}
