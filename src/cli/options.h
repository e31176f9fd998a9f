/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the user asked for. The options themselves stand in option_table.c.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <impscan/error.h>
#include <impscan/report.h>
#include <impscan/scan.h>

#include "cli/evidence.h"
#include "cli/terminal.h"

/* The least score of a match, unless -t says it. */
#define SEARCH_THRESHOLD 30

/* Arguments of an option that may be given several times; the strings are argv's. */
struct arguments {
	const char **items;
	size_t count;
	size_t capacity;
};

struct options {
	struct evidence *images; /* -f, and what stands alone without -e */
	size_t image_count;
	size_t image_capacity;
	char **found; /* paths of images that were found in folders, sorted by folder */
	size_t found_count;
	size_t found_capacity;
	struct arguments rows;	      /* -r */
	struct arguments image_globs; /* --image */
	const char *before_samples;   /* what stands alone before the first -e: a sample; or NULL */
	bool from_environment;	      /* the only image is $IMPSCAN_IMAGE */
	struct placed *placed;	      /* while the command line is read */
	size_t placed_count;
	size_t placed_capacity;
	bool all;
	struct arguments samples;
	struct arguments lists;
	struct arguments hashes;
	struct arguments good; /* -k */
	uint32_t *pids;
	size_t pid_count;
	size_t pid_capacity;
	int threshold; /* -1 until it is known what for */
	size_t min_imports;
	const char *password; /* of archives; NULL: none */
	bool best;
	bool print_hashes;
	bool fast;
	bool deep;
	struct scan_only only;
	const char *dump; /* -d; NULL: none */
	enum report_form form;
	enum color color;
	bool info;
	bool regions;
	bool processes;
	bool imports;
	bool stack;
	bool cluster;
	const char *graph;	 /* a folder for the graph of --cluster; NULL: none */
	uint32_t part, parts;	 /* of the index's keys, from 1; 0: all */
	struct arguments joined; /* files that --part wrote, or folders of them */
	bool describe;
	bool tree;
	bool list_profiles;
	const char *profile;
	struct arguments profile_directories;
	const char *import_symbols; /* a symbol file to be printed as a profile */
	uint32_t build;		    /* its build, when it does not say; 0: not given */
	bool infer;
	const char *profile_out;
	uint64_t memory;      /* for pieces of a packed image, in bytes; 0: not given */
	uint64_t unpack_most; /* bytes that an image may be unpacked to; 0: not given */
	unsigned int threads;
	bool no_sandbox; /* nothing is given up: see confine.h */
	bool quiet;
	bool verbose;
	bool version;
	bool help;
};

/* Is anything to be searched for: is there a -e, -i or -s? */
bool options_search(const struct options *options);

/*
 * Reads the command line into `options`, which the caller releases with options_free(), also after
 * an error. Fails on what is no option or argument, and on what makes no sense together: an option
 * that would change nothing is an error. The strings of `options` are those of argv.
 */
struct error *options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);
#define _cleanup_options_ __attribute__((cleanup(options_free)))

/* Prints --help. */
void options_help(FILE *out);

#endif
