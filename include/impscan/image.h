/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Physical memory as a file holds it: raw, LiME, crash dump, ELF core. Knows formats and nothing
 * of paging or Windows.
 *
 * The file is mapped, never read as a whole; what is handed out points into the mapping and stays
 * valid until image_close(). An open image never changes, so any number of threads may read it.
 *
 * Room: image.
 */
#ifndef IMPSCAN_IMAGE_H
#define IMPSCAN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>

struct image;

/* A stretch of physical memory that lies in the file in one piece. */
struct image_range {
	uint64_t start;	 /* physical address */
	uint64_t size;	 /* bytes; never 0 */
	uint64_t offset; /* in the file */
};

/* What the file's header claims of the machine; 0 where it claims nothing. To be checked. */
struct image_hints {
	uint64_t dtb; /* DirectoryTableBase, CR3 */
	uint64_t ps_active_process_head;
	uint64_t ps_loaded_module_list;
	uint64_t kd_debugger_data_block;
	uint32_t build;	  /* NtBuildNumber's low half: 19041 */
	uint16_t machine; /* IMAGE_FILE_MACHINE_I386 or IMAGE_FILE_MACHINE_AMD64 */
	bool pae;	  /* a 32-bit dump says that PAE is on */
};

/*
 * Opens an image, its format recognised by content. Fails on what can't be opened and on what is
 * known to hold no memory we can use, with a sentence that says what it is and what to do.
 * A truncated file keeps what it has: see image_warning().
 */
struct error *image_open(const char *path, struct image **ret);

void image_close(struct image *image);
DEFINE_CLEANUP(struct image, image_close)
#define _cleanup_image_ _cleanup_(image_close_p)

/*
 * Advice on what is read from now on, for a file that is not in the page cache: most of the image, for
 * which reading ahead pays; or, as after opening, single pages here and there, so that what lies
 * around them need not be read too.
 */
void image_expect_all(const struct image *image, bool all);

/* "raw", "LiME", "Windows crash dump (64-bit, bitmap)" ... */
const char *image_format(const struct image *image);

/* The path it was opened by. */
const char *image_path(const struct image *image);

/* Bytes of the file. */
uint64_t image_file_size(const struct image *image);

/* A sentence on what is missing from the file (truncated, overlapping ranges), or NULL. */
const char *image_warning(const struct image *image);

const struct image_hints *image_hints(const struct image *image);

/* The ranges, sorted by physical address, none overlapping. */
const struct image_range *image_ranges(const struct image *image, size_t *count);

/*
 * The bytes at physical address `address`: a pointer into the mapping, and in `*size` how many lie
 * there in one piece (at least 1). NULL when the image does not hold that address. In a hole of the
 * file the pointer is to zeros that all holes share, and up to the end of the page.
 */
const uint8_t *image_at(const struct image *image, uint64_t address, size_t *size);

/* Copies `size` bytes from `address`, across ranges; false (nothing promised) if any is missing. */
bool image_read(const struct image *image, uint64_t address, void *buffer, size_t size);

/*
 * The whole 4096-byte page at `address` (a multiple of 4096), or NULL unless all of it is there in
 * one piece, as it is in every image whose ranges begin and end at pages.
 */
const uint8_t *image_page(const struct image *image, uint64_t address);

/*
 * For sweeps over all that the image holds: the first stretch of physical memory at or above
 * `address` that the file has data for, in one piece. False when there is none. Stretches leave out
 * the holes of a sparse file, which read as zeros, and where several addresses are given the same
 * bytes of the file all but one of them, so that all together are no more than the file; they begin
 * and end at pages where their ranges do.
 */
bool image_next_data(const struct image *image, uint64_t address, uint64_t *start, uint64_t *size);

/* Bytes of all stretches of image_next_data() together. */
uint64_t image_data_size(const struct image *image);

/* Pages of the file (its headers included) that are no holes: what it may cost to look at it. */
uint64_t image_present_pages(const struct image *image);

#endif
