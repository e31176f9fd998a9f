/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Windows crash dumps: the three kinds of lists of the pages that follow the headers.
 *
 * Facts: PHYSICAL_MEMORY_DESCRIPTOR32 and 64 of mindumpdef.h (Windows SDK); the bitmap header from
 * Volatility 3's _SUMMARY_DUMP (the same for 32 and 64 bits) and MemProcFS; the "RDMP" header from
 * github.com/0vercl0k/kdmp-parser-rs.
 */
#include "crashdump.h"

/* Bytes of the header that the descriptor may fill: DMP_PHYSICAL_MEMORY_BLOCK_SIZE. */
#define DESCRIPTOR_SIZE 700

static struct error *damaged(const struct image *image, const char *what)
{
	return error_new(
		"'%s' is a Windows crash dump whose %s is damaged: its pages can't be placed",
		image->path, what);
}

static void add_pages(struct image *image, uint64_t page, uint64_t count, uint64_t *offset)
{
	/* More pages than there are addresses: image_add_range() cuts them off. */
	uint64_t start =
		page < IMAGE_PHYSICAL_END / PAGE_SIZE ? page * PAGE_SIZE : IMAGE_PHYSICAL_END;
	uint64_t size = count <= UINT64_MAX / PAGE_SIZE ? count * PAGE_SIZE : UINT64_MAX;
	image_add_range(image, start, size, *offset);
	*offset = size <= UINT64_MAX - *offset ? *offset + size : UINT64_MAX;
}

struct error *dump_parse_runs(struct image *image, const struct dump_layout *layout)
{
	unsigned int width = layout->pointer_size;
	uint32_t first = 2 * width; /* behind NumberOfRuns and NumberOfPages */
	const uint8_t *descriptor = image->data + layout->physical_memory_block;
	uint32_t count = le32(descriptor); /* NumberOfRuns */
	uint64_t offset = layout->size;
	if (!count || count > (DESCRIPTOR_SIZE - first) / (2 * width)) {
		/* Left at the pattern "PAGE", as in a bitmap dump? Then it may be one. */
		if (dump_has_bitmap(image, layout))
			return dump_parse_bitmap(image, layout);
		return damaged(image, "list of memory runs");
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *run = descriptor + first + i * 2 * width;
		add_pages(image, le_pointer(run, width), le_pointer(run + width, width), &offset);
	}
	return NULL;
}

/* SUMMARY_DUMP */
enum {
	BITMAP_FIRST_PAGE = 0x20, /* HeaderSize: offset in the file of the first page */
	BITMAP_PAGES = 0x28,	  /* how many are there */
	BITMAP_BITS = 0x30,	  /* BitmapSize, in bits */
	BITMAP_BITMAP = 0x38,
};

bool dump_has_bitmap(const struct image *image, const struct dump_layout *layout)
{
	return image_bytes(image, layout->size, BITMAP_BITMAP) &&
	       (image_has(image, layout->size, "SDMPDUMP", 8) ||
		image_has(image, layout->size, "FDMPDUMP", 8));
}

/* The 64 bits from number `page` on; 0 for those at or beyond `bits`. */
static uint64_t bitmap_word(const uint8_t *bitmap, uint64_t bits, uint64_t page)
{
	uint64_t count = min_of(bits - page, UINT64_C(64)), word = 0;
	if (count == 64)
		return le64(bitmap + page / 8);
	for (uint64_t i = 0; i < count; i++)
		word |= (uint64_t)(bitmap[(page + i) / 8] >> (i % 8) & 1) << i;
	return word;
}

/*
 * Returns how many of the bits from number `page` on lie in a hole of the file, a multiple of 64.
 */
static uint64_t bits_in_hole(const struct image *image, const uint8_t *bitmap, uint64_t page)
{
	uint64_t at = (uint64_t)(bitmap - image->data) + page / 8;
	return (image_hole_end(image, at) - at) / 8 * 64;
}

/* Counts pages that are listed, but lie beyond the end of the file. */
static void add_missing(struct image *image, uint64_t pages, uint64_t *offset)
{
	uint64_t size = pages * PAGE_SIZE;
	*offset = size <= UINT64_MAX - *offset ? *offset + size : UINT64_MAX;
	image->listed = size <= UINT64_MAX - image->listed ? image->listed + size : UINT64_MAX;
}

/*
 * Calls add_pages() for each run of set bits. Returns how many bits are set. Words of all zeros and
 * of all ones, which are most, take one comparison; holes of the file, and bits of pages beyond the
 * end of the file, take hardly more.
 */
