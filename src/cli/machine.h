/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The machine of an image: opens the file, its page files, and finds Windows in it.
 */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <impscan/discover.h>

#include "cli/image_sources.h"

/* What is open of an image. */
struct machine {
	struct image *image;
	struct page_sources page_files;
	struct discovery discovery;
};

/*
 * Opens the output's image and finds its machine; warnings are told. An image that is refused, or
 * is not what it seems to be, is read as raw memory where Windows is found in it so, which is told,
 * too: memory may begin with any bytes, those of a file that was in it or that somebody put there.
 *
 * On failure `machine` may have an image; close it with machine_close() whatever is returned.
 */
struct error *machine_open(const struct options *options, struct profiles *profiles,
			   struct output *output, struct machine *machine);
void machine_close(struct machine *machine);
#define _cleanup_machine_ __attribute__((cleanup(machine_close)))

#endif
