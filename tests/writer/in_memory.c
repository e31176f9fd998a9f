/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A machine written to a file in memory. */
#include <writer/in_memory.h>

#include <stdio.h>
#include <sys/mman.h>

#include <writer/ramfile.h>
#include <writer/scenario.h>

int in_memory_image(const struct in_memory_options *options)
{
	char path[64];
	int fd = memfd_create("image", MFD_CLOEXEC);
	if (fd < 0)
		util_die("can't make a file in memory");
	struct guest *guest = guest_new(&(struct guest_options){
		.structs = options->structs,
		.build = options->build,
		.arch = options->arch,
		.pae = options->pae,
		.memory = options->memory,
		.seed = 7,
	});
	scenario_find(options->scenario)->build(guest);
	guest_finish(guest);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ramfile_write_raw(guest, path);
	guest_free(guest);
	return fd;
}
