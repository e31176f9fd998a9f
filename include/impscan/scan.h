/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pipeline over one image, or over a set of samples: work units, threads, shared caches. Rows
 * come out in a fixed order whatever the number of threads; how they look is the report's matter.
 *
 * Room: scan.
 */
#ifndef IMPSCAN_SCAN_H
#define IMPSCAN_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/entry_votes.h>
#include <impscan/hash.h>
#include <impscan/imports.h>
#include <impscan/match.h>
#include <impscan/module.h>
#include <impscan/process.h>
#include <impscan/rebuild.h>
#include <impscan/region.h>
#include <impscan/windows.h>

/* A module as a file of options->dump_directory. */
struct dump {
	char *file;	       /* its name; NULL: not written, see note */
	const char *layout;    /* pe_written_layout_name(); NULL: there was nothing to write */
	uint64_t size;	       /* bytes of the file */
	uint64_t room;	       /* of them those that are no holes: what it takes of the disk */
	uint64_t pages;	       /* of the module ... */
	uint64_t pages_absent; /* ... that were not present: zeros */
	char *note; /* why there is no file, or what it lacks, in words; NULL: nothing to say */
};

/* One module, or one module and one known hash that it resembles. */
struct row {
	const struct process *process; /* PID 4 for kernel modules */
	const struct module *module;
	enum imports_status status;
	const char *reason;	   /* "" where there is nothing to say */
	size_t imports;		   /* entries of the declared list */
	const char *import_source; /* "names", "iat", "table", "call"; NULL without a list */
	struct hashes hashes;	   /* of the declared list; "" when there is none */
	size_t rebuilt_imports;	   /* entries of the rebuilt list, where it is another */
	struct hashes rebuilt;	   /* of the rebuilt list; "" when there is no other */
	double readable;	   /* share of the needed pages that could be read, 0-1 */
	unsigned int flags;	   /* enum module_flag, those of its process included */
	const struct match *match; /* NULL in a listing */
	const struct dump *dump;   /* NULL: not asked for */
};

/* A range that can run code without an image section behind it. */
struct region_row {
	const struct process *process;
	struct region region;
	uint64_t pe; /* address of the first PE header within, 0: none */
	uint64_t bytes_at;
	uint8_t bytes[32]; /* the first of the range, else of its first executable page */
	size_t byte_count; /* 0 when neither is present */
};

/* One import of scan_imports(). */
struct import_row {
	const struct process *process;
	const struct module *module;
	const struct rebuilt *rebuilt;
	const struct rebuilt_entry *entry;
};

/*
 * Which rows are wanted: of the kinds all when none is set, otherwise those that fit any of them;
 * and of these the ones of a module.
 */
struct scan_only {
	unsigned int flags; /* rows with any of these flags */
	bool listed;	    /* in a list of the loader */
	bool injected;	    /* INJECTED CODE */
	bool kernel;	    /* kernel modules */
	const char
		*module; /* part of its name in any case, or an address in it, 0x...; NULL: all */
};

/* Adds one word: "listed", "injected", "kernel" or a flag's name; false when it is none. */
bool scan_only_add(struct scan_only *only, const char *word);

/* Is any kind set? */
bool scan_only_kinds(const struct scan_only *only);

/* Is `only->module` an address, "0x" and hexadecimal digits? Then `*address` is it. */
bool scan_only_address(const struct scan_only *only, uint64_t *address);

bool scan_only_matches(const struct scan_only *only, const struct row *row);

struct scan_options {
	const struct known *known; /* sealed; NULL lists all modules */
	bool all;		   /* list every module, matched or not */
	int threshold;		   /* least impfuzzy score, 0-100 */
	bool best;		   /* of a module's matches only the best (ties: all) */
	const uint32_t *pids;	   /* only these processes ... */
	size_t pid_count;	   /* ... 0: every one */
	struct scan_only only;
	bool fast; /* names only: lists are not rebuilt */
	bool deep; /* sweep physical memory for processes */
	/* Set from outside to end the run early: what is begun is finished and handed out. */
	const atomic_bool *stop; /* NULL: never */
	/* A folder that the module of each row is written to; NULL: none. */
	const char *dump_directory;
	unsigned int threads; /* at least 1 */
};

/* All called one at a time, but from any of the scan's threads. */
struct scan_events {
	/* A row, in order. Return false to end the run (nobody reads any more). */
	bool (*row)(void *context, const struct row *row);
	/* A module with row->dump, once, before its rows; false ends the run. NULL: not wanted. */
	bool (*dumped)(void *context, const struct row *row);
	/* A sample of scan_samples(), in order of path. */
	bool (*sample)(void *context, const struct sample *sample);
	/* An import of scan_imports(). */
	bool (*import)(void *context, const struct import_row *row);
	/* A region of scan_regions(). */
	bool (*region)(void *context, const struct region_row *row);
	/* `done` of `total` work units; NULL: not wanted. */
	void (*progress)(void *context, size_t done, size_t total);
	/* A condition of the evidence that belongs to no row; NULL: not wanted. */
	void (*warning)(void *context, const char *sentence);
	void *context;
};

struct scan_summary {
	size_t processes; /* scanned */
	size_t modules;
	size_t hashed;	/* modules with a hash */
	size_t damaged; /* modules whose list could not be read whole */
	size_t rows;	/* handed out */
	size_t cut;	/* processes of which not all was looked at: it costs too much work */
};

/*
 * Scans the processes and drivers of `windows`: with options->all a row for every module, with
 * options->known a row for every match. Fails when a PID asked for does not exist.
 */
struct error *scan_image(const struct windows *windows, const struct scan_options *options,
			 const struct scan_events *events, struct scan_summary *summary);

/* What --info tells of an image beyond its kernel. */
struct survey {
	size_t processes;
	size_t by_source[PROCESS_SOURCE_COUNT];
	size_t hidden, exited;
	uint64_t ps_active_process_head; /* 0: the ring does not lead to it */
	char damage[240];		 /* of the ring */
	uint32_t build_peb;		 /* PEB.OSBuildNumber; 0: none could be read */
	size_t modules;
	size_t readable;	    /* those whose import list could be read, or that have none */
	size_t lacking[PAGE_FILES]; /* those that lack pages of a page file not given */
	struct entry_votes votes;   /* page_files[]: what page tables say of page files */
};

/* Looks at all processes and the names of all their imports. */
struct error *scan_survey(const struct windows *windows, const struct scan_options *options,
			  struct survey *survey);

/*
 * The ranges of each process that can run code without an image section behind them. With
 * options->only those that such a module begins in, or that fit it by themselves: by the flags of
 * the process, an address, the name of the file that is mapped.
 */
struct error *scan_regions(const struct windows *windows, const struct scan_options *options,
			   const struct scan_events *events);

/* The rebuilt import lists of the modules that options->only wants, slot by slot. */
struct error *scan_imports(const struct windows *windows, const struct scan_options *options,
			   const struct scan_events *events);

/* Reads and hashes sample files, `threads` at a time, and hands them out in the order given. */
void scan_samples(char *const *paths, size_t count, unsigned int threads,
		  const struct scan_events *events);

#endif
