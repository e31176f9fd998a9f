/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `image`: an image while its file is parsed, and what a format is. A new format is
 * a new file with a `const struct image_format`, an `extern` line below, and a place in the table of
 * open_image.c; what else it needs is listed in CONTRIBUTING.md.
 */
#ifndef IMPSCAN_IMAGE_INTERNAL_H
#define IMPSCAN_IMAGE_INTERNAL_H

#include <impscan/bytes.h>
#include <impscan/image.h>
#include <impscan/machine_type.h>
#include <impscan/page_size.h>
#include <impscan/text.h>

/* x86 processors have physical addresses of at most 52 bits (Intel SDM vol. 3A, 4.1.4). */
#define IMAGE_PHYSICAL_END (UINT64_C(1) << 52)

/*
 * The most ranges that are kept; a warning says how many are left out. A range takes some 40 bytes.
 * A bitmap dump of 128 GB has 4 million when its runs have 8 pages on average.
 *
 * Ranges that are not in the order of their addresses are sorted, which takes more memory, so fewer
 * of them are kept: a million. A bitmap, which may have more, is always in order. Only what lists
 * each range by an entry of its own (LiME, ELF, a debugger's dump) can be in another order.
 */
#define IMAGE_RANGES_MAX	(UINT32_C(1) << 22)
#define IMAGE_RANGES_SORTED_MAX (UINT32_C(1) << 20)

/*
 * An index of items that are sorted by where they start, to find the one that a place lies in. A
 * place is a physical address (of ranges) or an offset (of extents). Places are divided into buckets
 * of 1 << shift bytes. For each bucket the index has the last item that starts no later than the
 * bucket does. So the item that a place of bucket b lies in is one of those from last[b] to
 * last[b + 1].
 */
struct image_index {
	uint32_t *last; /* numbers of items, one for each bucket and one for the end of the last */
	uint64_t buckets;
	unsigned int shift;
};

/*
 * A part of the file that is not a hole. It begins at a page of the file, and ends at one or at the
 * end of the file.
 */
struct image_extent {
	uint64_t start, end; /* offsets; `end` is behind the last byte */
};

/* A stretch of physical memory for sweeps, see image_next_data(). */
struct image_stretch {
	uint64_t start; /* physical address */
	uint64_t size;	/* in bytes */
};

struct image {
	/* For every lookup. */
	const uint8_t *data; /* the file */
	uint64_t size;	     /* of the file, in bytes */
	struct image_range *ranges;
	size_t count;
	struct image_index index;
	uint64_t present; /* bytes of the file that are not in holes */
	bool sparse;	  /* whether the extents are set; what is outside them is a hole */
	struct image_extent *extents;
	size_t extent_count;
	struct image_index extent_index;
	/*
	 * Of a sparse file: bit n % 64 of word n / 64 is set when page n is not a hole. May be
	 * NULL.
	 */
	uint64_t *data_pages;
	/* For image_next_data(), sorted by address. NULL when they are the ranges. */
	struct image_stretch *stretches;
	size_t stretch_count;

	bool mapped; /* whether image_close() unmaps `data` */
	char *path;
	char *format;
	struct image_hints hints;
	struct text warnings;

	/* While ranges are added. */
	size_t capacity;
	uint64_t listed;  /* bytes that the headers say the file has */
	uint64_t held;	  /* bytes of these that it has */
	uint64_t beyond;  /* ranges that end above IMAGE_PHYSICAL_END */
	uint64_t surplus; /* ranges that are left out, see IMAGE_RANGES_MAX */
	size_t kept;	  /* ranges that are not left out, before overlaps are resolved */
};

/* A format. */
struct image_format {
	/* Returns whether the file is of this format, by its signatures alone. */
	bool (*probe)(const struct image *image);
	/*
	 * Parses the headers: names the format with image_name_format(), before anything can fail;
	 * sets image->hints; adds the ranges with image_add_range(); warns with image_warn().
	 *
	 * It is only called after probe() returned true, but the file may end right behind the
	 * signature: what lies there is asked for with image_bytes(). Of what a header says nothing
	 * need be true: image_add_range() takes ranges of any size, in any order, that overlap or go
	 * beyond the end of the file, and missing bytes are warned of without the format's doing.
	 *
	 * Fails where the headers don't say what lies where: see image_open(). When no range is
	 * added, or none that the file has bytes of, image_open() fails with a sentence of its own,
	 * which has the name of the format.
	 */
	struct error *(*parse)(struct image *image);
};

/* All formats. In which order files are tried is said by the table of open_image.c. */
extern const struct image_format image_format_lime;
extern const struct image_format image_format_crashdump;
extern const struct image_format image_format_elf;
extern const struct image_format image_format_refused;
extern const struct image_format image_format_raw;

/*
 * As image_open(), for `size` bytes in memory that stay the caller's and must outlive the image.
 * `path` is only a name. For tests and fuzzers.
 */
struct error *image_open_bytes(const char *path, const void *data, size_t size, struct image **ret);

/* Returns `size` bytes of the file at `offset`, or NULL when the file does not have all of them. */
static inline const uint8_t *image_bytes(const struct image *image, uint64_t offset, uint64_t size)
{
	return range_within(offset, size, image->size) ? image->data + offset : NULL;
}

/* Returns whether the file has these `size` bytes at `offset`. */
static inline bool image_has(const struct image *image, uint64_t offset, const void *bytes,
			     size_t size)
{
	const uint8_t *p = image_bytes(image, offset, size);
	return p && !memcmp(p, bytes, size);
}

/* Returns `end` rounded up to a page, but at most `most`. */
static inline uint64_t image_page_end(uint64_t end, uint64_t most)
{
	return end >= most ? most : min_of((end + PAGE_SIZE - 1) & PAGE_MASK, most);
}

/*
 * Finds the holes of the image's file, which is open as `fd`. There are none where the file system
 * doesn't know them.
 */
void image_find_extents(struct image *image, int fd);

/* Returns the end of the hole that `offset` lies in, or `offset` when it lies in none. */
uint64_t image_hole_end(const struct image *image, uint64_t offset);

/* Finds the stretches of image_next_data(), after image_finish_ranges(). */
void image_find_stretches(struct image *image);

/*
 * Builds an index of `count` sorted items, at least 1. `last` is the last place that can be looked
 * up; start() returns where item number `i` starts.
 */
void image_index_build(struct image_index *index, const void *items, size_t count, uint64_t last,
		       uint64_t (*start)(const void *items, size_t i));

/* Sets what image_format() returns. */
void image_name_format(struct image *image, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds a sentence to what image_warning() returns; sentences are joined by "; ". */
void image_warn(struct image *image, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes a size for sentences to `text`, and returns it: "12 KB", "381.5 MB". */
#define IMAGE_SIZE_TEXT 32
const char *image_size_text(uint64_t bytes, char text[IMAGE_SIZE_TEXT]);

/*
 * Adds a range: `size` bytes at physical address `start` lie at `offset` of the file. Any values
 * are allowed; a size of 0 adds nothing. What is beyond the end of the file or of physical memory is
 * cut off, and image_finish_ranges() warns of it. The range is joined to the one added before where
 * that is possible.
 */
void image_add_range(struct image *image, uint64_t start, uint64_t size, uint64_t offset);

/*
 * Sorts the ranges and builds their index, after all are added, at least one. Where ranges overlap,
 * the one that was added first is kept. Warns about what is missing or overlaps.
 */
void image_finish_ranges(struct image *image);

#endif
