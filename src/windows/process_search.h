/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room windows: a search for processes, and the sources that it asks.
 *
 *	process_search.c   what was found, and what each source may cost
 *	process_ring.c     ActiveProcessLinks
 *	process_sources.c  the kernel's other lists and its table of PIDs
 *	process_sweep.c    memory itself
 *	process.c          asks them all
 */
#ifndef WINDOWS_PROCESS_SEARCH_H
#define WINDOWS_PROCESS_SEARCH_H

#include <impscan/address_map.h>
#include <impscan/budget.h>
#include <impscan/process.h>
#include <impscan/windows.h>

/*
 * What is the same in the DISPATCHER_HEADER of every process of a machine: KeInitializeProcess sets
 * Size, sizeof(KPROCESS) in units of 4 bytes cut to a byte, and leaves the byte behind it 0, where
 * no later kernel found another use for it. So those of the processes known are to be expected.
 */
struct process_headers {
	bool known; /* at least one was read: */
	bool size[256], last[256];
};

/*
 * A search for processes in one source after the other: what was found, and what it may cost. Each
 * source, and each direction of the ring, has its own share, so that none takes that of another.
 */
struct process_search {
	const struct windows *windows;
	struct space *kernel;
	struct processes *processes;
	struct address_map by_address; /* EPROCESS: its index in processes->items */
	uint64_t share;		       /* steps for each source */
	size_t most;		       /* processes that each source may add */
	enum process_source source;    /* the one that is asked now: */
	struct budget budget;	       /* its steps ... */
	size_t room;		       /* ... processes that it may still add ... */
	bool stopped;		       /* ... and whether it has had its share */
	unsigned int cut;	       /* enum process_source: not asked to their end */
	struct process_headers headers;
};

/* The shares: the ring in two directions, two lists, the table of PIDs, two sweeps. */
#define SEARCH_SHARES 7

/* What process_read() costs. */
#define PROCESS_READ_STEPS 10

/* All must outlive the search; release it with process_search_free(). */
void process_search_init(struct process_search *search, const struct windows *windows,
			 struct space *kernel, struct processes *processes);
void process_search_free(struct process_search *search);
#define _cleanup_process_search_ __attribute__((cleanup(process_search_free)))

/* Goes on to another source: whatever is found from now on is found there. */
void process_search_begin(struct process_search *search, enum process_source source);

/* Cuts the source off: it will be told. */
void process_search_stop(struct process_search *search);

/* Counts steps of the source; false when it has had its share, and is cut off. */
bool process_search_spend(struct process_search *search, uint64_t steps);

/*
 * Adds the process at `eprocess`, or the source to the one known; false when it is none, or the
 * source was cut off.
 */
bool processes_add(struct process_search *search, uint64_t eprocess);

/* Adds the processes of ActiveProcessLinks, from System on. */
void process_walk_ring(struct process_search *search);

/*
 * Marks processes as found in the ring where it was not followed to its end and their neighbours in
 * it lead back to them. Call it when all sources were asked.
 */
void process_settle_ring(struct process_search *search);

/* Adds what MmProcessLinks, SessionProcessLinks and PspCidTable know. */
void process_sources(struct process_search *search);

/* Learns from the processes known so far how a process's header looks. */
void process_headers_learn(struct process_search *search);

/* Adds what lies in the same pool as the processes known so far. */
void process_sweep_near(struct process_search *search);

/* Adds what a sweep of physical memory finds. */
void process_sweep(struct process_search *search, unsigned int threads);

#endif
