/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A folder given in place of a list stands for all files in it.
 */
#ifndef IMPSCAN_CLI_LIST_FOLDER_H
#define IMPSCAN_CLI_LIST_FOLDER_H

#include <impscan/error.h>

#include "cli/output.h"

/*
 * Calls `take` for the file, or for each file of the folder and of those in it, in order of path.
 * Of a folder, files that `take` fails for are passed over with one warning (-v: each with its
 * own).
 *
 * Fails where `take` fails for a file, or for all files of a folder, and when it can't be read.
 */
struct error *list_folder_each(struct output *output, const char *path,
			       struct error *(*take)(void *context, const char *path),
			       void *context);

#endif
