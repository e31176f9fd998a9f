/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room: an image while its file is parsed, and the table of functions that is a format.
 *
 * A new format is a new file with a `const struct image_format` and one line in open.c.
 */
#ifndef IMPSCAN_IMAGE_INTERNAL_H
#define IMPSCAN_IMAGE_INTERNAL_H

#include <impscan/bytes.h>
#include <impscan/image.h>
#include <impscan/machine_type.h>
#include <impscan/page_size.h>
#include <impscan/text.h>

/* x86 processors have physical addresses of at most 52 bits; nothing lies at or above this. */
#define IMAGE_PHYSICAL_END (UINT64_C(1) << 52)

/*
 * More ranges than this are not kept (with a warning). Each costs some 40 bytes; a dump of 128 GB
 * whose runs have 8 pages on average needs as many. Those that are out of order, which takes more to
 * sort, are a header's each, and fewer.
 */
#define IMAGE_RANGES_MAX	(UINT32_C(1) << 22)
#define IMAGE_RANGES_SORTED_MAX (UINT32_C(1) << 20)

/*
 * Of things sorted by where they start: the number of the last one that starts at or below
 * `bucket << shift`, for each bucket and one more: where to begin and end the search for a place.
 */
struct image_index {
	uint32_t *last;
	uint64_t buckets;
	unsigned int shift;
};

/* A stretch of the file that is no hole; begins at a multiple of a page, and ends there or with it. */
struct image_extent {
	uint64_t start, end;
};

/* A stretch of physical memory, for sweeps. */
struct image_stretch {
	uint64_t start, size;
};

struct image {
	/* What every lookup needs. */
	const uint8_t *data; /* the file */
	uint64_t size;
	struct image_range *ranges;
	size_t count;
	struct image_index index;
	uint64_t present; /* bytes that the file takes, holes left out */
	bool sparse;	  /* mostly holes: all that is not in its extents */
	struct image_extent *extents;
	size_t extent_count;
	struct image_index extent_index;
	/* Of a sparse file: bit n % 64 of word n / 64 is set when its page n is no hole; may be NULL. */
	uint64_t *data_pages;
	/* What image_next_data() gives, sorted; NULL: just the ranges. */
	struct image_stretch *stretches;
	size_t stretch_count;

	bool mapped; /* `data` is ours to unmap */
	char *path;
	char *format;
	struct image_hints hints;
	struct text warnings;

	/* While ranges are added. */
	size_t capacity;
	uint64_t listed;  /* bytes that the headers say are there, */
	uint64_t held;	  /* and those that really are */
	uint64_t beyond;  /* ranges at addresses that no machine has */
	uint64_t surplus; /* ranges over IMAGE_RANGES_MAX, or ..._SORTED_MAX */
	size_t kept;	  /* those that are not */
};

struct image_format {
	/* Is the file of this format? Looks only at signatures. */
	bool (*probe)(const struct image *image);
	/*
	 * Names the format, sets the hints, adds the ranges, warns. The ranges may come in any order,
	 * overlap and go beyond the end of the file.
	 */
	struct error *(*parse)(struct image *image);
};

extern const struct image_format image_format_lime;
extern const struct image_format image_format_crashdump;
extern const struct image_format image_format_elf;
extern const struct image_format image_format_refused;
extern const struct image_format image_format_raw;

/*
 * As image_open(), of a file's bytes that stay the caller's and must outlive the image; `path` is
 * only a name. For tests and fuzzers.
 */
struct error *image_open_bytes(const char *path, const void *data, size_t size, struct image **ret);

/* `size` bytes of the file at `offset`, or NULL when they are not all there. */
static inline const uint8_t *image_bytes(const struct image *image, uint64_t offset, uint64_t size)
{
	return range_within(offset, size, image->size) ? image->data + offset : NULL;
}

/* Does the file have these bytes at `offset`? */
static inline bool image_has(const struct image *image, uint64_t offset, const void *bytes,
			     size_t size)
{
	const uint8_t *p = image_bytes(image, offset, size);
	return p && !memcmp(p, bytes, size);
}

/* Rounds `end` up to a page, but not beyond `most`. */
static inline uint64_t image_page_end(uint64_t end, uint64_t most)
{
	return end >= most ? most : min_of((end + PAGE_SIZE - 1) & PAGE_MASK, most);
}

/* Finds the holes of the image's file, open as `fd`. Where that can't be asked, there are none. */
void image_find_extents(struct image *image, int fd);

/* Where the hole ends that holds `offset` of the file; `offset` itself where none does. */
uint64_t image_hole_end(const struct image *image, uint64_t offset);

/* Makes out what image_next_data() gives; the ranges are final. */
void image_find_stretches(struct image *image);

/* Indexes `count` (at least 1) places that are sorted; `start` gives where number `i` starts. */
void image_index_build(struct image_index *index, const void *items, size_t count, uint64_t last,
		       uint64_t (*start)(const void *items, size_t i));

/* Sets what image_format() says. */
void image_name_format(struct image *image, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds to what image_warning() says; the parts are joined by "; ". */
void image_warn(struct image *image, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "12 KB", "381.5 MB": for sentences. Writes to `text` and returns it. */
#define IMAGE_SIZE_TEXT 32
const char *image_size_text(uint64_t bytes, char text[IMAGE_SIZE_TEXT]);

/*
 * `size` bytes at physical address `start` lie at `offset` of the file. Cuts off what is beyond the
 * end of the file or of physical memory; joins the range to the one added before where it can.
 */
void image_add_range(struct image *image, uint64_t start, uint64_t size, uint64_t offset);

/*
 * When all are added: sorts, gives each address to the range that was added first, builds the
 * index, and warns of what is missing or doubled. At least one range must have been added.
 */
void image_finish_ranges(struct image *image);

#endif
