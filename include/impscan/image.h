/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory images: files that hold a machine's physical memory (raw, LiME, crash dump, ELF core,
 * VMware, hibernation file). This is about formats, not about paging or Windows.
 *
 * The file is mapped, not read as a whole, or unpacked where it is needed first (see source.h).
 * Pointers that are returned are valid until image_close(). An open image never changes, so any
 * number of threads may read it.
 *
 * Room: image.
 */
#ifndef IMPSCAN_IMAGE_H
#define IMPSCAN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>
#include <impscan/source.h>

struct image;

/* A range of physical memory that lies in the file in one piece. */
struct image_range {
	uint64_t start;	 /* physical address */
	uint64_t size;	 /* in bytes; never 0 */
	uint64_t offset; /* in the file */
};

/*
 * What the headers of the file say about the machine; 0 where they say nothing. It may be wrong, so
 * it must be checked.
 */
struct image_hints {
	uint64_t dtb; /* physical address of the page map, from CR3 or DirectoryTableBase */
	uint64_t ps_active_process_head; /* virtual addresses of these kernel variables */
	uint64_t ps_loaded_module_list;
	uint64_t kd_debugger_data_block;
	uint32_t build;	  /* the low 16 bits of NtBuildNumber: 19041 */
	uint16_t machine; /* IMAGE_FILE_MACHINE_I386 or IMAGE_FILE_MACHINE_AMD64 */
	bool pae;	  /* whether a 32-bit crash dump says that PAE is on */
};

/*
 * What else a file tells of itself, as text, for people who ask what the image is. The format's
 * name is image_format().
 */
enum image_fact {
	IMAGE_FACT_CONTAINER,	/* what the image is packed in, outermost first: "zip, gzip" */
	IMAGE_FACT_COMPRESSION, /* of what is in it: "Xpress-Huffman" */
	IMAGE_FACT_TOOL,	/* what wrote it, with its version: "VirtualBox 7.0.6" */
	IMAGE_FACT_TAKEN,	/* when: "2024-05-06T07:08:09Z" */
	IMAGE_FACT_MISSING,	/* what such a file leaves out, as sentences */
	IMAGE_FACT_NOTE,	/* what else is to be known, as sentences */
	IMAGE_FACTS,
};

/*
 * Opens an image. Its format is recognised by its content. The caller closes `*ret` with
 * image_close().
 *
 * Fails when
 * - the file can't be opened or mapped, or is empty;
 * - it is known to hold no memory that impscan can use;
 * - a header or table that says where memory lies in it can't be trusted: damaged, cut off, or
 *   listing nothing that the file has;
 * the sentence says what the file is and, where that helps, what to do.
 *
 * Memory that is missing or listed twice is no failure: an image that is truncated, or whose single
 * ranges are damaged, is opened with what it has, and image_warning() says what it lacks.
 */
struct error *image_open(const char *path, struct image **ret);

/*
 * The same with options for the file, see source_open(). With `lenient` a file that is refused, or
 * whose format does not hold up, is opened as raw memory: then image_refusal() says why that is not
 * what it seems to be.
 */
struct error *image_open_with(const char *path, const struct source_options *options,
			      struct image **ret);

/*
 * The same for a file whose format is known better than by its content, by a name of
 * image_format_name(). Fails where it can't be that by its content.
 */
struct error *image_open_as(const char *path, const char *format,
			    const struct source_options *options, struct image **ret);

/*
 * Returns the name of the `i`-th format that can be asked for, static, or NULL: there are no more.
 */
const char *image_format_name(size_t i);

/* Returns why an image is only read as raw memory, by options->lenient, or NULL: it is not so. */
const struct error *image_refusal(const struct image *image);

/* Returns whether the image is a file's bytes from the first to the last, not packed, as memory. */
bool image_is_plain(const struct image *image);

/* Closes an image; NULL is allowed. */
void image_close(struct image *image);
DEFINE_CLEANUP(struct image, image_close)
#define _cleanup_image_ _cleanup_(image_close_p)

/*
 * Advises the operating system on how the image is read from now on. With `all`, most of it is read
 * in order, and reading ahead pays; without, as after opening, single pages here and there are.
 */
void image_expect_all(const struct image *image, bool all);

/* Returns the name of the format: "raw", "LiME", "Windows crash dump (64-bit, bitmap)" ... */
const char *image_format(const struct image *image);

