/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The holes of a sparse file. A file of a few kilobytes on disk may have a size of terabytes;
 * reading its holes must cost nothing.
 */
#include "source/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/search.h>

/* Extents that are looked for at most. What follows them is taken for data. */
#define EXTENTS_MAX (UINT32_C(1) << 20)

/*
 * Pages of the largest file that has a bit for each page. Of larger files the extents are searched.
 */
#define PAGES_MARKED (UINT64_C(1) << 28)

static uint64_t extent_start(const void *extents, size_t i)
{
	return ((const struct source_extent *)extents)[i].start;
}

/* Returns `end` rounded up to a page, but at most `most`. */
static uint64_t page_end(uint64_t end, uint64_t most)
{
	return end >= most ? most : min_of((end + PAGE_SIZE - 1) & PAGE_MASK, most);
}

/* Finds the next extent at or behind `at`. Returns false when the rest of the file is a hole. */
static bool next_extent(int fd, uint64_t at, uint64_t size, struct source_extent *extent)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);
	if (data < 0 && errno == ENXIO)
		return false;
	off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
	/* A negative result: the file system doesn't know its holes. */
	*extent = (struct source_extent){data < 0 ? at : (uint64_t)data,
					 hole < 0 ? size : (uint64_t)hole};
	return extent->start < size;
}

/* Sets a bit for each page that is not a hole. That takes 32 MB at most. */
static void mark_data(struct source *source)
{
	struct source_state *state = source->state;
	const uint64_t pages = source->size / PAGE_SIZE + 1;
	state->data_pages = alloc_zero((size_t)(pages / 64 + 1), sizeof(*state->data_pages));
	for (size_t i = 0; i < state->extent_count; i++) {
		uint64_t page = state->extents[i].start / PAGE_SIZE;
		uint64_t end = (state->extents[i].end - 1) / PAGE_SIZE;
		while (page <= end) {
			uint64_t count = min_of(64 - page % 64, end - page + 1);
			uint64_t bits = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
			state->data_pages[page / 64] |= bits << page % 64;
			page += count;
		}
	}
	source->data_pages = state->data_pages;
}

uint64_t source_bytes_held(int fd, uint64_t size)
{
	struct stat status;
	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		return size;
	return min_of((uint64_t)status.st_blocks * 512, size);
}

/*
 * The holes of a file are not looked for when it has more than 1 / HELD_SHARE of its size on disk:
 * finding them, possibly every other page, would take longer than reading them.
 */
#define HELD_SHARE 4

bool source_is_hollow(uint64_t held, uint64_t size)
{
	return held < size / HELD_SHARE;
}

void source_add_extent(struct extent_list *list, uint64_t start, uint64_t end)
{
	struct source *source = list->source;
	struct source_state *state = source->state;
	start &= PAGE_MASK;
	end = page_end(end, source->size);
	struct source_extent *last =
		state->extent_count ? &state->extents[state->extent_count - 1] : NULL;
	if (last && start <= last->end)
		last->end = max_of(last->end, end);
	else
		*array_push(state->extents, state->extent_count, list->capacity) =
			(struct source_extent){start, end};
}

void source_add_extents(struct extent_list *list, int fd, uint64_t base, uint64_t size)
{
	struct source_extent found;
	uint64_t at = 0;
	while (at < size && next_extent(fd, at, size, &found)) {
		if (list->source->state->extent_count >= EXTENTS_MAX)
			found.end = size;
		uint64_t start = max_of(found.start, at), end = page_end(found.end, size);
		source_add_extent(list, base + start, base + end);
		at = max_of(end, at + 1);
	}
}

void source_finish_extents(struct extent_list *list)
{
	struct source *source = list->source;
	struct source_state *state = source->state;
	source->sparse = state->extent_count != 1 || state->extents[0].start ||
			 state->extents[0].end < source->size;
	if (!source->sparse || !state->extent_count)
		return;
	if (source->size / PAGE_SIZE < PAGES_MARKED)
		mark_data(source);
	else
		place_index_build(&state->extent_index, state->extents, state->extent_count,
				  source->size - 1, extent_start);
}

void source_find_extents(struct source *source, int fd)
{
	struct extent_list list = {.source = source};
	source->state->present = source_bytes_held(fd, source->size);
	if (!source_is_hollow(source->state->present, source->size))
		return;
	source_add_extents(&list, fd, 0, source->size);
	source_finish_extents(&list);
}

void source_keep_data(struct source *source, const struct source_gap *gaps, size_t count)
{
	struct source_state *state = source->state;
	struct extent_list list = {.source = source};
	if (!source->sparse)
		return;
	struct source_extent *old = take_ptr(state->extents);
	const size_t old_count = state->extent_count;
	state->extent_count = 0;
	free(take_ptr(state->data_pages));
	free(take_ptr(state->extent_index.last));
	source->data_pages = NULL;
	for (size_t i = 0, g = 0; i < old_count || g < count;)
		if (g == count || (i < old_count && old[i].start < gaps[g].start)) {
			source_add_extent(&list, old[i].start, old[i].end);
			i++;
		} else {
			source_add_extent(&list, gaps[g].start, gaps[g].end);
			g++;
		}
	free(old);
	source_finish_extents(&list);
}

/*
 * Returns the number of the first extent that ends behind `offset`, or their count when none does.
 */
static size_t find_extent(const struct source_state *state, uint64_t offset)
{
	const struct place_index *index = &state->extent_index;
	if (!state->extent_count)
		return 0;
	size_t low = 0, high = state->extent_count - 1;
	if (index->last) {
		low = index->last[offset >> index->shift];
		high = index->last[(offset >> index->shift) + 1];
	}
	/* The last that starts at or below the offset: the next one starts above it. */
	low = search_first(i, low, high, state->extents[i + 1].start > offset);
	return state->extents[low].end > offset ? low : low + 1;
}

uint64_t source_hole_end(const struct source *source, uint64_t offset)
{
	const struct source_state *state = source->state;
	if (!source->sparse || offset >= source->size)
		return offset;
	size_t i = find_extent(state, offset);
	if (i == state->extent_count)
		return source->size;
	return max_of(state->extents[i].start, offset);
}

const struct source_extent *source_extents(const struct source *source, size_t *count)
{
	*count = source->state->extent_count;
	return source->state->extents;
}

uint64_t source_present(const struct source *source)
{
	const struct source_state *state = source->state;
	uint64_t bytes = source->sparse ? 0 : state->present;
	for (size_t i = 0; source->sparse && i < state->extent_count; i++)
		bytes += state->extents[i].end - state->extents[i].start;
	return bytes;
}
