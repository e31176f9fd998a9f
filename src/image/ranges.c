/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ranges of an image, and looking up physical addresses. Ranges are added in the order of the
 * file; then they are sorted, overlaps are resolved, and an index is built (place_index.h).
 *
 * A bitmap dump of a busy machine has hundreds of thousands of ranges, and an address is looked up
 * for every page table entry that is read. With the index a lookup takes a few nanoseconds whatever
 * their number, without a cache that threads would have to share.
 */
#include "internal.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/search.h>

/* a + b, or the greatest value there is. */
static uint64_t add_up_to_max(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t range_end(const struct image_range *range)
{
	return range->start + range->size;
}

/* Returns offset - address, modulo 2^64. It is equal where two ranges agree on an address. */
static uint64_t range_delta(const struct image_range *range)
{
	return range->offset - range->start;
}

/* Appends a range, or lengthens the last one when it goes on there in memory and in the file. */
static void append(struct image *image, struct image_range range)
{
	struct image_range *last = image->count ? &image->ranges[image->count - 1] : NULL;
	if (last && range.start == range_end(last) && range_delta(&range) == range_delta(last))
		last->size += range.size;
	else
		*array_push(image->ranges, image->count, image->capacity) = range;
}

void image_add_range(struct image *image, uint64_t start, uint64_t size, uint64_t offset)
{
	uint64_t room = start < IMAGE_PHYSICAL_END ? IMAGE_PHYSICAL_END - start : 0;
	if (size > room) {
		image->beyond++;
		size = room;
	}
	image->listed = add_up_to_max(image->listed, size);
	uint64_t present = min_of(size, offset < image->size ? image->size - offset : 0);
	if (!present)
		return;
	image->held = add_up_to_max(image->held, present);
	if (image->count == IMAGE_RANGES_MAX)
		image->surplus++;
	else
		append(image, (struct image_range){start, present, offset});
}

/* A range and when it was added. */
struct claim {
	struct image_range range;
	size_t order;
};

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_start(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int by_start = compare_numbers(x->range.start, y->range.start);
	return by_start ? by_start : compare_numbers(x->order, y->order);
}

static int compare_delta(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int by_delta = compare_numbers(range_delta(&x->range), range_delta(&y->range));
	return by_delta ? by_delta : compare_start(a, b);
}

/*
 * How many bytes the claims cover, a byte counted once for each place of the file that is claimed
 * for it. Sorts the claims by those places.
 */
static uint64_t claimed_bytes(struct claim *claims, size_t count)
{
	uint64_t bytes = 0, end = 0;
	qsort(claims, count, sizeof(*claims), compare_delta);
	for (size_t i = 0; i < count; i++) {
		const struct image_range *range = &claims[i].range;
		if (!i || range_delta(range) != range_delta(&claims[i - 1].range))
			end = 0;
		uint64_t from = max_of(range->start, end);
		end = max_of(end, range_end(range));
		bytes = add_up_to_max(bytes, end > from ? end - from : 0);
	}
	return bytes;
}

/* A heap of claims, the one that was added first on top. */
struct heap {
	const struct claim **items;
	size_t count;
};

static void heap_push(struct heap *heap, const struct claim *claim)
{
	size_t at = heap->count++;
	while (at && heap->items[(at - 1) / 2]->order > claim->order) {
		heap->items[at] = heap->items[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap->items[at] = claim;
}

static void heap_pop(struct heap *heap)
{
	const struct claim *moved = heap->items[--heap->count];
	size_t at = 0, child;
	while ((child = 2 * at + 1) < heap->count) {
		if (child + 1 < heap->count &&
		    heap->items[child + 1]->order < heap->items[child]->order)
			child++;
		if (heap->items[child]->order >= moved->order)
			break;
		heap->items[at] = heap->items[child];
		at = child;
	}
	heap->items[at] = moved;
}

/*
 * Walks up the addresses, giving each stretch to the first-added claim that covers it. `claims` are
 * sorted by start; the result goes to the image's ranges.
 */
static void resolve_overlaps(struct image *image, const struct claim *claims, size_t count)
{
	_cleanup_free_ const struct claim **items = alloc_zero(count, sizeof(struct claim *));
	struct heap open = {items, 0};
	uint64_t at = 0;
	size_t next = 0;
	image->count = 0;
	while (next < count || open.count) {
		if (!open.count)
			at = claims[next].range.start;
		while (next < count && claims[next].range.start <= at)
			heap_push(&open, &claims[next++]);
		while (open.count && range_end(&open.items[0]->range) <= at)
			heap_pop(&open);
		if (!open.count)
			continue;
		const struct image_range *first = &open.items[0]->range;
		uint64_t end = range_end(first);
		if (next < count && claims[next].range.start < end)
			end = claims[next].range.start;
		append(image,
		       (struct image_range){at, end - at, first->offset + (at - first->start)});
		at = end;
	}
}

static bool in_order(const struct image *image)
{
	for (size_t i = 1; i < image->count; i++)
		if (image->ranges[i].start < range_end(&image->ranges[i - 1]))
			return false;
	return true;
}

static void sort(struct image *image)
{
	image->kept = image->count;
	if (in_order(image))
		return;
	if (image->count > IMAGE_RANGES_SORTED_MAX) {
		image->surplus += image->count - IMAGE_RANGES_SORTED_MAX;
		image->kept = image->count = IMAGE_RANGES_SORTED_MAX;
	}
	size_t count = image->count;
	_cleanup_free_ struct claim *claims = alloc_zero(count, sizeof(*claims));
	for (size_t i = 0; i < count; i++)
		claims[i] = (struct claim){image->ranges[i], i};
	qsort(claims, count, sizeof(*claims), compare_start);
	resolve_overlaps(image, claims, count);

	uint64_t kept = 0;
	for (size_t i = 0; i < image->count; i++)
		kept += image->ranges[i].size;
	uint64_t doubled = claimed_bytes(claims, count) - kept;
	char text[IMAGE_SIZE_TEXT];
	if (doubled)
		image_warn(image,
			   "ranges overlap: %s of it is there more than once, the first in the "
			   "file is used",
			   image_size_text(doubled, text));
}

static uint64_t range_start(const void *ranges, size_t i)
{
	return ((const struct image_range *)ranges)[i].start;
}

static void build_index(struct image *image)
{
	place_index_build(&image->index, image->ranges, image->count,
			  range_end(&image->ranges[image->count - 1]) - 1, range_start);
}

void image_finish_ranges(struct image *image)
{
	char held[IMAGE_SIZE_TEXT], listed[IMAGE_SIZE_TEXT], missing[IMAGE_SIZE_TEXT];
	if (image->held < image->listed)
		image_warn(image,
			   "the file is truncated: it holds %s of the %s that its headers list, "
			   "%s are missing",
			   image_size_text(image->held, held),
			   image_size_text(image->listed, listed),
			   image_size_text(image->listed - image->held, missing));
	if (image->beyond)
		image_warn(image, "%llu ranges go beyond the 52 bits of a physical address",
			   (unsigned long long)image->beyond);
	sort(image);
	if (image->surplus)
		image_warn(image, "%llu ranges are left out, more than %zu are not read",
			   (unsigned long long)image->surplus, image->kept);
	build_index(image);
}

/* The range that holds an address, or NULL. */
static inline const struct image_range *find(const struct image *image, uint64_t address)
{
	/* Mostly it is the one of the page before. They are disjoint. */
	static _Thread_local size_t near;
	if (near < image->count && address - image->ranges[near].start < image->ranges[near].size)
		return &image->ranges[near];
	uint64_t bucket = address >> image->index.shift;
	if (bucket >= image->index.buckets)
		return NULL;
	size_t low = image->index.last[bucket], high = image->index.last[bucket + 1];
	/* The last that starts at or below the address: the next one starts above it. */
	low = search_first(i, low, high, image->ranges[i + 1].start > address);
	/* Below the first range's start the difference wraps and is no less than its size. */
	const struct image_range *range = &image->ranges[low];
	near = low;
	return address - range->start < range->size ? range : NULL;
}

/* The content of all pages in holes. Returning it costs nothing, whatever the file system. */
static const uint8_t zeros[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

/* Returns whether the page of a sparse file at `offset` is known not to be in a hole. */
static inline bool is_data(const struct image *image, uint64_t offset)
{
	uint64_t page = offset / PAGE_SIZE;
	const uint64_t *pages = image->source->data_pages;
	return pages && pages[page / 64] >> page % 64 & 1;
}

/* As image_at(), for a source that is sparse or lazy: `address` is at `offset` of the file. */
static const uint8_t *at_special(const struct image *image, uint64_t address, uint64_t offset,
				 size_t *size)
{
	uint64_t in_page = address & (PAGE_SIZE - 1);
	size_t rest = min_of(*size, (size_t)(PAGE_SIZE - in_page));
	/* A page that is only partly in a hole is read from the file. */
	if (image->source->sparse && image_hole_end(image, offset) - offset >= rest) {
		*size = rest;
		return zeros + in_page;
	}
	if (image->source->lazy) {
		uint64_t ready = source_ready(image->source, offset, rest);
		if (!ready)
			return NULL;
		*size = (size_t)min_of((uint64_t)*size, ready);
	}
	return image->data + offset;
}

bool image_holds(const struct image *image, uint64_t address)
{
	return find(image, address);
}

const uint8_t *image_at(const struct image *image, uint64_t address, size_t *size)
{
	const struct image_range *range = find(image, address);
	if (!range)
		return NULL;
	uint64_t into = address - range->start;
	*size = (size_t)(range->size - into);
	if (image->special && (image->source->lazy || !is_data(image, range->offset + into)))
		return at_special(image, address, range->offset + into, size);
	return image->data + range->offset + into;
}

bool image_read(const struct image *image, uint64_t address, void *buffer, size_t size)
{
	uint8_t *to = buffer;
	if (size > UINT64_MAX - address) /* would wrap around to address 0 */
		return false;
	while (size) {
		size_t here;
		const uint8_t *from = image_at(image, address, &here);
		if (!from)
			return false;
		here = min_of(here, size);
		memcpy(to, from, here);
		to += here;
		address += here;
		size -= here;
	}
	return true;
}

const uint8_t *image_page(const struct image *image, uint64_t address)
{
	size_t size;
	const uint8_t *page = image_at(image, address, &size);
	return page && size >= PAGE_SIZE ? page : NULL;
}
