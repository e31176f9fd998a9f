/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Saved rows (rows_read.h) in the place of an image: they are searched, chosen and handed out as
 * scan_image() does with modules, so that one search of many machines needs none of their images.
 *
 * Room: scan.
 */
#ifndef IMPSCAN_SAVED_H
#define IMPSCAN_SAVED_H

#include <stdbool.h>
#include <stddef.h>

#include <impscan/error.h>
#include <impscan/scan.h>

/* What to do with saved rows. All that it points to must outlive the scan. */
struct saved_options {
	/* known, all, threshold, good, min_imports, best, pids, only and threads count. */
	const struct scan_options *scan;
	/*
	 * Only rows of images that one of these patterns of the shell fits, or the last part of
	 * whose path one fits; 0: of all.
	 */
	const char *const *images;
	size_t image_count;
};

/* Counts of a scan of saved rows. */
struct saved_summary {
	/* modules, hashed, damaged, rows, good and few count. */
	struct scan_summary scan;
	size_t machines;
	size_t damaged_lines; /* that were no rows, and left out */
	size_t other_lines; /* other objects: rows of processes, ranges, imports; left out as well */
};

/* Saved rows that are being read, of any number of files. */
struct saved_scan;

/* Begins. `events`: row, progress and warning are called. All three must outlive the scan. */
struct saved_scan *saved_scan_new(const struct saved_options *options,
				  const struct scan_events *events, struct saved_summary *summary);

/*
 * Hands out what is chosen of a file ("-": standard input), in its order. Rows of one image that
 * follow each other are a machine. Without known hashes a row is handed out as it is, with the match
 * that it may have; in a search, rows that were saved of one module, one for each match, are one.
 *
 * Lines that are no rows are told as warnings, the first ten of a file each with its number, and so
 * are images that could not be read, of which descriptions (--describe) tell. Fails when the file
 * can't be read, or not to its end, and when it has neither rows nor descriptions: `*no_rows`.
 *
 * Returns after the file, or when a receiver had enough.
 */
struct error *saved_scan_file(struct saved_scan *scan, const char *path, bool *no_rows);

/* Did a receiver have enough, so that no more is handed out? */
bool saved_scan_enough(const struct saved_scan *scan);

/* Frees all. */
void saved_scan_free(struct saved_scan *scan);
DEFINE_CLEANUP(struct saved_scan, saved_scan_free)
#define _cleanup_saved_scan_ _cleanup_(saved_scan_free_p)

#endif
