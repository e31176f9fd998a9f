/*
 * Inside the windows room: reading one EPROCESS, and where processes come from.
 *
 *	process.c          one EPROCESS; ActiveProcessLinks
 *	process_sources.c  the kernel's other books
 *	process_sweep.c    physical memory
 */
#ifndef WINDOWS_PROCESS_H
#define WINDOWS_PROCESS_H

#include <impscan/windows.h>

/*
 * Reads the process at `eprocess`; false when it is not present or can't be one. Uses of `windows`
 * only memory, profile and pointer_size. The caller frees process->name.
 */
bool process_read(const struct windows *windows, struct space *kernel, uint64_t eprocess,
		  struct process *process);

/* Notes in processes->damage that a search was cut off: "the pool around processes". Once only. */
void processes_note_cut(struct processes *processes, const char *search);

/* Adds the process at `eprocess`, or `source` to the one known; false when it is none. */
bool processes_add(const struct windows *windows, struct space *kernel, struct processes *processes,
		   uint64_t eprocess, unsigned int source);

/* The processes of ActiveProcessLinks, from System on. */
void process_ring(const struct windows *windows, struct space *kernel, struct processes *processes);

/* Adds what MmProcessLinks, SessionProcessLinks and PspCidTable know. */
void process_sources(const struct windows *windows, struct space *kernel,
		     struct processes *processes);

/* Is PspCidTable found, by the profile's layout of handles? */
bool process_cid_found(const struct windows *windows, struct space *kernel);

/* Adds what lies in the same pool as the processes known so far. */
void process_sweep_near(const struct windows *windows, struct space *kernel,
			struct processes *processes);

/* Adds what a sweep of physical memory finds. */
void process_sweep(const struct windows *windows, unsigned int threads,
		   struct processes *processes);

#endif
