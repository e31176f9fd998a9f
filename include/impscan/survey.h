/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All that --info prints of an image, as one value, and what stands before the rows of one.
 *
 * Room: rows.
 */
#ifndef IMPSCAN_SURVEY_H
#define IMPSCAN_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>
#include <impscan/fields.h>

/*
 * Its texts and lists are its own; a text is NULL when there is nothing to say. Start with all
 * zero, release with survey_free().
 */
struct survey {
	/* The file. */
	char *image; /* what it is called: its path, or a label */
	char *format;
	uint64_t file_size;	/* bytes, as it was opened */
	uint64_t unpacked_size; /* bytes of what is packed in it; 0: it is not packed */
	uint64_t memory_size;	/* bytes of physical memory in it */
	size_t ranges;
	char *warning;
	/* Without a machine, all of the rest is empty but `failure`; without a kernel, what is its. */
	bool machine_found;
	bool kernel_found;
	char *architecture;
	char *paging;
	uint32_t build;	       /* the one that is believed */
	uint32_t build_kernel; /* by NtBuildNumber; 0 in this and the next two: not readable */
	uint32_t build_shared; /* by KUSER_SHARED_DATA */
	uint32_t build_peb;    /* by PEB.OSBuildNumber */
	char *build_note;
	uint64_t kernel_base;
	uint64_t kernel_size; /* bytes */
	char *pdb;
	char *pdb_guid; /* with its age */
	uint64_t dtb;	/* physical address of the page map */
	char *dtb_source;
	char *profile;
	char *profile_origin;
	uint64_t system;		 /* EPROCESS of System */
	uint64_t ps_active_process_head; /* 0: the ring of processes does not lead to it */
	uint64_t ps_loaded_module_list;	 /* 0: not found */
	/* Processes and modules. */
	size_t processes;
	struct text_list by_source; /* "active 45": how many each source has */
	size_t hidden;
	size_t exited;
	char *damage; /* of what leads to processes, and what was cut off */
	size_t modules;
	size_t readable;	     /* those whose import list could be read, or that have none */
	struct text_list page_files; /* that the kernel has or page tables name */
	char *store;		     /* compressed memory */
	struct text_list advice;     /* what would help to read more */
	char *failure;		     /* why no kernel was found */
	/* What else the file tells of itself: see enum image_fact. */
	char *container;
	char *compression;
	char *tool;
	char *taken;
	struct text_list missing; /* and the gaps before and between ranges */
	char *notes;
	char *sandbox; /* what the program gave up before it read the image */
	char *path;    /* of the file, where `image` is what the user calls it */
};

void survey_free(struct survey *survey);
#define _cleanup_survey_ _cleanup_(survey_free)

/*
 * What stands before the rows of an image, for who reads them later (--describe). Start with all
 * zero, release with description_free().
 */
struct description {
	struct survey survey;	      /* of it what is known before any process is looked at */
	const char *version;	      /* of the program; static */
	const char *rows;	      /* which rows follow: "modules", "regions", ...; static */
	struct text_list left_out_by; /* options by which they are not all there are: "-p" */
	struct text_list warnings;    /* that were told of the image until then */
};

void description_free(struct description *description);
#define _cleanup_description_ _cleanup_(description_free)

#endif
