/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hibernation file as the machine's build writes it, with all pages that are in use. See
 * ramfile.h and hiberfil.h.
 */
#include <writer/hiberfil.h>
#include <writer/ramfile.h>

static const uint8_t *page_of_ram(void *context, uint64_t number)
{
	return ram_at(context, number * PAGE);
}

void ramfile_write_hiberfil(struct guest *guest, const char *path)
{
	const struct ram *ram = guest->ram;
	uint64_t *pages = util_alloc(ram_used_count(ram) + 1, sizeof(*pages));
	size_t count = 0, run_count;
	const struct ram_run *runs = ram_runs(ram, &run_count);
	for (size_t i = 0; i < run_count; i++) {
		for (uint64_t at = 0; at < runs[i].size; at += PAGE) {
			if (ram_used(ram, runs[i].start + at))
				pages[count++] = (runs[i].start + at) / PAGE;
		}
	}
	struct hiberfil_memory memory = {
		.pages = pages,
		.count = count,
		.page = page_of_ram,
		.context = guest->ram,
		.pointer_size = guest->pointer,
		.cr3 = paging_root(guest->kernel),
	};
	struct hiberfil_options options = {
		.layout = hiberfil_layout_of(guest->build, guest->pointer),
		.mixed = true,
	};
	hiberfil_write(&options, &memory, path);
	free(pages);
}
