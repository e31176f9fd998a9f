/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A view: a process's memory as one thread reads it, with the VADs that say where pages are that
 * its page map does not have.
 *
 * Room: windows.
 */
#ifndef IMPSCAN_VIEW_H
#define IMPSCAN_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/budget.h>
#include <impscan/cleanup.h>
#include <impscan/space.h>
#include <impscan/vad.h>

/* Which pages of an image VAD are the process's own; see view_own_pages(). */
struct own_pages {
	const struct vad *vad; /* NULL: none */
	size_t count;	       /* pages from its start on that `bits` has */
	uint64_t *bits;	       /* page i is own: bit i % 64 of bits[i / 64] */
	size_t capacity;       /* in words */
};

/* Belongs to one thread at a time. System's has the kernel's space for both. */
struct view {
	struct space *space;  /* the process's; asks its VADs for prototype PTEs */
	struct space *kernel; /* of System's page map */
	const struct windows *windows;
	struct vads vads;
	unsigned int entry_size; /* bytes of a prototype PTE */
	const struct vad *found; /* the VAD asked for last; NULL: none yet */
	struct own_pages own;	 /* of the VAD asked for last */
	struct budget *budget;	 /* of all that is done with the view; NULL: not bounded */
	bool cut;		 /* something was cut off, for a part of the budget or for all */
};

/*
 * Returns which pages of an image VAD are the process's own: copies that it got when it wrote to
 * them. All others are the section's, the same for all processes that map it. NULL when the VAD is
 * of another kind, or does not lead to its section. Valid until it is called for another VAD.
 */
const struct own_pages *view_own_pages(struct view *view, const struct vad *vad);

/*
 * Looks up the page that the section of an image VAD has for `address`, by its prototype PTE,
 * whatever the process has there. Returns false when its bytes are not present, or the VAD does not
 * lead to its section.
 */
bool view_section_page(const struct view *view, const struct vad *vad, uint64_t address,
		       struct page *page);

/* Returns whether page number `page`, below own->count, is the process's own. */
static inline bool own_pages_has(const struct own_pages *own, size_t page)
{
	return own->bits[page / 64] >> page % 64 & 1;
}

/* Returns the first own page from number `from` on, before `end`; `end`: none. */
size_t own_pages_next(const struct own_pages *own, size_t from, size_t end);

/* Opens a view; all must outlive it. `budget` may be NULL. Release with view_close(). */
void view_open(struct view *view, const struct windows *windows, const struct process *process,
	       struct budget *budget);
void view_close(struct view *view);
#define _cleanup_view_ __attribute__((cleanup(view_close)))

#endif
