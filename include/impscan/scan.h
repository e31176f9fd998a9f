/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pipeline over one image, or over a set of sample files: work units, threads, shared caches.
 * Its results are rows (rows.h). They come out in a fixed order, whatever the number of threads.
 *
 * Room: scan.
 */
#ifndef IMPSCAN_SCAN_H
#define IMPSCAN_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>
#include <impscan/good.h>
#include <impscan/match.h>
#include <impscan/rows.h>
#include <impscan/sample.h>
#include <impscan/survey.h>

struct discovery;
struct image;
struct windows;

/*
 * A choice of rows. With any of the first five set, a row must fit one of them or more; with
 * `module`, it must also be of that module. All zero chooses every row.
 */
struct scan_only {
	unsigned int flags; /* bits of enum module_flag: rows with any of these */
	bool listed;	    /* modules in a list of the loader */
	bool injected;	    /* code that no loader put there */
	bool managed;	    /* .NET assemblies that are no images */
	bool kernel;	    /* kernel modules */
	bool fresh;	    /* "new": all that options->good does not know */
	/* Part of the module's name in any case, or an address in it, "0x..."; NULL: any. */
	const char *module;
};

/*
 * Adds a kind of rows by its word: "listed", "injected", "kernel" or the name of a flag
 * (module_flag_names[]), or "new". Returns false when it is none of them.
 */
bool scan_only_add(struct scan_only *only, const char *word);

/* Is any kind of rows set, beside the module? */
bool scan_only_kinds(const struct scan_only *only);

/* Is only->module an address ("0x" and hexadecimal digits)? Stores it in `*address` then. */
bool scan_only_address(const struct scan_only *only, uint64_t *address);

/* Does the row belong to the choice? Of the row its module, found_in and flags count. */
bool scan_only_matches(const struct scan_only *only, const struct row *row);

/* What to scan, and how. All that it points to must outlive the scan. */
struct scan_options {
	const struct known *known; /* sealed hashes to search for; NULL: none */
	bool all;		   /* hand out every module, whether it matches or not */
	bool impset;		   /* compute impset; else only where `known` has one */
	bool others;		   /* rows have the hashes of all lists that were rebuilt */
	int threshold;		   /* least impfuzzy score of a match, 0-100 */
	const struct good *good;   /* rows of modules that it has are left out; NULL: none */
	size_t min_imports;	   /* matches of shorter lists are left out */
	bool best;		   /* of a module's matches only the best (ties: all) */
	const uint32_t *pids;	   /* only these processes ... */
	size_t pid_count;	   /* ... 0: every one */
	bool tree;		   /* scan_processes(): as a tree, with findings */
	bool several;		   /* there are other images, which may have these processes */
	struct scan_only only;
	bool fast; /* names only: import lists are not rebuilt from addresses */
	bool deep; /* sweep physical memory for processes */
	/*
	 * May be set from outside to end the run early: units that are begun are finished and
	 * handed out, no others. NULL: never.
	 */
	const atomic_bool *stop;
	/* An existing folder, where the module of each row is written to as a file; NULL: none. */
	const char *dump_directory;
	unsigned int threads; /* at least 1 */
	/* What rows call the image; NULL: its path. */
	const char *image_name;
};

/*
 * Receivers of what a scan finds. They are called one at a time, but from any of its threads. Rows
 * are valid until the call returns. Only those that the scan hands out are needed. Where a receiver
 * returns bool, false ends the run.
 */
struct scan_events {
	bool (*row)(void *context, const struct row *row);	       /* scan_image() */
	bool (*region)(void *context, const struct region_row *row);   /* scan_regions() */
	bool (*process)(void *context, const struct process_row *row); /* scan_processes() */
	bool (*import)(void *context, const struct import_row *row);   /* scan_imports() */
	bool (*sample)(void *context, const struct sample *sample);    /* scan_samples() */
	/* A module that was to be written as a file, once, before its rows. NULL: not wanted. */
	bool (*dumped)(void *context, const struct row *row);
	/* `done` of `total` work units are done. NULL: not wanted. */
	void (*progress)(void *context, size_t done, size_t total);
	/* A condition of the evidence that belongs to no row, as a sentence. NULL: not wanted. */
	void (*warning)(void *context, const char *sentence);
	void *context;
};

/* Counts of a scan. */
struct scan_summary {
	size_t processes; /* scanned */
	size_t modules;
	size_t hashed;	/* modules with a hash */
	size_t damaged; /* modules whose declared list, types or functions were not read whole */
	size_t rows;	/* handed out */
	size_t good;	/* modules that were left out for options->good */
	size_t few;	/* matches that were left out for options->min_imports */
	size_t cut;	/* processes that were not examined to the end, for their budget of work */
};

/*
 * Scans the processes and drivers of a machine. Hands out each module with options->all, or each
 * match of a module with options->known. Fails when a PID asked for does not exist.
 */
struct error *scan_image(const struct windows *windows, const struct scan_options *options,
			 const struct scan_events *events, struct scan_summary *summary);

/*
 * Hands out the ranges of each process that can run code without an image section behind them. With
 * options->only, those that a chosen module begins in, or that fit the choice themselves: by the
 * flags of the process, an address, or the name of the file that is mapped. Fails as scan_image().
 */
struct error *scan_regions(const struct windows *windows, const struct scan_options *options,
			   const struct scan_events *events);

/*
 * Hands out the processes of a machine, in the order of its list. With options->tree, each before
 * those that it started, and with what scan_image() finds of its modules, which takes as long. Fails
 * as scan_image().
 */
struct error *scan_processes(const struct windows *windows, const struct scan_options *options,
			     const struct scan_events *events);

/*
 * Hands out the rebuilt import lists of the modules that options->only chooses, slot by slot. Fails
 * as scan_image().
 */
struct error *scan_imports(const struct windows *windows, const struct scan_options *options,
			   const struct scan_events *events);

/*
 * Fills a survey with what the image file itself tells: format, size, ranges. `name` is what the
 * image is called; NULL: its path. `survey` is all zero.
 */
void scan_survey_image(const struct image *image, const char *name, struct survey *survey);

/*
 * Adds what is known of a machine and its image before any process is looked at. `survey` is all
 * zero; the caller releases it. `name` as above.
 */
void scan_survey_machine(const struct discovery *discovery, const char *name,
			 struct survey *survey);

/*
 * Fills a survey with all there is to tell of a machine and its image. Looks at every process and
 * at the names of all imports. `survey` is all zero; the caller releases it, also after an error.
 * Fails as scan_image().
 */
struct error *scan_survey(const struct discovery *discovery, const struct scan_options *options,
			  struct survey *survey);

/*
 * Reads and hashes sample files, and those in archives (samples_read()), `threads` at a time, and
 * hands them out in the order given.
 *
 * password: of encrypted archives; NULL: none.
 * impset: compute it, too.
 * imports: keep the imports of each, too.
 */
void scan_samples(char *const *paths, size_t count, const char *password, bool impset, bool imports,
		  unsigned int threads, const struct scan_events *events);

#endif
