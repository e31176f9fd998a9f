/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory of a minidump: which bytes of the file lie at which addresses (Memory64List,
 * MemoryList), and which kinds of pages there are (MemoryInfoList).
 *
 * Writers list each address once, or twice with the same bytes. Where two ranges claim an address
 * and have other bytes for it, nobody can say which are right: it is not present, and that is told.
 */
#include "minidump_parts.h"

#include <stdlib.h>

#include <impscan/alloc.h>

/* Browsers have some 10,000 ranges. */
#define RANGES_MAX (1u << 20)

/* The first address above those of a process: one of WoW64 has 64-bit ones, too. */
#define USER_END (UINT64_C(1) << 47)

#define MEMORY_SIZE   16 /* of a record of either list */
#define REGION_SIZE   48
#define REGION_HEADER 16

/* What is claimed to lie at an address. */
struct claim {
	uint64_t start, end; /* `end` is behind the last byte */
	uint64_t offset;     /* in the file */
};

/* All claims, and what can't be used of them. */
struct claims {
	struct claim *items;
	size_t count;
	size_t capacity;
	uint64_t beyond; /* ranges beyond it */
	uint64_t listed; /* bytes */
	uint64_t held;	 /* those that the file has */
};

static void add_claim(struct claims *claims, const struct image *image, uint64_t start,
		      uint64_t size, uint64_t offset)
{
	if (start >= USER_END || size > USER_END - start) {
		claims->beyond += size != 0;
		size = start >= USER_END ? 0 : USER_END - start;
	}
	uint64_t held = offset < image->size ? min_of(size, image->size - offset) : 0;
	claims->listed = size > UINT64_MAX - claims->listed ? UINT64_MAX : claims->listed + size;
	claims->held += held;
	if (held)
		*array_push(claims->items, claims->count, claims->capacity) =
			(struct claim){start, start + held, offset};
}

/* Memory64List: a count, where the bytes of the first range are, then ranges back to back. */
static void read_memory64(struct image *image, struct claims *claims)
{
	struct stream stream = minidump_stream(image, STREAM_MEMORY64);
	if (!stream.data || stream.size < 16)
		return;
	uint64_t count = le64(stream.data), offset = le64(stream.data + 8);
	uint64_t whole =
		min_of(min_of(count, (stream.size - 16) / MEMORY_SIZE), (uint64_t)RANGES_MAX);
	if (whole < count)
		image_warn(image,
			   "of %llu ranges of memory that the dump counts only %llu are read",
			   (unsigned long long)count, (unsigned long long)whole);
	for (size_t i = 0; i < whole; i++) {
		const uint8_t *record = stream.data + 16 + i * MEMORY_SIZE;
		uint64_t size = le64(record + 8);
		add_claim(claims, image, minidump_address(image->minidump, record), size, offset);
		offset = size > UINT64_MAX - offset ? UINT64_MAX : offset + size;
	}
}

static void read_memory32(struct image *image, struct claims *claims)
{
	struct records records =
		minidump_records(image, STREAM_MEMORY, MEMORY_SIZE, RANGES_MAX, "ranges of memory");
	for (size_t i = 0; i < records.count; i++) {
		const uint8_t *record = records.data + i * MEMORY_SIZE;
		add_claim(claims, image, minidump_address(image->minidump, record),
			  le32(record + 8), le32(record + 12));
	}
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	/* The longer one first. */
	return x->end != y->end	       ? (x->end > y->end ? -1 : 1)
	       : x->offset < y->offset ? -1
				       : x->offset > y->offset;
}

/* Appends the part from `start` to `end` of a claim, joined to the last where it goes on there. */
static void keep(struct claims *kept, const struct claim *claim, uint64_t start, uint64_t end)
{
	uint64_t offset = claim->offset + (start - claim->start);
	struct claim *last = kept->count ? &kept->items[kept->count - 1] : NULL;
	if (start >= end)
		return;
	if (last && last->end == start && last->offset + (start - last->start) == offset)
		last->end = end;
	else
		*array_push(kept->items, kept->count, kept->capacity) =
			(struct claim){start, end, offset};
}

/* Bytes of the file that are compared for each that it has: real dumps need none or few. */
#define COMPARED_SHARE 2

