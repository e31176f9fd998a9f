/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: pages of image sections that hold no pointer to another image.
 *
 * A page that no process has written to is the same in all that map the section. So it is looked at
 * in the first of them only, and never again. Where the image's headers say that it can't be written
 * to without being copied, it is the file's and needs no look: the addresses of other images are not
 * in files, being other ones after each start of the machine.
 */
#ifndef SCAN_CLEAN_PAGES_H
#define SCAN_CLEAN_PAGES_H

#include <impscan/pe.h>
#include <impscan/view.h>

struct clean_pages;

struct clean_pages *clean_pages_new(void);
void clean_pages_free(struct clean_pages *clean);
DEFINE_CLEANUP(struct clean_pages, clean_pages_free)
#define _cleanup_clean_pages_ _cleanup_(clean_pages_free_p)

/* What is known of a section, mapped at one address. */
struct clean_section;

/*
 * That of own->vad, where pointers to [base, base + size) are the image's own. For any number of
 * threads; valid until it is released with clean_section_release(), since of more sections than
 * machines have each process keeps its own.
 */
struct clean_section *clean_pages_of(struct clean_pages *clean, const struct own_pages *own,
				     uint64_t base, uint64_t size);

/* Were the image's headers asked already? */
bool clean_section_told(const struct clean_section *section);

/*
 * Pages that the headers say can't be written to are clean. `pe` are those of the section itself, not
 * as any process has them, whose copy may say anything; not PE_OK: they say nothing.
 */
void clean_section_tell(struct clean_section *section, const struct pe *pe);

void clean_section_release(struct clean_section *section); /* NULL is fine */

/*
 * The first page from number `from` on, before `end`, that a process with copies `own` has to look
 * at: one of its own, or of the section's that is not known to be clean. `end`: none.
 */
size_t clean_section_next(const struct clean_section *section, const struct own_pages *own,
			  size_t from, size_t end);

/* Page number `page` was looked at and is clean. */
void clean_section_add(struct clean_section *section, const struct own_pages *own, size_t page);

#endif
