/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processes, by their EPROCESS.
 *
 * Room: windows.
 */
#ifndef IMPSCAN_PROCESS_H
#define IMPSCAN_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>
#include <impscan/windows.h>

/* One process, by its EPROCESS. */
struct process {
	uint64_t eprocess;
	uint32_t pid;
	uint32_t ppid;
	char *name;	 /* ImageFileName: 15 characters at most */
	uint64_t dtb;	 /* DirectoryTableBase without its low bits */
	uint64_t peb;	 /* 0: none (System, Registry) */
	uint64_t peb32;	 /* of a WoW64 process: the 32-bit PEB; 0: none */
	uint64_t wow64;	 /* what EPROCESS has that leads there, as it stands; 0: no WoW64 process */
	bool peb32_lost; /* it has, or may have, a 32-bit PEB that was not found */
	uint64_t section_base_address;
	uint64_t create_time; /* FILETIME; 0 when unreadable */
	uint64_t exit_time;   /* FILETIME; 0 while it runs */
	unsigned int sources; /* enum process_source, where it was found */
};

/* Bits: the kernel's own books of processes, and the sweep. */
enum process_source {
	SOURCE_ACTIVE = 1 << 0,	 /* PsActiveProcessHead, EPROCESS.ActiveProcessLinks */
	SOURCE_MM = 1 << 1,	 /* EPROCESS.MmProcessLinks */
	SOURCE_SESSION = 1 << 2, /* EPROCESS.SessionProcessLinks */
	SOURCE_CID = 1 << 3,	 /* the handle table of PIDs, PspCidTable */
	SOURCE_NEAR = 1 << 4,	 /* the pool around processes that are known */
	SOURCE_DEEP = 1 << 5,	 /* the sweep of physical memory */
};
#define PROCESS_SOURCE_COUNT 6

/* "active", "mm", "session", "cid", "near", "deep": the word for bit i. */
extern const char *const process_source_names[PROCESS_SOURCE_COUNT];

/* It has ended: ExitTime is set. Some other process or driver still holds a handle to it. */
static inline bool process_exited(const struct process *process)
{
	return process->exit_time != 0;
}

/* It runs, is in one of the kernel's books, and was taken out of ActiveProcessLinks. */
static inline bool process_hidden(const struct process *process)
{
	return !(process->sources & SOURCE_ACTIVE) && !process_exited(process);
}

struct processes {
	struct process *items;
	size_t count;
	size_t capacity;
	uint64_t ps_active_process_head; /* 0 when the ring does not lead to it */
	/* What was wrong with the ring, and where the search was cut off, in words; "": nothing. */
	char damage[240];
};

/* Releases the list; all zero is an empty one. */
void processes_free(struct processes *processes);
#define _cleanup_processes_ __attribute__((cleanup(processes_free)))

/*
 * Reads the process at `eprocess` (its `sources` stay 0); false when it is not present or can't be one.
 * Uses of `windows` only memory, profile and pointer_size. The caller frees process->name.
 */
bool process_read(const struct windows *windows, struct space *kernel, uint64_t eprocess,
		  struct process *process);

#endif
