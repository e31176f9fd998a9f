/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is unpacked as a whole: to a temporary file with holes where pages are zero.
 */
#include "source/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <impscan/alloc.h>

#define BUFFER_SIZE (UINT32_C(1) << 20)

/* Free space is looked at before this much more is written, and this much is left to others. */
#define CHECK_STEP (UINT64_C(16) << 20)
#define SPACE_LEFT (UINT64_C(64) << 20)

/* Bytes that can be written to the file system of `fd`. */
static uint64_t free_space(int fd)
{
	struct statvfs status;
	if (fstatvfs(fd, &status))
		return UINT64_MAX;
	return (uint64_t)status.f_bavail * status.f_frsize;
}

static uint64_t times_ratio(uint64_t bytes)
{
	return bytes < UINT64_MAX / SOURCE_RATIO ? bytes * SOURCE_RATIO : UINT64_MAX;
}

uint64_t whole_most(uint64_t packed, const struct source_options *options)
{
	if (options && options->unpack_most)
		return options->unpack_most;
	if (options && options->packed_first)
		packed = options->packed_first;
	return max_of(SOURCE_UNPACKED_LEAST, times_ratio(packed));
}

void source_count_unpacked(struct source_options *options, const struct source *source)
{
	if (!source->state->unpacked)
		return;
	options->unpacked_before += source->size;
	options->held_before += min_of(source_present(source), source->size);
}

struct error *whole_begin(struct whole *whole, const char *path, const char *container,
			  uint64_t packed, uint64_t size, const struct source_options *options)
{
	char before[SOURCE_SIZE_TEXT], after[SOURCE_SIZE_TEXT], there[SOURCE_SIZE_TEXT];
	*whole = (struct whole){.path = path,
				.fd = -1,
				.most = whole_most(packed, options),
				.options = options,
				.packed = packed};
	try_(temporary_file(&whole->fd, &whole->folder));
	whole->buffer = alloc_zero(BUFFER_SIZE, 1);
	source_size_text(packed, before);
	source_size_text(size, after);
	if (size)
		source_tell(options, "unpacking '%s' (%s, %s) to a temporary file in %s: %s", path,
			    container, before, whole->folder, after);
	else if (packed)
		source_tell(options, "unpacking '%s' (%s, %s) to a temporary file in %s", path,
			    container, before, whole->folder);
	uint64_t room = free_space(whole->fd);
	if (size > room)
		source_tell(options,
			    "%s has %s free: enough only if the rest of '%s' is pages of zeros",
			    whole->folder, source_size_text(room, there), path);
	return NULL;
}

static struct error *no_room(const struct whole *whole)
{
	char size[SOURCE_SIZE_TEXT];
	return error_new("'%s' can't be unpacked: after %s less than 80 MB are free in %s, and "
			 "some room is left to others: set TMPDIR to a folder with more room",
			 whole->path, source_size_text(whole->written, size), whole->folder);
}

static struct error *write_all(struct whole *whole, const uint8_t *data, size_t size, uint64_t at)
{
	if (whole->written >= whole->checked) {
		if (free_space(whole->fd) < CHECK_STEP + SPACE_LEFT)
			return no_room(whole);
		whole->checked = whole->written + CHECK_STEP;
	}
	while (size) {
		ssize_t done = pwrite(whole->fd, data, size, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0 && (!done || errno == ENOSPC || errno == EDQUOT))
			return no_room(whole);
		if (done < 0)
			return error_errno(errno, "can't write to a temporary file in %s",
					   whole->folder);
		data += done;
		at += (uint64_t)done;
		size -= (size_t)done;
		whole->written += (uint64_t)done;
	}
	return NULL;
}

static bool is_zero(const uint8_t *page, size_t size)
{
	return !page[0] && !memcmp(page, page + 1, size - 1);
}

