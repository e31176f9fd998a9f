/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a run gives up before it reads anything, by its options: see sandbox.h for how.
 *
 * It may read what the command line and the environment name, what belongs to an image and lies
 * beside it (parts of a split file, memory and state of VMware), what links in folders of samples and
 * lists lead to, and shared libraries, which some load late. It may write below -d, below the
 * folder of temporary files, and files in the folder of --profile-out.
 */
#ifndef CLI_CONFINE_H
#define CLI_CONFINE_H

#include <impscan/sandbox.h>

#include "cli/options.h"

struct confinement {
	struct sandbox_state state;
	const char *made; /* the folder of -d, when it was made for the run; else NULL */
};

/*
 * Locks the process in for good, unless --no-sandbox is given; before the first thread. The folder
 * of -d is made, as what does not exist can't be allowed; confine_end() removes it when it is empty.
 */
struct error *confine(const struct options *options, struct confinement *confinement);
void confine_end(struct confinement *confinement);

#endif
