/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process's memory as one thread sees it.
 *
 * Room: windows.
 */
#ifndef IMPSCAN_VIEW_H
#define IMPSCAN_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>
#include <impscan/budget.h>
#include <impscan/space.h>
#include <impscan/vad.h>

/* Which pages of a view of an image section are the process's own, see view_own_pages(). */
struct own_pages {
	const struct vad *vad; /* NULL: none */
	size_t count;	       /* pages from its start on that are told of */
	uint64_t *bits;	       /* bit i % 64 of bits[i / 64]: page i is */
	size_t capacity;       /* in words */
};

/* A process's memory as one thread sees it. System's is the kernel's. */
struct view {
	struct space *space;  /* the process's; knows its VADs */
	struct space *kernel; /* the same space, of System */
	struct vads vads;
	unsigned int entry_size; /* bytes of a prototype PTE */
	const struct vad *found; /* the VAD asked for last; NULL: none yet */
	struct own_pages own;	 /* of the VAD asked for last */
	/*
	 * What walks through the view may cost: they count what the evidence makes them do, the same
	 * whatever caches hold, and end where it does. NULL: not bounded.
	 */
	struct budget *budget;
	bool cut; /* one of them ended before it was done, for a part of the budget or for all */
};

/*
 * The pages of an image VAD that the process has copies of, since they were written to; all others
 * are the section's, the same for all who map it. NULL where the VAD is of another kind, or does not
 * lead to its section. Valid until asked for another VAD.
 */
const struct own_pages *view_own_pages(struct view *view, const struct vad *vad);

/*
 * Gives the page that the section of an image VAD has for `address`, by its prototype PTE, whatever the
 * process has there. False when it is not present, or the VAD does not lead to its section.
 */
bool view_section_page(const struct view *view, const struct vad *vad, uint64_t address,
		       struct page *page);

/* Is page number `page`, one of those told of, the process's own? */
static inline bool own_pages_has(const struct own_pages *own, size_t page)
{
	return own->bits[page / 64] >> page % 64 & 1;
}

/* The first page from number `from` on, before `end`, that is the process's own; `end`: none. */
size_t own_pages_next(const struct own_pages *own, size_t from, size_t end);

/* `budget` (may be NULL) must outlive the view. */
void view_open(struct view *view, const struct windows *windows, const struct process *process,
	       struct budget *budget);
void view_close(struct view *view);
#define _cleanup_view_ __attribute__((cleanup(view_close)))

#endif
