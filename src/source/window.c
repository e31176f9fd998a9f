/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A part of a source as one of its own, read where it is.
 */
#include "source/internal.h"

#include <stdlib.h>

#include <impscan/alloc.h>

struct window {
	const struct source *below;
	uint64_t offset;
};

static uint64_t ready(void *own, uint64_t offset, uint64_t size)
{
	const struct window *window = own;
	/* May be more than the window has; who asks knows its size. */
	return source_ready(window->below, window->offset + offset, size);
}

static char *failure(void *own)
{
	(void)own; /* that of the source below is asked for next */
	return NULL;
}

static uint64_t unpacked(void *own, uint64_t *all)
{
	const struct window *window = own;
	return source_unpacked(window->below, all);
}

static const struct source_kind kind = {
	.ready = ready,
	.failure = failure,
	.unpacked = unpacked,
	.free = free,
};

/* The extents of the source below that are in the window, rounded to its pages. */
static void take_extents(struct source *source, const struct source *below, uint64_t offset)
{
	struct extent_list list = {.source = source};
	size_t count;
	const struct source_extent *extents = source_extents(below, &count);
	for (size_t i = 0; i < count; i++) {
		uint64_t start = max_of(extents[i].start, offset);
		uint64_t end = min_of(extents[i].end, offset + source->size);
		if (start < end)
			source_add_extent(&list, start - offset, end - offset);
	}
	source_finish_extents(&list);
}

struct source *source_window(const struct source *below, uint64_t offset, uint64_t size)
{
	struct source *source = source_new(source_path(below), below->data + offset, size);
	if (below->sparse)
		take_extents(source, below, offset);
	if (below->lazy) {
		struct window *window = alloc_new(struct window);
		*window = (struct window){below, offset};
		source->lazy = true;
		source->state->kind = &kind;
		source->state->own = window;
	}
	return source;
}
