/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ranges of a process's address space: its VAD tree.
 *
 * Room: windows.
 */
#ifndef IMPSCAN_VAD_H
#define IMPSCAN_VAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/names.h>
#include <impscan/process.h>

enum vad_kind {
	VAD_PRIVATE,
	VAD_MAPPED, /* a view of a data file or of the page file */
	VAD_IMAGE,  /* a view of an image section */
};

/* One range of a process's address space. */
struct vad {
	uint64_t start, end; /* its first and last byte */
	uint64_t address;    /* the MMVAD itself, in the kernel */
	enum vad_kind kind;
	unsigned int protection; /* MMVAD_FLAGS.Protection, 0-31: as first asked for */
	uint64_t subsection;	 /* 0 where there is none, or it is not present */
	uint64_t control_area;
	uint64_t first_prototype_pte;
	const char *file; /* FILE_OBJECT.FileName; NULL: no file, or not present */
	bool overlaps;	  /* another VAD of the process has some of its addresses too: damage */
};

/* Sorted by address. */
struct vads {
	struct vad *items;
	size_t count;
	size_t capacity;
	struct names names; /* of files */
	char damage[120];   /* what was wrong with the tree, in words; "" when it is whole */
};

/*
 * Reads the VAD tree; of a damaged one, all that can be reached, and of one that costs more than a
 * part of `budget` (NULL: not bounded) what was read until then: then it returns false, and `damage`
 * tells.
 */
bool process_vads(const struct windows *windows, const struct process *process,
		  struct space *kernel, struct budget *budget, struct vads *vads);

/* The VAD that holds `address`, or NULL. */
const struct vad *vads_find(const struct vads *vads, uint64_t address);
void vads_free(struct vads *vads);

/* "PAGE_EXECUTE_READWRITE" ...: of MMVAD_FLAGS.Protection, guard and cache bits left out. */
const char *vad_protection_name(unsigned int protection);

#endif
