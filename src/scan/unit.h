/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: one process, examined. Made by any thread, handed out by one.
 *
 *	unit.c           what a process consists of: listed modules, hidden ones, injected code
 *	module_open.c    one module, opened for all who read it
 *	module_rebuild.c its rebuilt list
 *	examine.c        one module: its import lists, their hashes, what they match
 *	unit_maps.c      what the addresses of a process are called
 *	private_tables.c tables of addresses in private memory
 *	clean_pages.c    pages that need not be looked at for addresses
 *	finding_cache.c  what was found out before about the same pages
 *	hooks.c          where import slots lead that lead into no image
 *	module_file.c    one module, written as a PE file
 *	sparse_file.c    writing such a file
 *	dump_space.c     how much of a disk these files may take
 *	process_run.c    one unit or other result for each process, by several threads
 *	share.c          how much of the image's budget of work a process may use
 */
#ifndef SCAN_UNIT_H
#define SCAN_UNIT_H

#include <impscan/budget.h>
#include <impscan/export_map.h>
#include <impscan/rebuild.h>
#include <impscan/scan.h>

#include "scan/dump_space.h"

/* What one module came to. */
struct finding {
	enum imports_status status;
	char *reason; /* NULL: nothing to say */
	size_t imports;
	double readable;
	struct hashes hashes;
	struct hits *hits; /* of all lists; list 0 is the declared one */
	/* The rebuilt list, where there is one and it is another. */
	size_t rebuilt_imports;
	struct hashes rebuilt;
	const char *import_source; /* "names" ... of the list hashed; NULL: none */
	struct dump *dump;	   /* NULL: not asked for */
};

struct unit {
	struct modules modules;
	struct finding *findings; /* one a module */
	const struct unit_context *context;
	struct budget budget; /* what it was made with, and has spent */
	bool cut;	      /* the budget, or a part of it, ended before everything was done */
	bool handed_out;      /* else its files go with it */
	char note[120];	      /* what is to be told of its process, in words; "" for nothing */
};

/* A slot that should hold the address of an import, and what it holds. */
struct hook {
	uint64_t value;
	size_t module; /* whose slot, by number */
};

struct hooks {
	struct hook *items;
	size_t count;
	size_t capacity;
};

/* What all units of a run share. */
struct unit_context {
	const struct windows *windows;
	const struct scan_options *options;
	struct export_cache *exports;
	struct finding_cache *findings;
	struct neighbours *neighbours;
	struct api_set_cache *api_sets;
	struct clean_pages *clean;
	struct dump_space *space; /* for files of modules; NULL: none are written */
};

/* What a thread keeps from one module to the next. */
struct worker {
	struct imports imports; /* the declared list of the module that is examined */
	struct imports written; /* that of a file written of it */
	struct rebuilt rebuilt;
	struct matches matches;
	size_t unit;		   /* the number of the unit that is made */
	struct dump_files files;   /* those written of it so far */
	struct budget dump_budget; /* what making them may cost */
	struct hooks hooks;	   /* of the process that is examined */
};

void worker_free(struct worker *worker);

struct unit_maps;

/* All modules and injected code of the process of `maps`, into the modules that `maps` knows. */
void unit_find_modules(struct unit_maps *maps, struct worker *worker, const struct process *process,
		       struct modules *modules);

/*
 * `number`: its place in the order that units are handed out in. `budget`: what it may cost; where
 * that ends what was found so far stays, see unit->cut.
 */
struct unit *unit_make(const struct unit_context *context, struct worker *worker,
		       const struct process *process, size_t number, const struct budget *budget);
void unit_free(struct unit *unit); /* NULL is fine */
size_t unit_memory(const struct unit *unit);

/* What is said of a module, or of a process without, that was left out for its budget. */
#define NOT_EXAMINED "not examined: the image's budget of work is used up"

#endif
