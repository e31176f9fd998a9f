/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a PE in virtual memory. Pages that the process lost are taken from elsewhere in the
 * image, where they are certain to be the same.
 *
 * Room: windows.
 */
#ifndef IMPSCAN_MODULE_READER_H
#define IMPSCAN_MODULE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/address_set.h>
#include <impscan/cleanup.h>
#include <impscan/pe.h>
#include <impscan/process.h>
#include <impscan/view.h>

/* The views that all processes have of image sections. Each is a neighbour of the others. */
struct neighbours;

/*
 * The views are opened when the first page is asked for. Both must outlive the result, which any
 * number of threads may use. The caller frees it.
 */
struct neighbours *neighbours_new(const struct windows *windows, const struct processes *processes);
void neighbours_free(struct neighbours *neighbours);
DEFINE_CLEANUP(struct neighbours, neighbours_free)
#define _cleanup_neighbours_ _cleanup_(neighbours_free_p)

/*
 * Returns the 4096 bytes at `rva` (a multiple of 4096) of the section of `control_area`, where two
 * processes or more have the same there, and more than half of those that have the page. NULL: not
 * so.
 */
const uint8_t *neighbours_page(struct neighbours *neighbours, uint64_t control_area, uint64_t rva);

/*
 * A PE in virtual memory, for pe_open(). Initialise with module_reader_init(), release with
 * module_reader_free().
 */
struct module_reader {
	struct pe_reader reader;
	struct space *space;
	uint64_t base;
	char why[96]; /* why a page is not there */
	/* By module_reader_section(): where pages are looked for that the process lost */
	const struct view *view;
	const struct vad *vad;	       /* the image VAD that `base` lies in; NULL: none */
	struct neighbours *neighbours; /* NULL: only prototype PTEs are used */
	uint64_t control_area;	       /* the VAD's; 0: none */
	/* Numbers of pages that were taken from neighbours, and by the section's prototype PTEs */
	struct address_set borrowed, sectioned;
	/* Of both: where a page file had a page that can't be a copy of the section's */
	struct address_set stale;
	bool keep_written; /* believe page files; nothing is stale */
	bool decompressed; /* a page was decompressed: its bytes live as long as the space */
	unsigned int missing_page_files; /* bit N: a page in page file N was not there */
	uint64_t last;			 /* number + 1 of the page read last; 0: none */
	const uint8_t *last_bytes;	 /* its bytes */
	/* The pages read since module_reader_record(); one of the first may be there twice */
	bool record;
	struct module_page *pages;
	size_t page_count;
	size_t page_capacity;
	struct address_set recorded; /* RVAs of all but the first of them */
};

/* Records from now on which pages are read. */
static inline void module_reader_record(struct module_reader *reader)
{
	reader->record = true;
	reader->page_count = 0;
	address_set_free(&reader->recorded);
	reader->last = 0;
}

void module_reader_free(struct module_reader *reader);
#define _cleanup_module_reader_ __attribute__((cleanup(module_reader_free)))

/*
 * Initialises a reader of the PE at `base`. `size` is how many bytes may be read from there on; 0:
 * up to 4 GB. Release it with module_reader_free().
 */
void module_reader_init(struct module_reader *reader, struct space *space, uint64_t base,
			uint64_t size);

/*
 * Where an image section is mapped at the reader's base, takes pages from it that are absent, or
 * that a page file has wrong: by its prototype PTEs, else as `neighbours` (NULL: none) agree on
 * them. A copy that one process has alone is never taken. `view` is that of the reader's space;
 * both must outlive the reader.
 */
void module_reader_section(struct module_reader *reader, const struct view *view,
			   struct neighbours *neighbours);

#endif
