/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room discover: a machine that consists of one process.
 */
#ifndef DISCOVER_PROCESS_DUMP_H
#define DISCOVER_PROCESS_DUMP_H

#include <impscan/windows.h>

/*
 * Makes a machine of an image that is a dump of a process (image_minidump()). It has neither kernel
 * nor page map. The caller owns it. `doubt` receives a sentence on what the dump contradicts itself
 * in, which the caller frees; NULL: nothing.
 */
struct windows *process_dump_open(const struct image *image, char **doubt);

#endif
