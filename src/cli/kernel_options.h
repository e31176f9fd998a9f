/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Options that ask for a kernel, which a dump of one process does not have.
 */
#ifndef CLI_KERNEL_OPTIONS_H
#define CLI_KERNEL_OPTIONS_H

#include "cli/options.h"
#include "cli/output.h"

/*
 * Fails when such an option is given for the image, a dump of a process. With several images, one
 * that is for all of them is warned of instead: the others may have a kernel.
 */
struct error *kernel_options_check(const struct options *options, struct output *output);

#endif
