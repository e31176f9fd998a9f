/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processes as the kernel describes them, each in its EPROCESS. windows_processes() (discover.h)
 * lists them.
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

struct process {
	uint64_t eprocess; /* address */
	uint32_t pid;
	uint32_t ppid;	 /* the parent's; 0 when unreadable */
	char *name;	 /* ImageFileName: 15 characters at most; owned */
	uint64_t dtb;	 /* physical address of its page map, by DirectoryTableBase */
	uint64_t peb;	 /* address; 0: none (System, Registry) */
	uint64_t peb32;	 /* address of the 32-bit PEB of a WoW64 process; 0: none */
	uint64_t wow64;	 /* EPROCESS.WoW64Process as it stands; 0: no WoW64 process */
	bool peb32_lost; /* it has, or may have, a 32-bit PEB that was not found */
	bool peb_lost;	 /* it has a PEB that was not found */
	uint64_t section_base_address;
	uint64_t create_time; /* FILETIME; 0 when unreadable */
	uint64_t exit_time;   /* FILETIME; 0 while it runs */
	unsigned int sources; /* where it was found: bits of enum process_source */
};

/* Where a process was found. The first four are lists and tables of the kernel. */
enum process_source {
	SOURCE_ACTIVE = 1 << 0,	 /* PsActiveProcessHead, EPROCESS.ActiveProcessLinks */
	SOURCE_MM = 1 << 1,	 /* EPROCESS.MmProcessLinks, the memory manager's list */
	SOURCE_SESSION = 1 << 2, /* EPROCESS.SessionProcessLinks, a list for each session */
	SOURCE_CID = 1 << 3,	 /* PspCidTable, the handle table of PIDs */
	SOURCE_NEAR = 1 << 4,	 /* the pool near processes that are known */
	SOURCE_DEEP = 1 << 5,	 /* the sweep of physical memory */
	SOURCE_DUMP = 1 << 6,	 /* the image is a dump of the process */
};
#define PROCESS_SOURCE_COUNT 7

/* The word for bit i: "active", "mm", "session", "cid", "near", "deep", "dump". */
extern const char *const process_source_names[PROCESS_SOURCE_COUNT];

/* Returns whether it has ended (a handle or a driver keeps its EPROCESS): ExitTime is set. */
static inline bool process_exited(const struct process *process)
{
	return process->exit_time != 0;
}

/* Returns whether it runs, but is not in ActiveProcessLinks. */
static inline bool process_hidden(const struct process *process)
{
	return !(process->sources & (SOURCE_ACTIVE | SOURCE_DUMP)) && !process_exited(process);
}

/*
 * Returns whether it is System, whose memory is the kernel's, by its EPROCESS. A dump of a process
 * has none.
 */
static inline bool process_is_system(const struct windows *windows, const struct process *process)
{
	return windows->system && process->eprocess == windows->system;
}

/*
 * Returns the command line that the process has behind its PEB, as UTF-8: at most 512 units of
 * UTF-16, behind which is said in brackets how many more there are. NULL: none, or not present.
 * The caller frees it.
 *
 * space: of the process.
 */
char *process_command_line(const struct windows *windows, const struct process *process,
			   struct space *space);

struct processes {
	struct process *items;
	size_t count;
	size_t capacity;
	uint64_t ps_active_process_head; /* address; 0: the ring does not lead to it */
	/* What was wrong with ActiveProcessLinks, and which sources were cut off; "": nothing. */
	char damage[240];
};

/* Releases a list. All zero is an empty one. */
void processes_free(struct processes *processes);
#define _cleanup_processes_ __attribute__((cleanup(processes_free)))

/*
 * Reads the process at address `eprocess`; its `sources` are 0. Returns false when it is not
 * present or can't be a process. Of `windows` only memory, profile and pointer_size are used. The
 * caller frees process->name.
 */
bool process_read(const struct windows *windows, struct space *kernel, uint64_t eprocess,
		  struct process *process);

#endif
