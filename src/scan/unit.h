/*
 * Inside the scan room: one process, examined. Made by any thread, handed out by one.
 *
 *	unit.c       what a process consists of: listed modules, hidden ones, injected code
 *	examine.c    one module: its import list, its hashes, what it matches
 *	cache.c      what was found out before about the same pages
 *	exports.c    what the addresses of a process's modules are called
 */
#ifndef SCAN_UNIT_H
#define SCAN_UNIT_H

#include <impscan/export_map.h>
#include <impscan/scan.h>

/* What one module came to. */
struct finding {
	enum imports_status status;
	char *reason; /* NULL: nothing to say */
	size_t imports;
	double readable;
	struct hashes hashes;
	struct matches matches;
};

struct unit {
	struct modules modules;
	struct finding *findings; /* one a module */
};

/* What all units of a run share. */
struct unit_context {
	const struct windows *windows;
	const struct scan_options *options;
	struct export_cache *exports;
	struct finding_cache *findings;
	struct neighbours *neighbours;
};

/* What a thread keeps from one module to the next. */
struct worker {
	struct imports imports;
};

void worker_free(struct worker *worker);

struct unit *unit_make(const struct unit_context *context, struct worker *worker,
		       const struct process *process);
void unit_free(struct unit *unit);

/* A module that lies in memory as a loader maps it. */
void examine_module(const struct unit_context *context, struct worker *worker, struct view *view,
		    struct module *module, struct finding *finding);

/* A PE that lies in memory as in its file. */
void examine_file(const struct unit_context *context, struct worker *worker, struct view *view,
		  const struct module *module, struct finding *finding);

/* How many resolved APIs stand together somewhere in [start, end), at the most. */
size_t count_resolved(const struct export_map *map, struct space *space, uint64_t start,
		      uint64_t end);

/* The export map of the process's modules of one pointer size. The caller frees it. */
struct export_map *unit_export_map(const struct unit_context *context, struct view *view,
				   const struct modules *modules, unsigned int pointer_size);

#endif
