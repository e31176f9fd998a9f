/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `image`: what VMware's state files (.vmss of a suspended machine, .vmsn of a
 * snapshot) say of the machine's memory.
 */
#ifndef IMPSCAN_IMAGE_VMWARE_STATE_H
#define IMPSCAN_IMAGE_VMWARE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>
#include <impscan/source.h>

/* Machines have up to three regions. */
#define VMWARE_REGIONS_MAX 64

/* A part of the machine's memory that lies in one piece. */
struct vmware_region {
	uint64_t start;	 /* physical address */
	uint64_t offset; /* in the memory, as it was written: the .vmem, or inside the state file */
	uint64_t size;	 /* bytes; never 0 */
};

struct vmware_state {
	/* Sorted by address, without overlaps; none: the file doesn't say, or it is one from 0 on. */
	struct vmware_region regions[VMWARE_REGIONS_MAX];
	size_t region_count;
	/* Whether the memory is in this file, and where; else it is in a .vmem. */
	bool inside;
	uint64_t memory_offset, memory_size; /* bytes */
	char product[64], version[64];	     /* what wrote it; "": not said */
	bool arm;			     /* it is the state of an ARM64 machine */
	uint64_t cr3; /* of the first processor that has one; 0: none is known */
};

/* Returns whether a file is one of these, by its first bytes. */
bool vmware_state_probe(const struct source *source);

/*
 * Reads what the file says. Fails where that can't be used: it is damaged or cut off, contradicts
 * itself, or its memory is compressed. The sentence begins with the path.
 */
struct error *vmware_state_read(const struct source *source, const char *path,
				struct vmware_state *state);

/* Returns how many bytes of memory the regions need of the .vmem: where the last of them ends. */
uint64_t vmware_state_extent(const struct vmware_state *state);

#endif
