/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stretches of physical memory for sweeps: all that the file has data for, each byte of the
 * file once. A sparse file of a few kilobytes may have a size of terabytes, and headers may give
 * the same bytes to any number of addresses. A sweep must not cost more than what the file holds.
 */
#include "internal.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/search.h>

struct stretches {
	struct image *image;
	size_t capacity;
	const struct source_extent *extents;
	size_t extent_count;
	size_t extent; /* number of the first extent that may still be needed */
};

static void add_stretch(struct stretches *stretches, uint64_t start, uint64_t end)
{
	struct image *image = stretches->image;
	struct image_stretch *last =
		image->stretch_count ? &image->stretches[image->stretch_count - 1] : NULL;
	/* Since they are rounded to pages, a stretch may begin before the last one has ended. */
	if (last && start >= last->start && start <= last->start + last->size)
		last->size = max_of(last->size, end - last->start);
	else
		*array_push(image->stretches, image->stretch_count, stretches->capacity) =
			(struct image_stretch){start, end - start};
}

/* Adds the bytes of the file from `from` to `to`, all in one range, that are not in holes. */
static void add_part(struct stretches *stretches, const struct image_range *range, uint64_t from,
		     uint64_t to)
{
	const struct image *image = stretches->image;
	/* Where a part belongs to another range, so does the page that both share. */
	uint64_t first = from - range->offset + range->start;
	uint64_t last = to - range->offset + range->start;
	if (from > range->offset)
		first = image_page_end(first, last);
	if (!image->source->sparse && first < last)
		add_stretch(stretches, first, last);
	while (image->source->sparse && stretches->extent < stretches->extent_count) {
		const struct source_extent *extent = &stretches->extents[stretches->extent];
		if (extent->start >= to)
			break;
		if (extent->end > from) {
			/* Whole pages of memory, whose rest may lie in a hole. */
			uint64_t start = max_of(extent->start, range->offset) - range->offset;
			uint64_t end = min_of(extent->end, to) - range->offset;
			start = max_of((start + range->start) & PAGE_MASK, first);
			end = image_page_end(end + range->start, last);
			if (start < end)
				add_stretch(stretches, start, end);
		}
		if (extent->end > to)
			break;
		stretches->extent++;
	}
}

static int compare_offsets(const void *a, const void *b, void *context)
{
	const struct image_range *ranges = context;
	const struct image_range *x = &ranges[*(const uint32_t *)a];
	const struct image_range *y = &ranges[*(const uint32_t *)b];
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int compare_stretches(const void *a, const void *b)
{
	const struct image_stretch *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

/*
 * Assigns each byte of the file to one of the ranges that have it, in order of offsets: to the
 * range of the byte before, as far as that goes, and then to the range that ends last.
 */
static void cover(struct stretches *stretches, const uint32_t *order)
{
	const struct image *image = stretches->image;
	const struct image_range *best = NULL;
	uint64_t at = 0, best_end = 0;
	size_t next = 0;
	while (next < image->count || best_end > at) {
		if (best_end <= at)
			at = max_of(at, image->ranges[order[next]].offset);
		for (; next < image->count && image->ranges[order[next]].offset <= at; next++) {
			const struct image_range *range = &image->ranges[order[next]];
			if (range->offset + range->size > best_end) {
				best = range;
				best_end = range->offset + range->size;
			}
		}
		if (best_end <= at)
			continue;
		add_part(stretches, best, at, best_end);
		at = best_end;
	}
}

/* Returns whether the ranges, sorted by address, are in order in the file too and don't overlap. */
static bool in_file_order(const struct image *image)
{
	for (size_t i = 1; i < image->count; i++)
		if (image->ranges[i].offset <
		    image->ranges[i - 1].offset + image->ranges[i - 1].size)
			return false;
	return true;
}

void image_find_stretches(struct image *image)
{
	bool ordered = in_file_order(image);
	if (!image->source->sparse && ordered)
		return;
	struct stretches stretches = {.image = image};
	stretches.extents = source_extents(image->source, &stretches.extent_count);
	_cleanup_free_ uint32_t *order = alloc_zero(image->count, sizeof(*order));
	for (size_t i = 0; i < image->count; i++)
		order[i] = (uint32_t)i;
	if (!ordered)
		qsort_r(order, image->count, sizeof(*order), compare_offsets, image->ranges);
	image->stretches = alloc_grow(NULL, 0, &stretches.capacity, sizeof(*image->stretches));
	cover(&stretches, order);
	if (!ordered)
		qsort(image->stretches, image->stretch_count, sizeof(*image->stretches),
		      compare_stretches);
}

bool image_next_data(const struct image *image, uint64_t address, uint64_t *start, uint64_t *size)
{
	const bool apart = image->stretches;
	const struct image_stretch *stretches = image->stretches;
	const struct image_range *ranges = image->ranges;
	/* The first that ends behind the address. */
	const size_t count = apart ? image->stretch_count : image->count;
	size_t at =
		apart ? search_first(i, 0, count, stretches[i].start + stretches[i].size > address)
		      : search_first(i, 0, count, ranges[i].start + ranges[i].size > address);
	if (at == count)
		return false;
	uint64_t from = apart ? stretches[at].start : ranges[at].start;
	uint64_t end = from + (apart ? stretches[at].size : ranges[at].size);
	*start = max_of(from, address);
	*size = end - *start;
	return true;
}

uint64_t image_data_size(const struct image *image)
{
	uint64_t total = 0;
	for (size_t i = 0; image->stretches && i < image->stretch_count; i++)
		total += image->stretches[i].size;
	for (size_t i = 0; !image->stretches && i < image->count; i++)
		total += image->ranges[i].size;
	return total;
}
