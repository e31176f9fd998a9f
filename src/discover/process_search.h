/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room discover: a search for processes, and the sources that it asks.
 *
 *	process_search.c   what was found, and how much each source may still do
 *	process_ring.c     ActiveProcessLinks
 *	process_lists.c    the kernel's other lists
 *	process_handles.c  the table of PIDs
 *	process_sweep.c    sweeps of memory
 *	processes.c        asks them all
 */
#ifndef DISCOVER_PROCESS_SEARCH_H
#define DISCOVER_PROCESS_SEARCH_H

#include <impscan/address_map.h>
#include <impscan/budget.h>
#include <impscan/process.h>
#include <impscan/windows.h>

/*
 * Processes that one source may add at most. Real machines have up to 10,000. An image with fewer
 * pages than that allows as many as it has pages, but at least LEAST_PROCESSES.
 */
#define LIMIT_PROCESSES 16384
#define LEAST_PROCESSES 1024

/* Links that one source follows at most: those of all processes that any source may add. */
#define LIMIT_LINKS (8 * LIMIT_PROCESSES)

/*
 * What all processes of a machine have in common in their DISPATCHER_HEADERs, learnt from those
 * that are known. KeInitializeProcess sets Size to sizeof(KPROCESS) / 4, cut to a byte, and leaves
 * the byte behind it 0 where no later kernel found another use for it.
 */
struct process_headers {
	bool known;	/* at least one header was read */
	bool size[256]; /* System's, and what most have */
	bool last[256]; /* values that were seen */
};

/*
 * A search for processes. Each source, and each direction of the ring, has its own share of work
 * and of processes, so that none takes that of another.
 */
struct process_search {
	const struct windows *windows;
	struct space *kernel;
	struct processes *processes;   /* found so far */
	struct address_map by_address; /* EPROCESS: its index in processes->items */
	uint64_t share;		       /* steps for each source */
	size_t most;		       /* processes that each source may add */
	enum process_source source;    /* the source that is asked now */
	struct budget budget;	       /* of that source */
	size_t room;		       /* processes that it may still add */
	bool stopped;		       /* it was cut off */
	unsigned int cut;	       /* enum process_source: all that were cut off */
	bool ring_broken;	       /* ActiveProcessLinks does not close */
	struct process_headers headers;
};

/* The shares: two directions of the ring, two lists, the table of PIDs, two sweeps. */
#define SEARCH_SHARES 7

/* Steps of process_read(). */
#define PROCESS_READ_STEPS 10

/* Begins a search. All must outlive it; release it with process_search_free(). */
void process_search_init(struct process_search *search, const struct windows *windows,
			 struct space *kernel, struct processes *processes);
void process_search_free(struct process_search *search);
#define _cleanup_process_search_ __attribute__((cleanup(process_search_free)))

/* Begins with a source: what is found from now on is found there. */
void process_search_begin(struct process_search *search, enum process_source source);

/* Cuts the source off. */
void process_search_stop(struct process_search *search);

/* Counts steps of the source. Returns false when its share is used up; then it is cut off. */
bool process_search_spend(struct process_search *search, uint64_t steps);

/*
 * Adds the process at `eprocess`; of one that is known, notes that the source has it too. False
 * when there is no process, or the source was cut off.
 */
bool processes_add(struct process_search *search, uint64_t eprocess);

/* Adds the process at `eprocess`, an address in the evidence, where it may be one. */
void processes_try(struct process_search *search, uint64_t eprocess);

/* Adds the processes of ActiveProcessLinks, from System on. */
void process_walk_ring(struct process_search *search);

/*
 * Marks processes as found in the ring where it was not followed to its end, or is broken, and
 * their neighbours in it lead back to them, or may have before they were lost. Call it when all
 * sources were asked.
 */
void process_settle_ring(struct process_search *search);

/* Adds the processes of MmProcessLinks and SessionProcessLinks. */
void process_walk_lists(struct process_search *search);

/* Adds the processes of PspCidTable. */
void process_walk_handles(struct process_search *search);

/*
 * Returns the object that a handle table has for `handle`, decoded as the build does; 0: none, or
 * the profile does not know how handles look. `table_code` is HANDLE_TABLE.TableCode.
 */
uint64_t handle_object(const struct windows *windows, struct space *kernel, uint64_t table_code,
		       uint32_t handle);

/* Learns from the processes known so far what their headers have in common. */
void process_headers_learn(struct process_search *search);

/* Adds processes that lie in the pool near those known so far. */
void process_sweep_near(struct process_search *search);

/* Adds the processes that a sweep of physical memory by `threads` threads finds. */
void process_sweep(struct process_search *search, unsigned int threads);

/* As windows_processes(), but of ActiveProcessLinks only. `kernel` is a space of the kernel's. */
void process_ring(const struct windows *windows, struct space *kernel, struct processes *processes);

#endif
