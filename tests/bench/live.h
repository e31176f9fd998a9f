/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory of a living process of Wine, copied: modules with their headers and import lists, and
 * everything else. Windows' memory only: what lies among the host's own libraries is left out, and
 * so are 32-bit modules and the sections of modules that the loader may discard.
 */
#ifndef BENCH_LIVE_H
#define BENCH_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/imports.h>
#include <impscan/page_size.h>
#include <impscan/rebuild.h>

/* A module, or other mappings that touch each other. */
struct live_piece {
	uint64_t start, end;
	uint8_t *bytes;
	uint8_t *pages; /* of each: 0, not present; 1; the owner may set others */
	bool module;
	bool writable; /* private data */
	char *name;    /* of its file */
	struct pe_reader reader;
	struct pe pe;
	struct imports declared; /* with entries */
};

struct live {
	int pid;
	char program[32];
	struct live_piece *pieces; /* by address */
	size_t count, capacity;
	struct export_map *map;
	struct rebuild_memory memory;
};

/* Copies the memory of `pid`; without any piece when that can't be read. */
void live_open(struct live *live, int pid);
void live_close(struct live *live);

/* The piece that holds `address`, or NULL. */
struct live_piece *live_at(const struct live *live, uint64_t address);

/* The bytes at an offset of it, to the end of the page; NULL where they are not present. */
uint8_t *live_bytes(const struct live_piece *piece, uint64_t offset, size_t *available);

#endif
