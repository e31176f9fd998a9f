/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs that print rows: what was asked for is scanned, and each row written as it is found.
 *
 * All write to standard output in the form of output->options, count in output->rows what they
 * have written, and fail when it could not be written.
 */
#ifndef CLI_PRINT_ROWS_H
#define CLI_PRINT_ROWS_H

#include <time.h>

#include "cli/output.h"

struct image;
struct discovery;
struct windows;

/* What the user asked for of a scan. `known`: what is searched for; NULL: nothing. */
struct scan_options scan_options_of(const struct output *output, const struct known *known);

/* Seconds by CLOCK_MONOTONIC. */
double seconds_since(const struct timespec *start);

/*
 * -a, or a search of `known` hashes (NULL: none), with the files of -d. `start` is the time
 * (CLOCK_MONOTONIC) from which the summary counts. The caller closes output->dump.
 */
struct error *print_modules(const struct windows *windows, const struct known *known,
			    const struct timespec *start, struct output *output);

/* What a page has of a machine beside its modules: what --info tells, and its processes. */
struct error *print_machine(const struct discovery *discovery, struct output *output);

/* --regions, --imports or --processes. */
struct error *print_listing(const struct windows *windows, const struct timespec *start,
			    struct output *output);

/* --describe: what stands before the rows of an image. Does not count as a row. */
struct error *print_description(const struct discovery *discovery, struct output *output);

/*
 * --describe of an image that ended with an error. `image`: as far as it was opened; NULL: it could
 * not be. What can't be written is told by output_written() or output_end().
 */
void print_failure(const struct image *image, const struct error *error, struct output *output);

/* --info of an image with a kernel. */
struct error *print_info(const struct discovery *discovery, struct output *output);

/* --info of an image without: what the file itself is, and `error`. Does not count as a row. */
struct error *print_info_without(const struct image *image, const struct error *error,
				 struct output *output);

/* The last line of several images; `start` is when the first was begun. */
void print_total(const struct output *output, const struct timespec *start);

/* -e without an image: the samples' own hashes. */
struct error *print_samples(struct output *output);

#endif
