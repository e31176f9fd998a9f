/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: how much disk space the files of a run may take.
 *
 * The pages of each module are real data, and a DLL is in as many processes as map it. But hostile
 * page tables can map one frame a million times. So the bytes that are written are counted, without
 * holes, and no process gets more than half of what those before it have left.
 *
 * Which files there are does not depend on the number of threads: a file that was written before it
 * is known how much the processes before take may be removed again.
 */
#ifndef SCAN_DUMP_SPACE_H
#define SCAN_DUMP_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>

/* For any number of threads. */
struct dump_space;

/*
 * Returns how many bytes all files of an image of `size` bytes may take: four times as many, and at
 * least 512 MiB.
 */
uint64_t dump_space_limit(uint64_t size);

/* Returns a count that allows `limit` bytes. */
struct dump_space *dump_space_new(uint64_t limit);
void dump_space_free(struct dump_space *space); /* NULL is fine */
DEFINE_CLEANUP(struct dump_space, dump_space_free)
#define _cleanup_dump_space_ _cleanup_(dump_space_free_p)

/* The sizes of the files of one unit that were allowed so far, in order. All zero to begin with. */
struct dump_files {
	uint64_t *sizes;
	size_t count, capacity;
};

/*
 * Asks whether a file may be written, and counts it. May wait until the units before are done.
 *
 * unit: the number of the unit it belongs to.
 * files: the unit's files; the file is added.
 * size: in bytes, without holes.
 *
 * Returns false when there is no room, and after dump_space_stop().
 */
bool dump_space_take(struct dump_space *space, size_t unit, struct dump_files *files,
		     uint64_t size);

/* Gives back the bytes of a file, for a unit that is never handed out. */
void dump_space_return(struct dump_space *space, uint64_t size);

/*
 * Tells whether a file may stay; otherwise it is to be removed. To be called for each file of each
 * unit, in order, when the unit is handed out.
 *
 * size: the bytes that were asked for.
 * exists: whether the file could be written.
 */
bool dump_space_settle(struct dump_space *space, uint64_t size, bool exists);

/* Ends the unit number `unit`: all its files were settled. */
void dump_space_next(struct dump_space *space, size_t unit);

/* Ends the run: threads that wait in dump_space_take() return, with false. */
void dump_space_stop(struct dump_space *space);

#endif
