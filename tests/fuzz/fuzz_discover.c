/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine is damaged, then looked for: page maps, the kernel, the profile that fits, inference
 * without one. It may not be found; what is found must be sound in itself. Steps are bounded to
 * less than an image is worth (by the linker's --wrap), so that a run is short.
 *
 *	input	byte 0: machine; byte 1: what the user knows; then pieces of damage
 */
#include "machine_kinds.h"

#define STEPS_OF_IMAGE 150000

uint64_t __wrap_budget_of_pages(uint64_t pages);

uint64_t __wrap_budget_of_pages(uint64_t pages)
{
	return STEPS_OF_IMAGE + pages;
}

static void check_found(const struct discovery *discovery)
{
	const struct windows *windows = discovery->windows;
	need(windows->profile && windows->system && windows->kernel_size);
	need(windows->pointer_size == (windows->architecture == ARCHITECTURE_X64 ? 8 : 4));
	need(!windows->inferred || windows->profile == windows->inferred);
	need(discovery->page_map_source[0] != '\0');
	need(windows->paging_file_count <= PAGE_FILES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct before before[PIECES];
	struct written_machine *m = machine_of_kind(data[0]);
	unsigned int what = data[1];
	struct windows_options options = {
		.dtb = what & 1 ? m->windows->dtb : 0,
		.kernel_base = what & 2 ? m->windows->kernel_base : 0,
		.profile = what & 4 ? m->windows->profile : NULL,
		.infer = (what & 12) == 8,
	};
	size_t pieces = damage_all(m, data + 2, size - 2, before);
	_cleanup_discovery_ struct discovery discovery = {0};
	_cleanup_error_ struct error *error =
		windows_open(m->image, m->profiles, &options, &discovery);
	need(!error == !!discovery.windows);
	if (discovery.windows) {
		check_found(&discovery);
		if (what & 16) {
			struct entry_votes votes = {0};
			windows_page_file_use(discovery.windows, &votes);
		}
	} else {
		need(error_message(error)[0] != '\0');
	}
	mend_all(m, before, pieces);
	return 0;
}
