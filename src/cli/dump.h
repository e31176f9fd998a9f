/*
 * -d: the folder that modules are written to, and its index.
 */
#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include <impscan/error.h>
#include <impscan/report.h>

struct dump_folder {
	const char *path; /* NULL: no -d */
	char *index_path;
	FILE *file;
	struct report *index;
	size_t written;
	size_t failed; /* modules without a file */
};

/* Makes the folder unless it is there, and its index, which must not be there. */
struct error *dump_folder_open(struct dump_folder *folder, const char *path);

/* Adds a module to the index; false when it can't be written. */
bool dump_folder_add(struct dump_folder *folder, const struct row *row);

/* Ends the index. Nothing without -d. */
struct error *dump_folder_end(struct dump_folder *folder);

/* Releases what is left after an error. */
void dump_folder_close(struct dump_folder *folder);

#endif
