/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `image`: an image while its file is parsed, and what a format is. A new format is
 * a new file with a `const struct image_format`, an `extern` line below, and a place in the table
 * of open_image.c; what else it needs is listed in CONTRIBUTING.md.
 */
#ifndef IMPSCAN_IMAGE_INTERNAL_H
#define IMPSCAN_IMAGE_INTERNAL_H

#include <impscan/bytes.h>
#include <impscan/image.h>
#include <impscan/machine_type.h>
#include <impscan/minidump.h>
#include <impscan/page_size.h>
#include <impscan/place_index.h>
#include <impscan/source.h>
#include <impscan/text.h>
#include <impscan/xpress.h>

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

/* A stretch of physical memory for sweeps, see image_next_data(). */
struct image_stretch {
	uint64_t start; /* physical address */
	uint64_t size;	/* in bytes */
};

/*
 * Sets of pages that are packed together: all, those that were unpacked until now, as far as their
 * pages were needed, and how far that is.
 */
struct image_sets {
	uint64_t all;
	_Atomic uint64_t unpacked;
	struct xpress_progress *progress; /* of each */
};

struct image {
	/* For every lookup. These three are the source's, see image_use_source(). */
	const uint8_t *data; /* the file, as far as the source has it ready */
	uint64_t size;	     /* of the file, in bytes */
	bool special;	     /* whether the source is lazy or sparse */
	struct image_range *ranges;
	size_t count;
	struct place_index index;
	struct source *source; /* the bytes of the file */
	/* While it is opened: as for source_open(); may be NULL. */
	const struct source_options *options;
	/* Bytes that count as present, however many the source has; 0: all. */
	uint64_t present_most;
	struct image_sets sets;
	/* For image_next_data(), sorted by address. NULL when they are the ranges. */
	struct image_stretch *stretches;
	size_t stretch_count;

	char *path;
	char *format;
	struct image_hints hints;
	struct text warnings;
	struct text facts[IMAGE_FACTS];

	struct image *other;	/* see image_other_layout() */
	const struct image *of; /* it is the `other` of this one, and has its source */
	const char *lacks;	/* see image_lacks(); static */
	const char *guess;	/* see image_layout_guess(); static */
	char *laid_by;		/* see image_laid_by(); NULL: there is no other layout by a file */
	bool plain;		/* as far as is known, the file holds nothing but memory */
	struct error *refusal;	/* see image_refusal(); NULL: none */
	struct minidump *minidump; /* what one says; NULL: it is none. See minidump_parts.h */

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
	const char *name; /* what users call it, a short word; NULL: it can't be asked for */
	bool any;	  /* whether parse() may be called whatever probe() returned */
	/* Returns whether the file is of this format, by its signatures alone. */
	bool (*probe)(const struct image *image);
	/*
	 * Parses the headers: names the format with image_name_format(), before anything can fail;
	 * sets image->hints; adds the ranges with image_add_range(); warns with image_warn().
	 *
	 * Unless `any`, it is only called after probe() returned true, but the file may end right
	 * behind the signature: what lies there is asked for with image_bytes(). Of what a header
	 * says nothing need be true: image_add_range() takes ranges of any size, in any order, that
	 * overlap or go beyond the end of the file, and missing bytes are warned of without the
	 * format's doing.
	 *
	 * Sums over sizes in the file may overflow: `offset += min_of(size, image->size - offset)`
	 * where one range follows another, and a count is checked by division. What follows a range
	 * that is cut off is added all the same, so that the warning counts it.
	 *
	 * A format whose pages are packed puts a source on top of the image's own, and makes it the
	 * image's with image_use_source(); offsets of ranges are then those in the new one.
	 *
	 * Fails where the headers don't say what lies where: see image_open(). When no range is
	 * added, or none that the file has bytes of, image_open() fails with a sentence of its own,
	 * which has the name of the format.
	 */
	struct error *(*parse)(struct image *image);
};

/* Frees what image->minidump points to; NULL is allowed. */
void minidump_free(struct minidump *dump);

/* Whether a file of an archive is the state of the .vmem that is taken: source_options.beside. */
bool vmware_is_beside(const char *taken, const char *name);

/* All formats. In which order files are tried is said by the table of open_image.c. */
extern const struct image_format image_format_lime;
extern const struct image_format image_format_crashdump;
extern const struct image_format image_format_elf;
extern const struct image_format image_format_vmware_state;
extern const struct image_format image_format_vmware_memory;
extern const struct image_format image_format_minidump;
extern const struct image_format image_format_hiberfil;
extern const struct image_format image_format_refused;
extern const struct image_format image_format_raw;

/*
 * Adds the ranges of a file that is nothing but memory, `size` bytes of it at `offset`, and names
 * the format. Where that is more than 3 GB, a virtual machine may have it without its hole from 3
 * to 4 GB: then there is another layout. `hole`: that is the first guess. `name` is that of the
 * format.
 */
void image_add_plain(struct image *image, const char *name, uint64_t offset, uint64_t size,
		     bool hole);

/*
 * As image_open(), for `size` bytes in memory that stay the caller's and must outlive the image.
 * `path` is only a name. For tests and fuzzers.
 */
struct error *image_open_bytes(const char *path, const void *data, size_t size, struct image **ret);

/*
 * Makes a source the image's own, which image_close() closes. The one before is not closed: either
 * there is none, or the new one was made of it.
 */
void image_use_source(struct image *image, struct source *source);

/*
 * Returns `size` bytes of the file at `offset`, or NULL when the file does not have all of them. A
 * format asks for all that it reads: where the file is packed, `data` has only what was asked for.
 */
static inline const uint8_t *image_bytes(const struct image *image, uint64_t offset, uint64_t size)
{
	return source_bytes(image->source, offset, size);
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

/* Returns the end of the hole that `offset` lies in, or `offset` when it lies in none. */
static inline uint64_t image_hole_end(const struct image *image, uint64_t offset)
{
	return source_hole_end(image->source, offset);
}

/* Finds the stretches of image_next_data(), after image_finish_ranges(). */
void image_find_stretches(struct image *image);

/* Sets what image_format() returns. */
void image_name_format(struct image *image, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds a sentence to what image_warning() returns; sentences are joined by "; ". */
void image_warn(struct image *image, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds to what image_fact() returns; what is there already is kept, joined by "; ". */
void image_add_fact(struct image *image, enum image_fact fact, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Says when the image was taken: a FILETIME, 100 ns since 1601 in UTC. Adds nothing when that is
 * before 1990 or after 2199: the writer left something else there.
 */
void image_add_taken(struct image *image, uint64_t filetime);

#define IMAGE_SIZE_TEXT SOURCE_SIZE_TEXT
#define image_size_text source_size_text

/*
 * Adds a range: `size` bytes at physical address `start` lie at `offset` of the file. Any values
 * are allowed; a size of 0 adds nothing. What is beyond the end of the file or of physical memory
 * is cut off, and image_finish_ranges() warns of it. The range is joined to the one added before
 * where that is possible.
 */
void image_add_range(struct image *image, uint64_t start, uint64_t size, uint64_t offset);

/*
 * Begins image_other_layout(). The format names it, and adds all of its ranges; its hints are the
 * image's. It belongs to the image, which must not have one yet.
 */
struct image *image_add_layout(struct image *image);

/*
 * Sorts the ranges and builds their index, after all are added, at least one. Where ranges overlap,
 * the one that was added first is kept. Warns about what is missing or overlaps.
 */
void image_finish_ranges(struct image *image);

#endif
