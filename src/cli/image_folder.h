/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Folders and archives that are given as an image, and hold several.
 */
#ifndef CLI_IMAGE_FOLDER_H
#define CLI_IMAGE_FOLDER_H

#include <stdbool.h>

#include "cli/options.h"

/* Returns whether there is a folder of this name. */
bool path_is_folder(const char *path);

/*
 * Returns why a folder that image_folders_expand() left is no image; NULL: there is no such folder.
 */
struct error *image_folder_error(const char *path);

/*
 * Puts the dumps of processes that lie in a folder in the place of that folder among the images, in
 * order of name. Folders in it are not looked into, and other files are left out. A folder without
 * any stays, for image_open() to say what it is.
 */
void image_folders_expand(struct options *options);

/*
 * After image number `image` was opened: where it is one of several files of an archive, gives it
 * the name of that, "ARCHIVE!FILE", and puts the others behind it among the images. A label is put
 * in the archive's place. Returns whether it did.
 */
bool image_archive_expand(struct options *options, size_t image, const struct source *source);

#endif
