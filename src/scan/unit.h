/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: a unit, which is one process examined. Units are made by any thread, and
 * handed out by one at a time. The files of the room that have to do with it:
 *
 *	process_run.c    makes a unit, or another result, of each process, by several threads
 *	share.c          how much of the image's budget of work a unit may use
 *	unit.c           finds the modules of a process and the code that no loader put there
 *	managed.c        finds .NET assemblies that lie in memory as in their files
 *	helpers.c        other threads that help with a process
 *	worker.c         memory that a thread uses again
 *	module_open.c    opens one module for reading
 *	examine.c        examines one module: its import lists, their hashes, what they match
 *	program_names.c  reads what .NET and Go programs have beside import lists
 *	module_rebuild.c rebuilds its import list
 *	plain_data.c     tells files that are mapped to be read from code
 *	resolved.c       compares it with samples by addresses
 *	unit_maps.c      what the addresses of the process stand for
 *	private_tables.c tables of resolved APIs in private memory
 *	clean_pages.c    pages that need not be looked at for addresses
 *	finding.c        copies of findings, reasons
 *	finding_cache.c  findings about modules with the same pages
 *	hooks.c          where hooked import slots lead
 *	row.c            makes a row of what was found
 *	module_file.c    writes one module as a PE file
 *	sparse_file.c    writes a file with holes
 *	dump_space.c     how much disk space all files may take
 */
#ifndef SCAN_UNIT_H
#define SCAN_UNIT_H

#include <impscan/budget.h>
#include <impscan/dotnet.h>
#include <impscan/export_map.h>
#include <impscan/golang.h>
#include <impscan/hash.h>
#include <impscan/imports.h>
#include <impscan/match.h>
#include <impscan/module.h>
#include <impscan/process.h>
#include <impscan/rebuild.h>
#include <impscan/region.h>
#include <impscan/sample_imports.h>
#include <impscan/scan.h>
#include <impscan/windows.h>

#include "scan/dump_space.h"

/* A module as a file of options->dump_directory. */
struct dump {
	char *file;	       /* its name; NULL: not written, see note */
	const char *layout;    /* pe_written_layout_name(); NULL: there was nothing to write */
	uint64_t size;	       /* bytes of the file */
	uint64_t room;	       /* bytes that it takes of the disk: those that are no holes */
	uint64_t pages;	       /* of the module ... */
	uint64_t pages_absent; /* ... that were not present: zeros */
	char *note;	       /* why there is no file, or what it lacks, in words; NULL: nothing */
};

/* What a .NET module or one by Go has beside import lists and hashes: see struct row. */
struct program_names {
	bool dotnet, go;
	bool by_go;  /* something says that it is by Go, be its functions known or not */
	bool unread; /* there is something that could not be read, so that a hash is missing */
	size_t typerefs, go_functions;
	char assembly[280]; /* name and version; all four "" where not known */
	char mvid[40];
	char go_version[64];
	char go_module[512];
};

/* The result of examining one module. The fields are those of struct row (scan.h). */
struct finding {
	enum imports_status status;
	char *reason;	    /* sentences; NULL: none */
	size_t imports;	    /* entries of the declared list */
	uint32_t timestamp; /* of the PE header; 0: unknown */
	double readable;
	struct hashes hashes;	/* of the declared list */
	struct hits *hits;	/* what all lists match; list 0 is the declared one */
	size_t rebuilt_imports; /* entries of the rebuilt list; 0: there is none, or no other */
	struct hashes rebuilt;	/* of the rebuilt list */
	struct text_list rebuilt_others; /* those of the other lists, if options->others */
	const char *import_source;   /* "names", "iat", "table", "call"; NULL: there is no list */
	struct program_names *names; /* NULL: it is neither .NET nor Go */
	struct dump *dump;	     /* the file that was written of it; NULL: none was asked for */
	bool data;		     /* a file to be read (plain_data.h), or a copy: no row */
};

/* Bytes that an item of finding->rebuilt_others takes at most. */
#define OTHER_LIST_MEMORY \
	(sizeof(char *) + sizeof(IMPSET_PREFIX) + IMPHASH_SIZE + (size_t)2 * IMPFUZZY_SIZE)

/* One process, examined. */
struct unit {
	struct modules modules;
	struct finding *findings; /* one for each module */
	char *command_line;	  /* of the process; NULL: none that is present */
	const struct unit_context *context;
	struct budget budget; /* that it was made with, and what of it was spent */
	bool cut;	      /* a budget ended before everything was done */
	bool handed_out;      /* its files stay; otherwise unit_free() removes them */
	char note[120];	      /* a warning about the process; "": none */
	size_t data;	      /* how many findings are of plain data */
};

/* An import slot that does not hold the address of its import. */
struct hook {
	uint64_t value; /* what it holds instead */
	size_t module;	/* the number of the module that has the slot */
};

/* The hooked slots of a process. */
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

/* Memory that a thread uses again for each module. */
struct worker {
	struct imports imports; /* the declared list of the module being examined */
	struct imports written; /* the declared list of its file */
	struct rebuilt rebuilt;
	struct dotnet dotnet; /* the module being examined, as an assembly ... */
	struct golang golang; /* ... and as a program by Go */
	struct matches matches;
	struct module_slots slots; /* of the module being compared with samples */
	size_t unit;		   /* the number of the unit being made */
	struct dump_files files;   /* of this unit, written so far */
	struct budget dump_budget; /* for making these files */
	struct hooks hooks;	   /* of all modules of this unit */
};

/* Releases the memory of a worker, which may be all zero. */
void worker_free(struct worker *worker);

struct unit_maps;
struct helpers;

/* Finds all modules and injected code of the process of `maps`. `modules` are those of `maps`;
 * `helpers` may be NULL. */
void unit_find_modules(struct unit_maps *maps, struct worker *worker, struct helpers *helpers,
		       const struct process *process, struct modules *modules);

/*
 * Makes the unit of a process. The caller owns it.
 *
 * number: its place in the order in which units are handed out, from 0.
 * budget: bounds the work. Where it ends, the unit has what was found until then, and unit->cut is
 *	set.
 */
struct unit *unit_make(const struct unit_context *context, struct worker *worker,
		       const struct process *process, size_t number, const struct budget *budget);

/* Releases a unit; unless it was handed out its files are removed. NULL is fine. */
void unit_free(struct unit *unit);

/* Returns how many bytes of memory a unit takes, roughly; 0 for NULL. */
size_t unit_memory(const struct unit *unit);

/*
 * The reason of a module, or of a process without modules, that was left out since the budget
 * ended.
 */
#define NOT_EXAMINED "not examined: the image's budget of work is used up"

#endif
