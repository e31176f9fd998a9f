/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Raw physical memory: an address is an offset. See ramfile.h. */
#include <writer/ramfile.h>

void ramfile_write_raw(struct guest *guest, const char *path)
{
	size_t count;
	const struct ram_run *runs = ram_runs(guest->ram, &count);
	struct ramfile file = ramfile_create(path);
	for (size_t i = 0; i < count; i++) {
		ramfile_skip(&file, runs[i].start - file.at);
		ramfile_put_ram(&file, guest->ram, runs[i].start, runs[i].size);
	}
	ramfile_close(&file);
}
