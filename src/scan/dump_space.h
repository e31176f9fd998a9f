/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: how much of a disk the files of a run may take.
 *
 * Each module's present pages are real data, and a DLL is in as many processes as map it. But hostile
 * page tables map one frame a million times: what is written is counted, holes left out, and no
 * process gets more than half of what the ones before have left. Which files there are does not depend
 * on threads: what is written while those before are not known may be removed again.
 */
#ifndef SCAN_DUMP_SPACE_H
#define SCAN_DUMP_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>

/* For any number of threads. */
struct dump_space;

/* Bytes that the files of an image of `size` bytes may have: four times as many, 512 MiB at least. */
uint64_t dump_space_limit(uint64_t size);

struct dump_space *dump_space_new(uint64_t limit);
void dump_space_free(struct dump_space *space); /* NULL is fine */
DEFINE_CLEANUP(struct dump_space, dump_space_free)
#define _cleanup_dump_space_ _cleanup_(dump_space_free_p)

/* The files of one unit that room was asked for, in order. All zero is none. */
struct dump_files {
	uint64_t *sizes;
	size_t count, capacity;
};

/*
 * Asks for `size` bytes for one more file of unit number `unit`, which is added to `files`; false when
 * there is no room, or after dump_space_stop(). May wait for the units before.
 */
bool dump_space_take(struct dump_space *space, size_t unit, struct dump_files *files,
		     uint64_t size);

/* Gives back what was asked for a file of a unit that is never handed out. */
void dump_space_return(struct dump_space *space, uint64_t size);

/*
 * Called for each file of each unit in order, when the unit is handed out: may it stay? If not, it is
 * to be removed. `size` is what was asked for, `exists` whether it could be written then.
 */
bool dump_space_settle(struct dump_space *space, uint64_t size, bool exists);

/* Unit number `unit` is done with. */
void dump_space_next(struct dump_space *space, size_t unit);

/* Nobody waits any more: the run ends. */
void dump_space_stop(struct dump_space *space);

#endif
