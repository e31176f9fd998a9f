/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hibernation files: from sets of compressed pages to the image's source and ranges. Each set is a
 * piece of the source, which is unpacked when one of its pages is needed, and as far as to that
 * page: what comes before a page must be unpacked with it, what follows need not.
 *
 * A page may be in several sets: pages that the boot loader restores are saved once more by the
 * kernel. The set that comes later has the later content.
 */
#include "hiberfil.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/source_pieces.h>
#include <impscan/xpress.h>

/* 128 GB of memory; and four million runs of pages: they take up to 64 MB each. */
#define SETS_MAX (UINT32_C(1) << 21)
#define RUNS_MAX (UINT32_C(1) << 22)

/*
 * Pages that are damaged are not always noticed: the checksums that PO_MEMORY_IMAGE leads to are of
 * a kind that nobody has described, and what is packed tells little by itself. Of sets in which a
 * bit was flipped one in ten could not be unpacked; of the pages before that place four in ten were
 * wrong.
 */
#define DOUBT                                                                               \
	"there is no checksum of pages to check, so others of a damaged file may be wrong " \
	"without being noticed"

/*
 * What sets may unpack to: so many times the file, and 64 MB. Memory is packed to a half or a
 * third, and that which is mostly zeros to a tenth; a set of 64 KB of zeros can have a few bytes.
 */
#define UNPACKED_RATIO 32
#define UNPACKED_LEAST (UINT64_C(64) << 20)

/*
 * Of the work that an image may cost each page has its share. Sets may be packed so well that a
 * small file lists any number of pages; all of them together have a share as if they were packed to
 * 1/16.
 */
#define BUDGET_RATIO 16

bool hiberfil_add_set(struct hiberfil *hiberfil, uint64_t from, uint32_t size, uint32_t pages,
		      uint32_t method)
{
	const uint64_t most =
		(source_present(hiberfil->image->source) * UNPACKED_RATIO + UNPACKED_LEAST) /
		PAGE_SIZE;
	if (hiberfil->piece_count == SETS_MAX || hiberfil->run_count >= RUNS_MAX ||
	    hiberfil->pages + pages > most) {
		hiberfil->surplus++;
		return false;
	}
	*array_push(hiberfil->pieces, hiberfil->piece_count, hiberfil->piece_capacity) =
		(struct source_piece){.offset = hiberfil->pages * PAGE_SIZE,
				      .from = from,
				      .size = pages * (uint32_t)PAGE_SIZE,
				      .from_size = size,
				      .method = method};
	hiberfil->pages += pages;
	return true;
}

void hiberfil_add_run(struct hiberfil *hiberfil, uint64_t page, uint32_t index, uint32_t count)
{
	const struct source_piece *piece = &hiberfil->pieces[hiberfil->piece_count - 1];
	if (page >= HIBERFIL_PAGE_END || count > HIBERFIL_PAGE_END - page) {
		hiberfil->beyond += count;
		return;
	}
	*array_push(hiberfil->runs, hiberfil->run_count,
		    hiberfil->run_capacity) = (struct hiberfil_run){
		.page = page, .at = (uint32_t)(piece->offset / PAGE_SIZE) + index, .count = count};
}

void hiberfil_drop_sets(struct hiberfil *hiberfil, size_t count)
{
	while (hiberfil->piece_count > count) {
		const struct source_piece *piece = &hiberfil->pieces[--hiberfil->piece_count];
		hiberfil->pages = piece->offset / PAGE_SIZE;
	}
	while (hiberfil->run_count && hiberfil->runs[hiberfil->run_count - 1].at >= hiberfil->pages)
		hiberfil->run_count--;
}

static bool fills(ptrdiff_t written, const struct source_piece *piece)
{
	return written == (ptrdiff_t)piece->size;
}