/* Returns the path that the image was opened by. */
const char *image_path(const struct image *image);

/* Returns the size of the file, in bytes: unpacked, where it is packed. */
uint64_t image_file_size(const struct image *image);

/*
 * Returns what is wrong with an image that could be opened all the same (truncated, overlapping
 * ranges, ranges that are left out), as sentences joined by "; ", or NULL.
 */
const char *image_warning(const struct image *image);

/* Returns where the bytes of the image come from; it belongs to the image. */
const struct source *image_source(const struct image *image);

/*
 * Returns what the file tells of a kind, several things joined by "; ", or NULL. It may hold text
 * of the file: any bytes.
 */
const char *image_fact(const struct image *image, enum image_fact fact);

/*
 * Returns another way in which memory may lie in the file, where nothing in it says how it does: an
 * image that may be read as well, and belongs to `image`, which is the first guess. NULL: there is
 * none.
 */
const struct image *image_other_layout(const struct image *image);

/*
 * Returns how memory is taken to lie in the file, as words that follow "it was read", where that is
 * worth telling since nothing in the file says it; NULL: it is not.
 */
const char *image_layout_guess(const struct image *image);

/*
 * Returns what would say how the file is to be read, and is not there: a sentence, static; NULL: as
 * far as is known, nothing.
 */
const char *image_lacks(const struct image *image);

/*
 * Returns whether `path` is a file of the virtual machine whose memory is in the file `memory`, by
 * their names and its content, and has no memory itself: a state that is read with that, or settings.
 */
bool image_belongs_to(const char *path, const char *memory);

/*
 * Returns the name of the file that says how memory lies in the image, where its other layout is by
 * another file; NULL: it is not so.
 */
const char *image_laid_by(const struct image *image);

/*
 * Returns what else the file may be, for a raw image that no machine was found in: a sentence that
 * follows "it", static; NULL: it looks like nothing that is known.
 */
const char *image_likeness(const struct image *image);

/* Returns what the headers of the file say about the machine. */
const struct image_hints *image_hints(const struct image *image);

/* Returns the image's ranges, sorted by physical address; they don't overlap. */
const struct image_range *image_ranges(const struct image *image, size_t *count);

/* Returns whether an address lies in one of the ranges, without looking at what is there. */
bool image_holds(const struct image *image, uint64_t address);

/*
 * Returns the bytes at a physical address, and sets `*size` to how many lie there in one piece, at
 * least 1. NULL when the image does not hold the address, or it can't be unpacked. In a hole of a
 * sparse file the bytes are zeros that all holes share, up to the end of the page. Of what is
 * packed, a piece that ends within the page, or two, are unpacked; more is there only as far as it
 * already is.
 */
const uint8_t *image_at(const struct image *image, uint64_t address, size_t *size);

/*
 * Copies `size` bytes from a physical address, across ranges. Returns false when the image does not
 * hold all of them; then the contents of `buffer` are undefined.
 */
bool image_read(const struct image *image, uint64_t address, void *buffer, size_t size);

/*
 * Returns the PAGE_SIZE bytes of the page at `address`, a multiple of PAGE_SIZE. NULL unless the
 * whole page lies in one range, as it does in every image whose ranges begin and end at pages.
 */
const uint8_t *image_page(const struct image *image, uint64_t address);

/*
 * Finds the first stretch of physical memory at or above `address` that the file has data for: for
 * sweeps over the whole image. Sets `*start` and `*size`, in bytes. Returns false when there is
 * none.
 *
 * Stretches leave out the holes of a sparse file, which read as zeros. Where several addresses have
 * the same bytes of the file, only one of them is in a stretch. So all stretches together are not
 * larger than the file. They begin and end at pages where the ranges do.
 */
bool image_next_data(const struct image *image, uint64_t address, uint64_t *start, uint64_t *size);

/* Returns the size of all stretches of image_next_data() together, in bytes. */
uint64_t image_data_size(const struct image *image);

/*
 * Returns how many pages of the file are not holes, headers included. What an image may cost is
 * measured by it, see budget.h.
 */
uint64_t image_present_pages(const struct image *image);

/*
 * Returns how many sets of pages, of an image whose pages are compressed in sets, were unpacked
 * until now, and sets `*all` to how many there are; 0: it is none of these.
 */
uint64_t image_sets_unpacked(const struct image *image, uint64_t *all);

#endif
