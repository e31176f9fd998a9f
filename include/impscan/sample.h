/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sample files: which files a path stands for, and the hashes of PE files and of those in archives.
 *
 * Room: match.
 */
#ifndef IMPSCAN_SAMPLE_H
#define IMPSCAN_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

#include <impscan/error.h>
#include <impscan/hash.h>
#include <impscan/imports.h>

/* A sample: a PE file and its hashes. */
struct sample {
	char *path;
	enum imports_status status;
	char reason[160];     /* why there is no list, or not all of it, in words */
	size_t imports;	      /* entries of its import list */
	struct hashes hashes; /* those of types or functions also without an import list */
	bool locked;	      /* it is unreadable since it is encrypted */
	const char *packer;   /* the packer that its sections are of; NULL: none that is known */
	/*
	 * Its imports in the order of the directory, where they were asked for and there are any.
	 */
	struct import_entry *entries;
	size_t entry_count;
	char *names; /* which the entries have offsets in */
	size_t names_length;
};

/*
 * Lists the sample files that a path stands for: itself, or every regular file below it, sorted by
 * path. Symbolic links to files are followed, those to folders are not.
 *
 * ret, count: the paths, to be released with samples_list_free().
 * warnings: gets a line, fit to print, for each folder below `path` that can't be read. May be
 * NULL.
 *
 * Fails when `path` itself can't be read.
 */
struct error *samples_list(const char *path, char ***ret, size_t *count, struct text *warnings);
void samples_list_free(char **paths, size_t count);

/*
 * Reads and hashes a file. Never fails: a file that is no PE has the status IMPORTS_NOT_PE, one
 * that can't be opened IMPORTS_UNREADABLE. Release with sample_free().
 *
 * impset: compute it, too.
 * scratch: memory that is reused from call to call; with keep_entries set the sample gets its
 *	imports.
 */
void sample_read(struct sample *sample, const char *path, bool impset, struct imports *scratch);
void sample_free(struct sample *sample);

/*
 * The same of a file or, where it is an archive (zip, 7z, tar) or compressed (gz, bz2, xz, zst,
 * lz4), of each file in it, also in an archive within it: they are called "archive!member". What
 * can't be unpacked, and what unpacks to more than is reasonable, is IMPORTS_UNREADABLE with the
 * reason.
 *
 * password: of encrypted members, tried before "infected"; NULL: none.
 * ret, count: at least one sample, for the caller to free with samples_free().
 */
void samples_read(const char *path, const char *password, bool impset, struct imports *scratch,
		  struct sample **ret, size_t *count);
void samples_free(struct sample *samples, size_t count);

#endif