/* Unpacks a set; `to` has piece->size bytes. */
static bool unpack(const struct source_piece *piece, const uint8_t *from, uint8_t *to)
{
	const size_t size = piece->from_size;
	if (size == piece->size) { /* stored, whatever the method is called */
		memcpy(to, from, size);
		return true;
	}
	const bool huffman = piece->method == HIBERFIL_HUFFMAN_FIRST;
	if (huffman && fills(xpress_huffman_decompress(from, size, to, piece->size), piece))
		return true;
	if (fills(xpress_decompress(from, size, to, piece->size), piece))
		return true;
	return piece->method == HIBERFIL_LZ77_FIRST &&
	       fills(xpress_huffman_decompress(from, size, to, piece->size), piece);
}

/*
 * Goes on unpacking a set until `wanted` bytes of it are there. Returns false when it is damaged.
 *
 * How it is packed must be known for that. Data that begins with a complete code is that with
 * Huffman codes; where it should be the other it is unpacked as a whole, in the way that succeeds.
 */
static bool go_on(const struct source_piece *piece, const uint8_t *from, uint8_t *to,
		  uint32_t wanted, struct xpress_progress *progress)
{
	const size_t size = piece->from_size;
	if (size == piece->size) {
		if (wanted > progress->written)
			memcpy(to + progress->written, from + progress->written,
			       wanted - progress->written);
		progress->written = max_of(wanted, progress->written);
		return true;
	}
	if (piece->method == HIBERFIL_LZ77 || !xpress_huffman_probe(from, size))
		return xpress_go_on(from, size, to, piece->size, wanted, progress) >=
		       (ptrdiff_t)wanted;
	if (piece->method == HIBERFIL_HUFFMAN_FIRST)
		return xpress_huffman_go_on(from, size, to, piece->size, wanted, progress) >=
		       (ptrdiff_t)wanted;
	progress->written = unpack(piece, from, to) ? piece->size : 0;
	return progress->written;
}

/*
 * As go_on(), but when a page is needed that follows those that are there the rest will be as well,
 * mostly. What is wrong with that rest does not matter until it is needed.
 */
static bool go_on_ahead(const struct source_piece *piece, const uint8_t *from, uint8_t *to,
			uint32_t wanted, struct xpress_progress *progress)
{
	const struct xpress_progress before = *progress;
	if (before.written && wanted - before.written <= PAGE_SIZE &&
	    go_on(piece, from, to, piece->size, progress))
		return true;
	*progress = before;
	return go_on(piece, from, to, wanted, progress);
}

/*
 * Of a damaged set the pages are there that can be unpacked, whichever is needed first. Returns how
 * many bytes that is; the first `done` are in `to` already, where others may read them.
 */
static uint32_t unpack_sound(const struct source_piece *piece, const uint8_t *from, uint8_t *to,
			     uint32_t done)
{
	uint8_t pages[HIBERFIL_SET_PAGES * PAGE_SIZE];
	struct xpress_progress progress = {0};
	uint32_t sound = 0;
	for (uint32_t end = PAGE_SIZE;
	     end <= piece->size && go_on(piece, from, pages, end, &progress); end += PAGE_SIZE)
		sound = end;
	if (sound > done)
		memcpy(to + done, pages + done, sound - done);
	return max_of(sound, done);
}

static struct error *unpack_part(void *context, const struct source_piece *piece, size_t number,
				 const uint8_t *from, uint8_t *to, uint32_t wanted, uint32_t *done)
{
	struct image_sets *sets = context;
	struct xpress_progress *progress = &sets->progress[number];
	if (!*done)
		atomic_fetch_add_explicit(&sets->unpacked, 1, memory_order_relaxed);
	if (go_on_ahead(piece, from, to, wanted, progress)) {
		*done = progress->written;
		return NULL;
	}
	*done = unpack_sound(piece, from, to, *done);
	return error_new("the compressed pages at offset 0x%llx are damaged",
			 (unsigned long long)piece->from);
}

bool hiberfil_unpacks(const struct hiberfil *hiberfil, size_t set)
{
	uint8_t pages[HIBERFIL_SET_PAGES * PAGE_SIZE];
	const struct source_piece *piece = &hiberfil->pieces[set];
	const uint8_t *from = image_bytes(hiberfil->image, piece->from, piece->from_size);
	return from && unpack(piece, from, pages);
}

