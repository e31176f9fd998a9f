/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ranges of a process's address space. The kernel keeps each in a VAD (virtual address
 * descriptor), all of them in a tree.
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
	VAD_MAPPED, /* a section of a data file or of the page file */
	VAD_IMAGE,  /* a section of an executable image */
};

struct vad {
	uint64_t start, end; /* addresses of its first and last byte */
	uint64_t address;    /* of the MMVAD, in the kernel */
	enum vad_kind kind;
	unsigned int protection;      /* MMVAD_FLAGS.Protection, 0-31: that of the allocation */
	uint64_t subsection;	      /* address; 0: none, or not present */
	uint64_t control_area;	      /* address; likewise. It identifies the section. */
	uint64_t first_prototype_pte; /* address; likewise */
	const char *file;	      /* FILE_OBJECT.FileName; NULL: no file, or not present */
	/* Its kind is a guess, since the image does not tell. vads->damage says so, too. */
	bool assumed;
	bool overlaps; /* with another VAD of the process, which is damage */
};

/* Sorted by address. */
struct vads {
	struct vad *items;
	size_t count;
	size_t capacity;
	struct names names; /* of files */
	char damage[120];   /* what is wrong with the tree; "": it is whole */
};

/*
 * Reads the VAD tree. The VADs of one view of an image, which may have one for each section, become
 * one. Of a damaged tree it reads what can be reached. Returns false when it was cut
 * off, since it costs more than a part of `budget` (NULL: not bounded). vads->damage says either.
 * Release with vads_free().
 */
bool process_vads(const struct windows *windows, const struct process *process,
		  struct space *kernel, struct budget *budget, struct vads *vads);

/* Returns the VAD that has `address`, or NULL. */
const struct vad *vads_find(const struct vads *vads, uint64_t address);
void vads_free(struct vads *vads);

/*
 * Returns the name of a MMVAD_FLAGS.Protection, as "PAGE_EXECUTE_READWRITE", without what its guard
 * and cache bits say.
 */
const char *vad_protection_name(unsigned int protection);

#endif
