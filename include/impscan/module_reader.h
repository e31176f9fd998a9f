/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a PE in virtual memory, absent pages of its section included.
 *
 * Room: windows.
 */
#ifndef IMPSCAN_MODULE_READER_H
#define IMPSCAN_MODULE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>
#include <impscan/address_set.h>
#include <impscan/pe.h>
#include <impscan/process.h>
#include <impscan/view.h>

/* Where else the pages of an image section may be: all processes that map it. */
struct neighbours;

/* Cheap until the first page is asked for. Both must outlive it. For any number of threads. */
struct neighbours *neighbours_new(const struct windows *windows, const struct processes *processes);
void neighbours_free(struct neighbours *neighbours);
DEFINE_CLEANUP(struct neighbours, neighbours_free)
#define _cleanup_neighbours_ _cleanup_(neighbours_free_p)

/*
 * Returns the page at `rva` (a multiple of 4096) of the section of `control_area`, as two processes
 * or more agree to have it, and most of those that have it; NULL: nobody can tell.
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
	char why[96];
	/*
	 * The image VAD that `base` lies in, see module_reader_section(); NULL: none. A page that the
	 * process lost is then the section's, as other processes that map the file have it.
	 */
	const struct view *view;
	const struct vad *vad;
	struct neighbours *neighbours; /* NULL: only prototype PTEs are asked */
	uint64_t control_area;	       /* the VAD's; 0: none */
	/* Pages, by number, that were found with other processes, or as the section has them ... */
	struct address_set borrowed, sectioned;
	bool keep_written; /* believe a page file also where it has nothing of the section's page */
	struct address_set stale;	 /* ... of those, what a page file had and can't be right */
	bool decompressed;		 /* a page that was read lives only as long as the space */
	unsigned int missing_page_files; /* bit N: a page in page file N was not there */
	uint64_t last;			 /* number + 1 of the page read last ... */
	const uint8_t *last_bytes;
	/* The pages asked for since module_reader_record(); one may stand there twice. */
	bool record;
	struct module_page *pages;
	size_t page_count;
	size_t page_capacity;
};

/* From now on keep in mind which pages are read. */
static inline void module_reader_record(struct module_reader *reader)
{
	reader->record = true;
	reader->page_count = 0;
	reader->last = 0;
}

void module_reader_free(struct module_reader *reader);
#define _cleanup_module_reader_ __attribute__((cleanup(module_reader_free)))

/* `size`: bytes from `base` that may be read; 0 when unknown: up to 4 GB. */
void module_reader_init(struct module_reader *reader, struct space *space, uint64_t base,
			uint64_t size);

/*
 * Lets pages that are absent, or that a page file has wrong, be read from the section that is mapped
 * at the reader's base, if an image's is: by its prototype PTEs, or as `neighbours` (NULL: none)
 * agree to have them, never from one process's own copy. No image begins within a page. `view` is that
 * of the reader's space; both must outlive it.
 */
void module_reader_section(struct module_reader *reader, const struct view *view,
			   struct neighbours *neighbours);

#endif