static uint64_t add_bitmap(struct image *image, const uint8_t *bitmap, uint64_t bits,
			   uint64_t *offset)
{
	uint64_t pages = 0, run = 0; /* pages of the open run, which ends before `page` */
	for (uint64_t page = 0; page < bits; page += 64) {
		uint64_t empty = image->source->sparse ? bits_in_hole(image, bitmap, page) : 0;
		uint64_t word = empty ? 0 : bitmap_word(bitmap, bits, page);
		if (!run && *offset >= image->size) {
			unsigned int more = (unsigned int)__builtin_popcountll(word);
			add_missing(image, more, offset);
			pages += more;
			page += empty ? empty - 64 : 0;
			continue;
		}
		if (word == UINT64_MAX) {
			run += 64;
			continue;
		}
		unsigned int at = 0;
		while (at < 64) {
			uint64_t rest = word >> at;
			if (rest & 1) {
				/* Never all ones here, so ~rest has a bit set. */
				unsigned int ones = (unsigned int)__builtin_ctzll(~rest);
				run += ones;
				at += ones;
			} else {
				if (run) {
					add_pages(image, page + at - run, run, offset);
					pages += run;
					run = 0;
				}
				if (!rest)
					break;
				at += (unsigned int)__builtin_ctzll(rest);
			}
		}
		page += empty ? empty - 64 : 0;
	}
	if (run) {
		/* Open to the end: the last word was a whole one. */
		add_pages(image, bits - run, run, offset);
		pages += run;
	}
	return pages;
}

struct error *dump_parse_bitmap(struct image *image, const struct dump_layout *layout)
{
	if (!dump_has_bitmap(image, layout))
		return damaged(image, "bitmap header");
	const uint8_t *header = image_bytes(image, layout->size, BITMAP_BITMAP);
	uint64_t offset = le64(header + BITMAP_FIRST_PAGE);
	uint64_t pages = le64(header + BITMAP_PAGES);
	uint64_t bits = le64(header + BITMAP_BITS);
	uint64_t bitmap = layout->size + BITMAP_BITMAP;
	uint64_t bytes = bits / 8 + (bits % 8 != 0);
	/* Also keeps the bitmap within the file. */
	if (offset < bitmap || offset > image->size || bytes > offset - bitmap ||
	    !image_bytes(image, bitmap, bytes))
		return damaged(image, "bitmap header");
	uint64_t found = add_bitmap(image, image->data + bitmap, bits, &offset);
	if (found != pages)
		image_warn(image, "the bitmap marks %llu pages, the header says %llu",
			   (unsigned long long)found, (unsigned long long)pages);
	return NULL;
}

/* The header behind the first that a debugger writes; ranges (first page, pages) follow. */
enum {
	RDMP_SIGNATURE = 0x4,
	RDMP_FIRST_PAGE = 0x18, /* offset in the file */
	RDMP_PAGES = 0x28,	/* in a full dump: how many pages there are */
	RDMP_RANGES = 0x30,
	RDMP_RANGE_SIZE = 16,
};

struct error *dump_parse_rdmp(struct image *image, const struct dump_layout *layout)
{
	const uint64_t base = layout->size;
	const uint8_t *header = image_bytes(image, base, RDMP_RANGES);
	if (!header || !image_has(image, base + RDMP_SIGNATURE, "RDMPDUMP", 8))
		return damaged(image, "list of page ranges");
	const uint64_t first_page = le64(header + RDMP_FIRST_PAGE);
	if (first_page < base + RDMP_RANGES || !image_bytes(image, base, first_page - base))
		return damaged(image, "list of page ranges");
	const uint64_t entries = (first_page - base - RDMP_RANGES) / RDMP_RANGE_SIZE;
	/* A full dump's list ends when it has this many, the others' at an entry of zeros. */
	const bool full = le32(image->data + layout->dump_type) == DUMP_TYPE_DEBUGGER_FULL;
	uint64_t left = full ? le64(header + RDMP_PAGES) : UINT64_MAX;
	uint64_t offset = first_page;
	for (uint64_t i = 0; i < entries && left; i++) {
		const uint8_t *range = header + RDMP_RANGES + i * RDMP_RANGE_SIZE;
		uint64_t page = le64(range), count = min_of(le64(range + 8), left);
		if (!count || (i && !page))
			break;
		add_pages(image, page, count, &offset);
		left -= count;
	}
	return NULL;
}
