/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The holes of a sparse file. A file of a few kilobytes on disk may have a size of terabytes;
 * reading its holes must cost nothing.
 */
#include "internal.h"

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
	return ((const struct image_extent *)extents)[i].start;
}

/* Finds the next extent at or behind `at`. Returns false when the rest of the file is a hole. */
static bool next_extent(int fd, uint64_t at, uint64_t size, struct image_extent *extent)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);
	if (data < 0 && errno == ENXIO)
		return false;
	off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
	/* A negative result: the file system doesn't know its holes. */
	*extent = (struct image_extent){data < 0 ? at : (uint64_t)data,
					hole < 0 ? size : (uint64_t)hole};
	return extent->start < size;
}

/* Sets a bit for each page that is not a hole. That takes 32 MB at most. */
static void mark_data(struct image *image)
{
	const uint64_t pages = image->size / PAGE_SIZE + 1;
	image->data_pages = alloc_zero((size_t)(pages / 64 + 1), sizeof(*image->data_pages));
	for (size_t i = 0; i < image->extent_count; i++) {
		uint64_t page = image->extents[i].start / PAGE_SIZE;
		uint64_t end = (image->extents[i].end - 1) / PAGE_SIZE;
		while (page <= end) {
			uint64_t count = min_of(64 - page % 64, end - page + 1);
			uint64_t bits = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
			image->data_pages[page / 64] |= bits << page % 64;
			page += count;
		}
	}
}

/*
 * The holes of a file are not looked for when it has more than 1 / HELD_SHARE of its size on disk:
 * finding them, possibly every other page, would take longer than reading them.
 */
#define HELD_SHARE 4

/* Returns how many bytes of the file are on disk; `size` where that is not known. */
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
		uint64_t end = image_page_end(found.end, image->size);
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
	if (image->size / PAGE_SIZE < PAGES_MARKED)
		mark_data(image);
	else
		image_index_build(&image->extent_index, image->extents, image->extent_count,
				  image->size - 1, extent_start);
}

/*
 * Returns the number of the first extent that ends behind `offset`, or their count when none does.
 */
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
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}