static int compare_runs(const void *a, const void *b)
{
	const struct hiberfil_run *x = a, *y = b;
	if (x->page != y->page)
		return x->page < y->page ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void sort_runs(struct hiberfil *hiberfil)
{
	struct hiberfil_run *runs = hiberfil->runs;
	for (size_t i = 1; i < hiberfil->run_count; i++) {
		if (compare_runs(&runs[i - 1], &runs[i]) > 0) {
			qsort(runs, hiberfil->run_count, sizeof(*runs), compare_runs);
			return;
		}
	}
}

/*
 * Pages of memory that sorted runs have been seen of, the next 16 from `page` on: in which pages of
 * the unpacked bytes they are, less 1; 0: in none yet. No run is longer than that.
 */
struct window {
	uint64_t page;
	uint64_t held[HIBERFIL_SET_PAGES];
};

/* Adds the window's pages below `end` to the image, and moves the window to there. */
static void advance(struct image *image, struct window *window, uint64_t end)
{
	for (unsigned int i = 0; i < HIBERFIL_SET_PAGES && window->page + i < end; i++) {
		uint64_t *held = &window->held[(window->page + i) % HIBERFIL_SET_PAGES];
		if (*held)
			image_add_range(image, (window->page + i) * PAGE_SIZE, PAGE_SIZE,
					(*held - 1) * PAGE_SIZE);
		*held = 0;
	}
	window->page = end;
}

/*
 * Adds the ranges in the order of their addresses, without overlaps: of all sets that have a page,
 * the one that comes last is further on in the unpacked bytes.
 */
static void add_ranges(struct hiberfil *hiberfil)
{
	struct window window = {0};
	for (size_t i = 0; i < hiberfil->run_count; i++) {
		const struct hiberfil_run *run = &hiberfil->runs[i];
		advance(hiberfil->image, &window, run->page);
		for (uint32_t k = 0; k < run->count; k++) {
			uint64_t *held = &window.held[(run->page + k) % HIBERFIL_SET_PAGES];
			*held = max_of(*held, (uint64_t)run->at + k + 1);
		}
	}
	advance(hiberfil->image, &window, UINT64_MAX);
}

static void warn(struct hiberfil *hiberfil)
{
	if (hiberfil->surplus)
		image_warn(hiberfil->image,
			   "%llu sets of pages are left out, since they are more than can be kept",
			   (unsigned long long)hiberfil->surplus);
	if (hiberfil->beyond)
		image_warn(hiberfil->image,
			   "%llu pages are beyond the 52 bits of a physical address and left out",
			   (unsigned long long)hiberfil->beyond);
}

struct error *hiberfil_finish(struct hiberfil *hiberfil)
{
	struct image *image = hiberfil->image;
	if (!hiberfil->piece_count)
		return NULL; /* image_open() tells */
	const uint64_t most = source_present(image->source) * BUDGET_RATIO;
	struct source_pieces table = {.name = "the hibernation file's pages",
				      .doubt = DOUBT,
				      .size = hiberfil->pages * PAGE_SIZE,
				      .pieces = hiberfil->pieces,
				      .count = hiberfil->piece_count,
				      .unpack_part = unpack_part,
				      .context = &image->sets};
	struct source *source = NULL;
	image->sets.progress = alloc_zero(table.count, sizeof(*image->sets.progress));
	try_(source_new_pieces(image->source, &table, image->options, &source));
	image->sets.all = table.count;
	hiberfil->pieces = NULL; /* they are the source's */
	hiberfil->piece_count = 0;
	image_use_source(image, source);
	image->present_most = most;
	sort_runs(hiberfil);
	add_ranges(hiberfil);
	warn(hiberfil);
	return NULL;
}

void hiberfil_free(struct hiberfil *hiberfil)
{
	free(hiberfil->pieces);
	free(hiberfil->runs);
}
