/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine written to a file in memory, for programs that include impscan's own headers: the
 * writer's have the same names for some things of their own.
 */
#ifndef WRITER_IN_MEMORY_H
#define WRITER_IN_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct in_memory_options {
	const char *structs; /* path of windows-structs.tsv */
	const char *build, *arch, *scenario;
	bool pae;
	uint64_t memory; /* bytes */
};

/* Returns a file descriptor of the raw image (memfd_create()), the caller's to close; dies on errors. */
int in_memory_image(const struct in_memory_options *options);

#endif
