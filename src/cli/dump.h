/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * -d: the folder that modules are written to, and its index.
 *
 * The index is written under another name and gets its own when it is whole, so that index.json is
 * always a run that ended. A run that was cut off leaves the other name behind, which stops the
 * next one with what to do.
 */
#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include <stdatomic.h>

#include <impscan/error.h>
#include <impscan/report.h>

struct dump_folder {
	const char *path; /* NULL: no -d */
	bool made;	  /* by this run */
	char *index_path;
	char *part_path; /* of the index until it is whole */
	FILE *file;
	struct report *index;
	size_t written;
	size_t failed; /* modules without a file */
};

/* Makes the folder unless it is there, and its index, which must not be there. */
struct error *dump_folder_open(struct dump_folder *folder, const char *path);

/* Adds a module to the index; false when it can't be written. */
bool dump_folder_add(struct dump_folder *folder, const struct row *row);

/* Ends the index. Nothing without -d. Fails when it, or no module at all, could be written. */
struct error *dump_folder_end(struct dump_folder *folder);

/*
 * Releases what is left. After an error: without a module in it the index is taken away, and the
 * folder where this run made it.
 */
void dump_folder_close(struct dump_folder *folder);

/*
 * From now on SIGINT, SIGTERM and SIGHUP end the run in order, the second one at once. What is
 * returned becomes true by them.
 */
const atomic_bool *interrupt_watch(void);

/* Ends the process by the signal that came; returns where none did. */
void interrupt_finish(void);

#endif
