/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of a file, however they are packed: mapped as they are, or unpacked in pieces when they
 * are needed first.
 *
 * All bytes of a source lie in one region of addresses: byte `offset` is at `data + offset`. Those
 * that source_ready() was asked for stay readable there until source_close(). A source that is not
 * `lazy` has all of its bytes ready from the beginning. Any number of threads may use an open
 * source.
 *
 * Memory that holds unpacked pieces stays below a bound: where all pieces together are more, the
 * region is the mapping of an unlinked temporary file, whose pages are given back when the bound is
 * reached, and are read again from the file where they are looked at again.
 *
 * Room: source.
 */
#ifndef IMPSCAN_SOURCE_H
#define IMPSCAN_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/bytes.h>
#include <impscan/error.h>
#include <impscan/page_size.h>
#include <impscan/source_options.h>

struct source_state;

/* All members are for reading only. */
struct source {
	const uint8_t *data;
	uint64_t size; /* in bytes; never 0 */
	bool lazy;     /* whether source_ready() must be called before bytes are read */
	bool sparse;   /* whether some of it is known to be holes, see source_hole_end() */
	/* Bit n % 64 of word n / 64 is set when page n is not a hole. May be NULL. */
	const uint64_t *data_pages;
	struct source_state *state;
};

/*
 * Opens a file, or what is packed in it: by gzip, bzip2, xz, Zstandard or LZ4, in a ZIP, 7-Zip or
 * tar archive, or one in another. What a file is packed by is recognised by its content. xz files
 * of several blocks are unpacked where they are needed, the parts of a tar archive are read where
 * they are; all else is unpacked as a whole, to a temporary file. A path that ends in ".001" is the
 * first of several parts if there are more, also in an archive. "-" is standard input; what comes
 * through a pipe is kept in a temporary file. "ARCHIVE!FILE" is a file in an archive, unless there
 * is a file of that name.
 *
 * `options` may be NULL, and need not outlive the call. Fails when the file can't be opened, mapped
 * or unpacked, or is empty. Of one that is cut off there is what it has, and source_warning() says
 * so. The caller closes `*ret`.
 */
struct error *source_open(const char *path, const struct source_options *options,
			  struct source **ret);

/*
 * A file of an archive of which several are wanted: the first is opened, and then each of the others
 * by its `archive` and `number` in struct source_options.
 */
struct source_other {
	char *name;		/* behind the path of the archive and a '!' */
	struct source *archive; /* NULL: the source that was asked */
	size_t number;		/* 1 + its number there */
};

/*
 * Returns those files, the one that was opened first, and sets `*count`, which is 0 or more than 1.
 * They belong to the source; source_share() keeps an archive longer.
 */
const struct source_other *source_others(const struct source *source, size_t *count);

/* Returns the source itself, for which source_close() is to be called once more. */
struct source *source_share(const struct source *source);

/*
 * A source of `size` bytes in memory, at least 1, that stay the caller's and must outlive it.
 * `name` is only a name. For tests and fuzzers.
 */
struct source *source_of_bytes(const char *name, const void *data, uint64_t size);

/* Closes a source, and what it was made of; NULL is allowed. */
void source_close(struct source *source);
DEFINE_CLEANUP(struct source, source_close)
#define _cleanup_source_ _cleanup_(source_close_p)

/* Does the work of source_ready() where the source is lazy. */
uint64_t source_make_ready(const struct source *source, uint64_t offset, uint64_t size);

/*
 * Unpacks `size` bytes at `offset`, if they are not yet, and waits for that. Returns how many bytes
 * are ready there in a row, which may be more than were asked for, or less where some can't be
 * unpacked or are beyond the end of the source; 0: not even the first.
 */
static inline uint64_t source_ready(const struct source *source, uint64_t offset, uint64_t size)
{
	if (!source->lazy)
		return offset < source->size ? source->size - offset : 0;
	return source_make_ready(source, offset, size);
}

