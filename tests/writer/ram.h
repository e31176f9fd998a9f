/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The physical memory of the machine that is written: which addresses are RAM, which frames are in
 * use, and their bytes. Frames are handed out in a shuffled order, as a machine that has run for a
 * while would: neighbours in virtual memory are not neighbours here.
 */
#ifndef WRITER_RAM_H
#define WRITER_RAM_H

#include <stdbool.h>
#include <stdint.h>

#include <writer/util.h>

#define PAGE UINT64_C(0x1000)

struct ram_run {
	uint64_t start; /* physical address */
	uint64_t size;	/* bytes */
};

struct ram;

/*
 * `size` bytes (a multiple of 1 MB, at least 16) as a PC has them: 0x1000 to 0x9f000, then from 1
 * MB up with one hole, as devices make it: `hole`, or where that is of no size, 8 MB in the middle.
 */
struct ram *ram_new(uint64_t size, const struct ram_run *hole, struct util_random *random);
void ram_free(struct ram *ram);

/* The runs, sorted by address. */
const struct ram_run *ram_runs(const struct ram *ram, size_t *count);

/* One past the last byte of the last run. */
uint64_t ram_end(const struct ram *ram);

/* A free zeroed frame, anywhere; its physical address. Dies when the machine is full. */
uint64_t ram_take(struct ram *ram);

/* The same below `limit`. */
uint64_t ram_take_below(struct ram *ram, uint64_t limit);

/* The frame at `address`, which must be free. */
uint64_t ram_take_at(struct ram *ram, uint64_t address);

/* Takes a frame out of use again; its bytes are gone. It is not handed out once more. */
void ram_drop(struct ram *ram, uint64_t address);

/* One of the first megabyte's frames (the low stub's place), or one run of `count` frames at a
 * multiple of `align` bytes. */
uint64_t ram_take_low(struct ram *ram);
uint64_t ram_take_block(struct ram *ram, uint64_t count, uint64_t align);

/* The bytes from physical address `address` up to the end of its run; dies outside of RAM. */
uint8_t *ram_at(const struct ram *ram, uint64_t address);

/* Has the frame at `address` been handed out? */
bool ram_used(const struct ram *ram, uint64_t address);

/* Frames handed out so far. */
uint64_t ram_used_count(const struct ram *ram);

#endif
