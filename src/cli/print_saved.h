/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs that read saved rows (-r) in place of an image.
 */
#ifndef CLI_PRINT_SAVED_H
#define CLI_PRINT_SAVED_H

#include "cli/output.h"

struct known;

/*
 * Prints the rows of all files of -r that are asked for, or their matches with `known` hashes
 * (NULL: none). A file that can't be read is told and counted in output->failed, and the others are
 * done. Fails when rows can't be written.
 */
struct error *print_saved(const struct known *known, struct output *output);

#endif