/*
 * Takes the claims in order. `last` is the one that reaches farthest so far; where the next one
 * lies in it, both must have the same bytes. Each is compared with one other, so that the work is
 * that of the claims' own bytes, and no more than some of the file's.
 */
static void settle(const struct image *image, const struct claims *claims, struct claims *kept,
		   struct claims *disputed)
{
	uint64_t left = image->size * COMPARED_SHARE, disputed_end = 0;
	struct claim last = {0};
	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *claim = &claims->items[i];
		uint64_t both = min_of(last.end, claim->end);
		uint64_t size = both > claim->start ? both - claim->start : 0;
		uint64_t other = last.offset + (claim->start - last.start);
		bool same = !size || other == claim->offset;
		if (!same && size <= left) {
			left -= size;
			const uint8_t *a = image_bytes(image, other, size);
			const uint8_t *b = image_bytes(image, claim->offset, size);
			same = a && b && !memcmp(a, b, (size_t)size);
		}
		if (!same) {
			keep(disputed, claim, max_of(claim->start, disputed_end), both);
			disputed_end = max_of(disputed_end, both);
		}
		keep(kept, claim, claim->start + size, claim->end);
		if (claim->end > last.end)
			last = *claim;
	}
}

/* What was kept but for what is disputed. Both are sorted, and so is the result. */
static void leave_out(const struct claims *kept, const struct claims *disputed, struct claims *out)
{
	size_t next = 0;
	for (size_t i = 0; i < kept->count; i++) {
		const struct claim *claim = &kept->items[i];
		uint64_t at = claim->start;
		while (next < disputed->count && disputed->items[next].end <= at)
			next++;
		for (; next < disputed->count && disputed->items[next].start < claim->end; next++) {
			keep(out, claim, at, min_of(disputed->items[next].start, claim->end));
			at = max_of(at, disputed->items[next].end);
			if (at >= claim->end)
				break;
		}
		keep(out, claim, at, claim->end);
	}
}

/* The ranges as they were listed, each address once. */
static void keep_listed(struct minidump *dump, const struct claims *claims)
{
	uint64_t end = 0;
	size_t capacity = 0;
	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *claim = &claims->items[i];
		uint64_t start = max_of(claim->start, end);
		if (start >= claim->end)
			continue;
		end = claim->end;
		*array_push(dump->memory, dump->memory_count, capacity) =
			(struct minidump_memory){start, end - start};
	}
}

static uint64_t bytes_of(const struct claims *claims)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < claims->count; i++)
		bytes += claims->items[i].end - claims->items[i].start;
	return bytes;
}

/* Bytes of pages that are not there whole. */
static uint64_t bytes_of_parts(const struct claims *claims)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *claim = &claims->items[i];
		uint64_t first = (claim->start + PAGE_SIZE - 1) & PAGE_MASK;
		uint64_t end = claim->end & PAGE_MASK;
		bytes += claim->end - claim->start - (end > first ? end - first : 0);
	}
	return bytes;
}

static void warn_of_memory(struct image *image, const struct claims *claims,
			   const struct claims *out)
{
	const struct minidump_parts *about = (const void *)image->minidump;
	char text[IMAGE_SIZE_TEXT];
	uint64_t parts = bytes_of_parts(out);
	if (claims->beyond)
		image_warn(image, "%llu ranges of memory lie beyond the addresses of a process",
			   (unsigned long long)claims->beyond);
	if (about->disputed)
		image_warn(image,
			   "ranges overlap and differ: %s of memory are not read, since nothing "
			   "tells which of them is right",
			   image_size_text(about->disputed, text));
	if (parts)
		image_warn(image, "%s of memory lie in pages that are not whole, and are not read",
			   image_size_text(parts, text));
}

