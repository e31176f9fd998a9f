/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The images of a run, and what belongs to each of them on the command line.
 */
#ifndef CLI_EVIDENCE_H
#define CLI_EVIDENCE_H

#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>
#include <impscan/memory.h>
#include <impscan/source.h>

/* An image; the strings are those of the command line or the environment. */
struct evidence {
	const char *path;
	const char *label;		    /* what the user calls it; NULL: nothing */
	const char *page_files[PAGE_FILES]; /* by number; NULL: not given */
	uint64_t dtb;			    /* 0: find it */
	uint64_t kernel_base;		    /* likewise */
	const char *format;		    /* what it is, by image_format_name(); NULL: find it */
	size_t parts;  /* images left out since they are later parts of it, a split file */
	size_t beside; /* images left out since they belong to it: VMware's states and settings */
	/* Of several images in one archive: see struct source_other; NULL: it is opened by its path. */
	struct source *archive;
	size_t number;
};

/* An argument that means something by its place among the others: an image, or what belongs to one. */
struct placed {
	int key;	  /* of its option; 'f' also for an image that stands alone */
	const char *text; /* the argument, or the part of it that is a path */
	uint64_t number;  /* the address, or the page file's number */
};

/* The key of an argument that stands alone, as long as it is not known what it is. */
#define PLACED_ALONE 1

/* What the image is called in rows and messages. */
const char *evidence_name(const struct evidence *evidence);

/* The same, or NULL where it is called by the path that it was opened by. */
const char *evidence_other_name(const struct evidence *evidence);

/*
 * Gives each image what belongs to it: what stands behind it on the command line, and before the
 * next one. What stands before the first belongs to it if there is no other; else it is an error.
 * So is what one image is given twice.
 *
 * placed, placed_count: in the order of the command line; the images among them are those of
 *	`images`, unless there are none, and the only one of `images` is the environment's.
 */
struct error *evidence_assign(struct evidence *images, size_t count, const struct placed *placed,
			      size_t placed_count);

/*
 * Leaves out images that are later parts of a split file whose first part is among them too, as
 * with `mem.raw.*`: they are read with that. One with options of its own stays, and is an error
 * later.
 */
void evidence_leave_out_parts(struct evidence *images, size_t *count);

/*
 * Leaves out files of virtual machines that have no memory, and whose memory is among the images too,
 * as a pattern for a folder gives them: see image_belongs_to(). One with options of its own stays.
 */
void evidence_leave_out_beside(struct evidence *images, size_t *count);

#endif
