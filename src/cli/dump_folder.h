/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * -d: the folder that modules are written to, and its index.
 *
 * The index is written under another name and gets its own when it is whole, so that index.json is
 * always a run that ended. A run that was cut off leaves the other name behind, which stops the
 * next one with what to do.
 */
#ifndef CLI_DUMP_FOLDER_H
#define CLI_DUMP_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <impscan/error.h>
#include <impscan/report.h>

struct dump_folder {
	char *path; /* NULL: no -d */
	bool made;  /* by this run */
	char *root; /* the folder that it is in, when this made that, too; else NULL */
	char *index_path;
	char *part_path; /* of the index until it is whole */
	FILE *file;
	struct report *index;
	size_t written;
	size_t failed; /* modules without a file */
};

/*
 * Makes the folder unless it is there, and begins its index. Fails when there is an index or a part
 * of one. `image`: the name of a folder in it that is used instead, which parts the modules of one
 * image from those of others; NULL: none. Close it with dump_folder_close(), also after an error.
 */
struct error *dump_folder_open(struct dump_folder *folder, const char *path, const char *image);

/*
 * The name of such a folder: "2.server.raw" of image number 2 of `count`. The image's name
 * is made one that any file system takes, and cut after 64 bytes. The caller frees it.
 */
char *dump_folder_name(const char *image, size_t number, size_t count);

/*
 * Adds a module and what became of its file to the index. Returns false when it can't be written.
 */
bool dump_folder_add(struct dump_folder *folder, const struct row *row);

/*
 * Ends the index and gives it its name; does nothing without -d. Fails when the index could not be
 * written, or no module at all.
 */
struct error *dump_folder_end(struct dump_folder *folder);

/*
 * Releases the folder. Where dump_folder_end() was not called, the index is ended with the modules
 * that are in it; without any it is removed, and so is the folder when this run made it.
 */
void dump_folder_close(struct dump_folder *folder);

#endif
