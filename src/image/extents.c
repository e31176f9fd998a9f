/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which of the file are holes, and what sweeps go over. A sparse file of a few kilobytes can say
 * that it is terabytes, and headers can give the same bytes to any number of addresses: neither may
 * cost more than what the file really holds.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/search.h>

/* More are not asked for: what follows them is taken for data. */
#define EXTENTS_MAX (UINT32_C(1) << 20)

/* Of larger files the pages are looked up in the extents. */
#define PAGES_MARKED (UINT64_C(1) << 28)

#define PAGE_MASK (~(uint64_t)(IMAGE_PAGE_SIZE - 1))

/* `end` rounded up to a page, but not beyond `most`. */
static uint64_t page_end(uint64_t end, uint64_t most)
{
	return end >= most ? most : min_of((end + IMAGE_PAGE_SIZE - 1) & PAGE_MASK, most);
}

static uint64_t extent_start(const void *extents, size_t i)
{
	return ((const struct image_extent *)extents)[i].start;
}

/* The next stretch of data at or behind `at`: false when the rest is a hole. */
static bool next_extent(int fd, uint64_t at, uint64_t size, struct image_extent *extent)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);
	if (data < 0 && errno == ENXIO)
		return false;
	off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
	/* A file system that doesn't tell. */
	*extent = (struct image_extent){data < 0 ? at : (uint64_t)data,
					hole < 0 ? size : (uint64_t)hole};
	return extent->start < size;
}

/* Notes the pages that are no holes, one by one, which takes 32 MB at most. */
static void mark_data(struct image *image)
{
	const uint64_t pages = image->size / IMAGE_PAGE_SIZE + 1;
	image->data_pages = alloc_zero((size_t)(pages / 64 + 1), sizeof(*image->data_pages));
	for (size_t i = 0; i < image->extent_count; i++) {
		uint64_t page = image->extents[i].start / IMAGE_PAGE_SIZE;
		uint64_t end = (image->extents[i].end - 1) / IMAGE_PAGE_SIZE;
		while (page <= end) {
			uint64_t count = min_of(64 - page % 64, end - page + 1);
			uint64_t bits = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
			image->data_pages[page / 64] |= bits << page % 64;
			page += count;
		}
	}
}

/*
 * A file that holds this share of its size is read with its holes: asking for them, perhaps every other
 * page, would take longer.
 */
#define HELD_SHARE 4

/* Bytes that the file takes, by its blocks; `size` where that is not known. */
static uint64_t bytes_held(int fd, uint64_t size)
{
	struct stat status;
	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		return size;
	return min_of((uint64_t)status.st_blocks * 512, size);
}

void image_find_extents(struct image *image, int fd)
{
	image->present = bytes_held(fd, image->size);
	if (image->present >= image->size / HELD_SHARE)
		return;
	size_t capacity = 0;
	struct image_extent found;
	uint64_t at = 0;
	while (at < image->size && next_extent(fd, at, image->size, &found)) {
		if (image->extent_count == EXTENTS_MAX)
			found.end = image->size;
		uint64_t start = max_of(found.start, at) & PAGE_MASK;
		uint64_t end = page_end(found.end, image->size);
		struct image_extent *last =
			image->extent_count ? &image->extents[image->extent_count - 1] : NULL;
		if (last && start <= last->end)
			last->end = max_of(last->end, end);
		else
			*array_push(image->extents, image->extent_count, capacity) =
				(struct image_extent){start, end};
		at = max_of(end, at + 1);
	}
	image->sparse = image->extent_count != 1 || image->extents[0].start ||
			image->extents[0].end < image->size;
	if (!image->sparse || !image->extent_count)
		return;
	if (image->size / IMAGE_PAGE_SIZE < PAGES_MARKED)
		mark_data(image);
	else
		image_index_build(&image->extent_index, image->extents, image->extent_count,
				  image->size - 1, extent_start);
}

/* The number of the first extent that ends behind `offset` of the file; their count when none does. */
static size_t find_extent(const struct image *image, uint64_t offset)
{
	const struct image_index *index = &image->extent_index;
	if (!image->extent_count)
		return 0;
	size_t low = 0, high = image->extent_count - 1;
	if (index->last) {
		low = index->last[offset >> index->shift];
		high = index->last[(offset >> index->shift) + 1];
	}
	/* The last that starts at or below the offset: the next one starts above it. */
	low = search_first(i, low, high, image->extents[i + 1].start > offset);
	return image->extents[low].end > offset ? low : low + 1;
}

uint64_t image_hole_end(const struct image *image, uint64_t offset)
{
	if (!image->sparse || offset >= image->size)
		return offset;
	size_t i = find_extent(image, offset);
	if (i == image->extent_count)
		return image->size;
	return max_of(image->extents[i].start, offset);
}

uint64_t image_present_pages(const struct image *image)
{
	uint64_t bytes = image->sparse ? 0 : image->present;
	for (size_t i = 0; image->sparse && i < image->extent_count; i++)
		bytes += image->extents[i].end - image->extents[i].start;
	return (bytes + IMAGE_PAGE_SIZE - 1) / IMAGE_PAGE_SIZE;
}

struct stretches {
	struct image *image;
	size_t capacity;
	size_t extent; /* the first that may still be needed */
};

static void add_stretch(struct stretches *stretches, uint64_t start, uint64_t end)
{
	struct image *image = stretches->image;
	struct image_stretch *last =
		image->stretch_count ? &image->stretches[image->stretch_count - 1] : NULL;
	/* Rounded to pages, one may begin before the last has ended. */
	if (last && start >= last->start && start <= last->start + last->size)
		last->size = max_of(last->size, end - last->start);
	else
		*array_push(image->stretches, image->stretch_count, stretches->capacity) =
			(struct image_stretch){start, end - start};
}

/* Adds what of the file's bytes from `from` to `to`, all in one range, is no hole. */
static void add_part(struct stretches *stretches, const struct image_range *range, uint64_t from,
		     uint64_t to)
{
	const struct image *image = stretches->image;
	/* Where a part of it is another range's, the page that both share is that one's. */
	uint64_t first = from - range->offset + range->start;
	uint64_t last = to - range->offset + range->start;
	if (from > range->offset)
		first = page_end(first, last);
	if (!image->sparse && first < last)
		add_stretch(stretches, first, last);
	while (image->sparse && stretches->extent < image->extent_count) {
		const struct image_extent *extent = &image->extents[stretches->extent];
		if (extent->start >= to)
			break;
		if (extent->end > from) {
			/* The page in memory around it, whose rest may lie in a hole. */
			uint64_t start = max_of(extent->start, range->offset) - range->offset;
			uint64_t end = min_of(extent->end, to) - range->offset;
			start = max_of((start + range->start) & PAGE_MASK, first);
			end = page_end(end + range->start, last);
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
 * Goes through the file and gives each byte to one of the ranges that have it: to the one before as
 * far as it goes, then to that which goes farthest.
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

/* Are the ranges, as they are sorted by address, apart and in order in the file too? */
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
	if (!image->sparse && ordered)
		return;
	struct stretches stretches = {.image = image};
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