void minidump_read_memory(struct image *image)
{
	struct minidump_parts *parts = (void *)image->minidump;
	struct claims claims = {0};
	struct claims kept = {0}, disputed = {0}, out = {0};
	read_memory64(image, &claims);
	read_memory32(image, &claims);
	if (claims.count)
		qsort(claims.items, claims.count, sizeof(*claims.items), compare_claims);
	settle(image, &claims, &kept, &disputed);
	keep_listed(&parts->dump, &claims);
	leave_out(&kept, &disputed, &out);
	free(claims.items);
	free(kept.items);
	for (size_t i = 0; i < out.count; i++)
		image_add_range(image, out.items[i].start, out.items[i].end - out.items[i].start,
				out.items[i].offset);
	/* Of these image_finish_ranges() warns. */
	image->listed = claims.listed;
	image->held = claims.held;
	parts->disputed = bytes_of(&disputed);
	warn_of_memory(image, &claims, &out);
	free(disputed.items);
	free(out.items);
}

static int compare_regions(const void *a, const void *b)
{
	const struct minidump_region *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->size != y->size ? (x->size > y->size ? -1 : 1) : 0;
}

/* Sorts the regions; of those that overlap the first one stays. Returns how many do not. */
static size_t sort_regions(struct minidump *dump)
{
	size_t count = 0;
	uint64_t end = 0;
	if (dump->region_count)
		qsort(dump->regions, dump->region_count, sizeof(*dump->regions), compare_regions);
	for (size_t i = 0; i < dump->region_count; i++) {
		const struct minidump_region *region = &dump->regions[i];
		if (region->start < end)
			continue;
		end = region->start + region->size;
		dump->regions[count++] = *region;
	}
	size_t dropped = dump->region_count - count;
	dump->region_count = count;
	return dropped;
}

/* A region by its record; false where it is no range of pages, or none of a process. */
static bool read_region(const struct minidump *dump, const uint8_t *record,
			struct minidump_region *region)
{
	*region = (struct minidump_region){
		.start = minidump_address(dump, record),
		.allocation = minidump_address(dump, record + 8),
		.allocation_protect = le32(record + 16),
		.size = le64(record + 24),
		.state = le32(record + 32),
		.protect = le32(record + 36),
		.type = le32(record + 40),
	};
	return region->size && !(region->start % PAGE_SIZE) && !(region->size % PAGE_SIZE) &&
	       range_within(region->start, region->size, USER_END);
}

void minidump_read_regions(struct image *image)
{
	struct minidump *dump = image->minidump;
	struct stream stream = minidump_stream(image, STREAM_MEMORY_INFO);
	if (!stream.data || stream.size < REGION_HEADER)
		return;
	uint64_t header = le32(stream.data), size = le32(stream.data + 4);
	uint64_t count = le64(stream.data + 8), wrong = 0;
	if (header < REGION_HEADER || header > stream.size || size < REGION_SIZE) {
		image_warn(image, "the dump's list of regions (MemoryInfoList) is damaged");
		return;
	}
	uint64_t whole = min_of(min_of(count, (stream.size - header) / size), (uint64_t)RANGES_MAX);
	size_t capacity = 0;
	for (uint64_t i = 0; i < whole; i++) {
		struct minidump_region region;
		if (!read_region(dump, stream.data + header + i * size, &region))
			wrong += region.state != MINIDUMP_FREE;
		else if (region.state != MINIDUMP_FREE)
			*array_push(dump->regions, dump->region_count, capacity) = region;
	}
	wrong += sort_regions(dump) + (count - whole);
	/* Without all of them a page's protection could be taken for that of none. */
	dump->has_regions = !wrong && dump->region_count;
	if (wrong)
		image_warn(image,
			   "the dump's list of regions (MemoryInfoList) is damaged: %llu of its "
			   "%llu entries make no sense, so none is believed",
			   (unsigned long long)wrong, (unsigned long long)count);
}

uint64_t minidump_left_out(const struct image *image)
{
	const struct minidump *dump = image->minidump;
	uint64_t left_out = 0;
	size_t next = 0;
	for (size_t i = 0; dump->has_regions && i < dump->region_count; i++) {
		const struct minidump_region *region = &dump->regions[i];
		const uint64_t end = region->start + region->size;
		uint64_t held = 0;
		if (region->state != MINIDUMP_COMMIT)
			continue;
		for (; next < image->count; next++) {
			const struct image_range *range = &image->ranges[next];
			uint64_t from = max_of(range->start, region->start);
			uint64_t to = min_of(range->start + range->size, end);
			held += to > from ? to - from : 0;
			if (range->start + range->size > end)
				break;
		}
		left_out += region->size - held;
	}
	return left_out;
}
