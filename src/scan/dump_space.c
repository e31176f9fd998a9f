/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counting the disk space of the files of a run, by several threads.
 */
#include "scan/dump_space.h"

#include <pthread.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#define LEAST	    (UINT64_C(512) << 20)
#define TIMES_IMAGE 4

struct dump_space {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t limit;
	uint64_t before; /* bytes of the files that stay, of units that were handed out */
	uint64_t kept;	 /* the same of the unit that is handed out now */
	uint64_t taken;	 /* asked for, of files that were not settled yet */
	size_t turn;	 /* the unit that is handed out next */
	bool stopped;
};

uint64_t dump_space_limit(uint64_t size)
{
	return max_of(min_of(size, UINT64_MAX / TIMES_IMAGE) * TIMES_IMAGE, LEAST);
}

struct dump_space *dump_space_new(uint64_t limit)
{
	struct dump_space *space = alloc_new(struct dump_space);
	pthread_mutex_init(&space->lock, NULL);
	pthread_cond_init(&space->changed, NULL);
	space->limit = limit;
	return space;
}

void dump_space_free(struct dump_space *space)
{
	if (!space)
		return;
	pthread_cond_destroy(&space->changed);
	pthread_mutex_destroy(&space->lock);
	free(space);
}

/* May a unit that keeps `kept` bytes keep `size` more? Both were asked for, none is huge. */
static bool fits(const struct dump_space *space, uint64_t kept, uint64_t size)
{
	return kept + size <= (space->limit - space->before) / 2;
}

/* In its turn a unit knows what of its files will stay, and whether one more does. */
static bool fits_in_turn(const struct dump_space *space, const struct dump_files *files,
			 uint64_t size)
{
	uint64_t kept = 0;
	for (size_t i = 0; i < files->count; i++)
		kept += fits(space, kept, files->sizes[i]) ? files->sizes[i] : 0;
	return fits(space, kept, size);
}

bool dump_space_take(struct dump_space *space, size_t unit, struct dump_files *files, uint64_t size)
{
	pthread_mutex_lock(&space->lock);
	while (!space->stopped && unit != space->turn &&
	       space->before + space->kept + space->taken + size > space->limit)
		pthread_cond_wait(&space->changed, &space->lock);
	bool room = !space->stopped && (unit != space->turn || fits_in_turn(space, files, size));
	space->taken += room ? size : 0;
	pthread_mutex_unlock(&space->lock);
	if (room)
		*array_push(files->sizes, files->count, files->capacity) = size;
	return room;
}

void dump_space_return(struct dump_space *space, uint64_t size)
{
	pthread_mutex_lock(&space->lock);
	space->taken -= size;
	pthread_cond_broadcast(&space->changed);
	pthread_mutex_unlock(&space->lock);
}

bool dump_space_settle(struct dump_space *space, uint64_t size, bool exists)
{
	pthread_mutex_lock(&space->lock);
	bool stays = fits(space, space->kept, size);
	space->taken -= size;
	space->kept += stays ? size : 0;
	pthread_mutex_unlock(&space->lock);
	return stays && exists;
}

void dump_space_next(struct dump_space *space, size_t unit)
{
	pthread_mutex_lock(&space->lock);
	space->turn = unit + 1;
	space->before += space->kept;
	space->kept = 0;
	pthread_cond_broadcast(&space->changed);
	pthread_mutex_unlock(&space->lock);
}

void dump_space_stop(struct dump_space *space)
{
	pthread_mutex_lock(&space->lock);
	space->stopped = true;
	pthread_cond_broadcast(&space->changed);
	pthread_mutex_unlock(&space->lock);
}