/* Writes what is in the buffer, but for pages of zeros. */
static struct error *flush(struct whole *whole)
{
	const uint64_t start = whole->size - whole->filled;
	size_t run = 0; /* where pages to be written begin; they end at `at` */
	for (size_t at = 0; at < whole->filled; at += PAGE_SIZE) {
		size_t size = min_of((size_t)PAGE_SIZE, whole->filled - at);
		if (!is_zero(whole->buffer + at, size))
			continue;
		if (run < at)
			try_(write_all(whole, whole->buffer + run, at - run, start + run));
		run = at + PAGE_SIZE;
	}
	if (run < whole->filled)
		try_(write_all(whole, whole->buffer + run, whole->filled - run, start + run));
	whole->filled = 0;
	if (whole->packed && whole->options && whole->options->progress)
		whole->options->progress(whole->options->context,
					 (size_t)min_of(whole->read, whole->packed),
					 (size_t)whole->packed);
	return NULL;
}

/* How many bytes of zeros may be written, by what is not zeros. */
static uint64_t zeros_most(const struct whole *whole)
{
	const struct source_options *options = whole->options;
	uint64_t held = whole->written, zeros = 0;
	if (whole->most == UINT64_MAX || (options && options->unpack_most))
		return UINT64_MAX;
	if (options) {
		held += options->held_before;
		zeros = options->unpacked_before - options->held_before;
	}
	const uint64_t most = max_of(SOURCE_UNPACKED_LEAST, times_ratio(held));
	return most - min_of(zeros, most);
}

struct error *whole_too_much(const char *path, uint64_t most)
{
	char text[SOURCE_SIZE_TEXT];
	return error_new("'%s' is unpacked to more than %s, too much for what is packed in it: if "
			 "that is right, allow more with --unpack",
			 path, source_size_text(most, text));
}

static struct error *check_size(const struct whole *whole, uint64_t more)
{
	const uint64_t all = whole->size + unpacked_before(whole->options);
	/* What is in the buffer may be either. */
	const uint64_t zeros = whole->size - whole->filled - whole->written;
	const bool too_many_zeros = zeros > zeros_most(whole);
	if (!too_many_zeros && more <= whole->most && all <= whole->most - more)
		return NULL;
	return whole_too_much(whole->path, too_many_zeros ? zeros_most(whole) : whole->most);
}

/* Are the first bytes those of what a file's name says? */
static struct error *check_start(const struct whole *whole, const void *data, size_t size)
{
	if (!whole->member || whole->size || !size ||
	    whole->options->judge(whole->member, data, size) == SOURCE_WANTED)
		return NULL;
	return error_new("its first bytes are not those of what its name says");
}

struct error *whole_add(struct whole *whole, const void *data, size_t size)
{
	const uint8_t *from = data;
	try_(check_start(whole, data, size));
	try_(check_size(whole, size));
	while (size) {
		size_t count = min_of(size, BUFFER_SIZE - whole->filled);
		memcpy(whole->buffer + whole->filled, from, count);
		whole->filled += count;
		whole->size += count;
		from += count;
		size -= count;
		if (whole->filled == BUFFER_SIZE)
			try_(flush(whole));
	}
	return NULL;
}

struct error *whole_add_zeros(struct whole *whole, uint64_t size)
{
	static const uint8_t zeros[PAGE_SIZE];
	try_(check_size(whole, size));
	/* Whole buffers of zeros need not be written. */
	uint64_t first = min_of(size, (uint64_t)(BUFFER_SIZE - whole->filled));
	for (uint64_t left = first; left;) {
		size_t count = (size_t)min_of(left, (uint64_t)PAGE_SIZE);
		try_(whole_add(whole, zeros, count));
		left -= count;
	}
	size -= first;
	whole->size += size - size % BUFFER_SIZE;
	for (uint64_t left = size % BUFFER_SIZE; left;) {
		size_t count = (size_t)min_of(left, (uint64_t)PAGE_SIZE);
		try_(whole_add(whole, zeros, count));
		left -= count;
	}
	return NULL;
}

struct error *whole_finish(struct whole *whole, struct source **ret)
{
	try_(flush(whole));
	if (!whole->size)
		return error_new("'%s' is empty: nothing is packed in it", whole->path);
	if (ftruncate(whole->fd, (off_t)whole->size))
		return error_errno(errno, "can't make a temporary file in %s", whole->folder);
	try_(source_map(whole->path, whole->fd, whole->size, ret));
	(*ret)->state->unpacked = true;
	return NULL;
}

void whole_free(struct whole *whole)
{
	if (whole->buffer && whole->fd >= 0)
		close(whole->fd);
	free(whole->buffer);
	*whole = (struct whole){.fd = -1};
}
