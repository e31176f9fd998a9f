/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room discover: making a machine of a dump of one process.
 *
 *	process_dump.c  all of it: what is found, and what becomes of it
 *	dump_peb.c      where are the PEBs?         by the threads' TEBs
 *	dump_vads.c     what is its memory?         by the list of regions, else as a guess
 */
#ifndef DISCOVER_DUMP_PARTS_H
#define DISCOVER_DUMP_PARTS_H

#include <impscan/minidump.h>
#include <impscan/module.h>
#include <impscan/space.h>
#include <impscan/vad.h>

/* The PEBs of a process, and what else its TEBs tell. */
struct dump_pebs {
	uint64_t peb64, peb32; /* addresses; 0: none was found */
	bool ldr64;	       /* the former leads to its lists of modules */
	bool has_pid;
	uint32_t pid;
};

/* Finds the PEBs. */
struct dump_pebs dump_pebs_find(const struct minidump *dump, struct space *space);

/* What the pages of the process may be used for, by the list of regions; the caller frees it. */
struct memory_range *dump_ranges(const struct minidump *dump, size_t *count);

/* The VADs that the list of regions stands for. */
void dump_vads_of_regions(const struct minidump *dump, struct vads *vads);

/*
 * VADs as a guess, where the dump has no list of regions: an image for each of `modules`, private
 * memory for all else that it has.
 */
void dump_vads_assumed(const struct minidump *dump, struct space *space,
		       const struct modules *modules, struct vads *vads);

#endif