/* Returns `size` bytes at `offset`, or NULL when the source does not have all of them. */
static inline const uint8_t *source_bytes(const struct source *source, uint64_t offset,
					  uint64_t size)
{
	if (!range_within(offset, size, source->size))
		return NULL;
	if (source->lazy && size && source_make_ready(source, offset, size) < size)
		return NULL;
	return source->data + offset;
}

/* Returns the end of the hole that `offset` lies in, or `offset` when it lies in none. */
uint64_t source_hole_end(const struct source *source, uint64_t offset);

/*
 * A part of a source that is not a hole. It begins at a page, and ends at one or at the end of the
 * source.
 */
struct source_extent {
	uint64_t start, end; /* offsets; `end` is behind the last byte */
};

/* Returns the extents of a sparse source, sorted. There may be none. */
const struct source_extent *source_extents(const struct source *source, size_t *count);

/* Returns how many bytes of the source are not in holes; whole pages where it is sparse. */
uint64_t source_present(const struct source *source);

/* Returns the size of the file that was opened, or of all parts of a split one, in bytes. */
uint64_t source_file_size(const struct source *source);

/* Returns what the bytes are packed in, outermost first ("gzip, tar"), or NULL when in nothing. */
const char *source_container(const struct source *source);

/* Returns what is wrong with a source that could be opened all the same, or NULL. */
const char *source_warning(const struct source *source);

/*
 * Returns why what seems to be packed in a source could not be unpacked, where it was opened all
 * the same; it belongs to the source. NULL: all is unpacked, or nothing was to be.
 */
const struct error *source_refusal(const struct source *source);

/*
 * Returns the page file `number` that lay in the same archive (0: pagefile.sys, 1: swapfile.sys),
 * or NULL when there was none. It belongs to the source.
 */
#define SOURCE_PAGE_FILES 2
const struct source *source_page_file(const struct source *source, unsigned int number);

/*
 * Returns the `i`-th file that lay in the same archive and belongs to the source, see struct
 * source_options, or NULL when there are no more. source_name() is its name in the archive. It
 * belongs to the source.
 */
const struct source *source_beside(const struct source *source, size_t i);

/*
 * Returns whether `path` is a later part of the split file of which `first` is the first, by their
 * names: source_open() of the first reads it too.
 */
bool source_is_part(const char *path, const char *first);

/*
 * As source_open() does with a file that it has opened: replaces `*source`, while it is packed, by
 * what is in it. On failure `*source` stays the caller's. For tests and fuzzers.
 */
struct error *source_unpack(struct source **source, const struct source_options *options);

/*
 * Returns the name of the file that the bytes are: that in an archive, or the path without the
 * ending that says what it is compressed by, or the path.
 */
const char *source_name(const struct source *source);

/* Returns the path or name that the source was opened by. */
const char *source_path(const struct source *source);

/*
 * Returns what of the source could not be unpacked until now, as a sentence that the caller frees
 * with free(), or NULL when nothing is lost. It tells how much that is, and why the first was.
 */
char *source_failure(const struct source *source);

/* Returns how many bytes were unpacked in pieces until now, and of how many, if `*all` is not NULL. */
uint64_t source_unpacked(const struct source *source, uint64_t *all);

/*
 * Advises the operating system on how a mapped file is read from now on. With `all`, most of it is
 * read in order, and reading ahead pays; without, single pages here and there are.
 */
void source_expect_all(const struct source *source, bool all);

/* Return the versions of the libraries that unpack files, or "not built in". */
const char *source_zlib_version(void);
const char *source_archive_version(void);

/* Writes a size for sentences to `text`, and returns it: "12 KB", "381.5 MB", "4096.0 PB". */
#define SOURCE_SIZE_TEXT 32
const char *source_size_text(uint64_t bytes, char text[SOURCE_SIZE_TEXT]);

#endif
