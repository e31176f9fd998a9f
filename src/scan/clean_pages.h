/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: which pages of image sections are clean, that is, hold no pointer to
 * another image.
 *
 * A page that no process has written to is the same in all processes that map the section. So it is
 * looked at in one of them and not again. Unless the section's processes share what they write, it
 * is a copy of the file's, and needs no look at all: a file can't hold the addresses of other
 * images, since these change with each start of the machine.
 */
#ifndef SCAN_CLEAN_PAGES_H
#define SCAN_CLEAN_PAGES_H

#include <impscan/exports.h>
#include <impscan/pe.h>
#include <impscan/view.h>

/* All sections. For any number of threads. */
struct clean_pages;

struct clean_pages *clean_pages_new(void);
void clean_pages_free(struct clean_pages *clean);
DEFINE_CLEANUP(struct clean_pages, clean_pages_free)
#define _cleanup_clean_pages_ _cleanup_(clean_pages_free_p)

/* The pages of one section, mapped at one address. */
struct clean_section;

/*
 * Returns the pages of the section that is mapped at own->vad, for pointers of 4 or 8 bytes.
 *
 * base, size: the image. Pointers to this range are its own, and do not count.
 *
 * Release it with clean_section_release(): where there are more sections than real machines have,
 * it is shared with nobody.
 */
struct clean_section *clean_pages_of(struct clean_pages *clean, const struct own_pages *own,
				     uint64_t base, uint64_t size, unsigned int pointer_size);

/* Tells whether clean_section_tell() was called for the section, by any thread. */
bool clean_section_told(const struct clean_section *section);

/*
 * Marks the pages as clean that are in sections of the image that processes do not share when they
 * write to them. None of an image that is bound: its file has addresses of the DLLs it imports.
 *
 * pe: the headers as the section has them. Those of a process may be its own copy and say anything.
 *	Where the status is not PE_OK no page is marked.
 */
void clean_section_tell(struct clean_section *section, const struct pe *pe);

void clean_section_release(struct clean_section *section); /* NULL is fine */

/*
 * Returns the number of the first page that a process has to look at: one that it has a copy of, or
 * one that is not known to be clean.
 *
 * own: the pages that the process has copies of.
 * from, end: page numbers; `end` is returned where there is none before it.
 */
size_t clean_section_next(const struct clean_section *section, const struct own_pages *own,
			  size_t from, size_t end);

/* Notes that page number `page` is clean, unless it is a copy of the process's own. */
void clean_section_add(struct clean_section *section, const struct own_pages *own, size_t page);

/*
 * Before Vista DLLs lie where their files say, and files know that. So a page that nobody has
 * written to is looked at until it was compared with the exports of all modules that there are.
 */

#define EXPORTERS_MAX 256

/* Modules that export something, each at one address; bit i % 64 of bits[i / 64] is number i. */
struct exporters {
	uint64_t bits[EXPORTERS_MAX / 64];
};

/*
 * Adds a module to a set. The table is kept as long as the clean pages are. Returns false, and adds
 * nothing, where more modules were seen than there are numbers, or they take too much memory.
 */
bool exporters_add(struct exporters *exporters, struct clean_pages *clean, uint64_t base,
		   uint64_t size, struct export_table *table);

/*
 * Returns the number of the first page that a process has to look at: one that it has a copy of, or
 * that was not compared with all these modules. Parameters as for clean_section_next().
 */
size_t clean_section_uncompared(const struct clean_section *section, const struct own_pages *own,
				size_t from, size_t end, const struct exporters *exporters);

/*
 * Notes that page number `page` has no pointer to an export of these modules, none of which
 * overlap; unless it is a copy of the process's own.
 */
void clean_section_compared(struct clean_section *section, const struct own_pages *own, size_t page,
			    const struct exporters *exporters);

#endif
