/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a source with libarchive, which asks for it by callbacks.
 */
#include "source/unpacker.h"

#include <errno.h>
#include <stdlib.h>

#ifdef HAVE_LIBARCHIVE

/* What is given at once of a source that is lazy. Of others it is all, so that nothing is copied. */
#define CHUNK (UINT64_C(1) << 20)

static la_ssize_t read_some(struct archive *archive, void *context, const void **bytes)
{
	struct unpacker *unpacker = context;
	const struct source *source = unpacker->source;
	uint64_t size = source->size - unpacker->at;
	(void)archive;
	if (source->lazy)
		size = min_of(size, CHUNK);
	if (!size) {
		unpacker->ended = true;
		return 0;
	}
	*bytes = source_bytes(source, unpacker->at, size);
	if (!*bytes) {
		archive_set_error(archive, EIO, "what it is in can't be unpacked");
		return -1;
	}
	unpacker->at += size;
	return (la_ssize_t)size;
}

static la_int64_t skip_some(struct archive *archive, void *context, la_int64_t request)
{
	struct unpacker *unpacker = context;
	(void)archive;
	uint64_t size = min_of((uint64_t)request, unpacker->source->size - unpacker->at);
	unpacker->at += size;
	return (la_int64_t)size;
}

static la_int64_t seek_to(struct archive *archive, void *context, la_int64_t offset, int whence)
{
	struct unpacker *unpacker = context;
	const int64_t size = (int64_t)unpacker->source->size;
	int64_t base = whence == SEEK_CUR ? (int64_t)unpacker->at : whence == SEEK_END ? size : 0;
	(void)archive;
	if (__builtin_add_overflow(base, offset, &base) || base < 0)
		return ARCHIVE_FATAL;
	unpacker->at = (uint64_t)min_of(base, size);
	return (la_int64_t)unpacker->at;
}

const char *source_archive_version(void)
{
	const char *version = archive_version_string(), *number = strrchr(version, ' ');
	return number ? number + 1 : version;
}

struct error *unpacker_failure(const struct unpacker *unpacker)
{
	bool locked;
	_cleanup_free_ char *why =
		reader_failure(unpacker->archive, unpacker->named, unpacker->encrypted, &locked);
	return error_new("'%s' %s", source_path(unpacker->source), why);
}

struct error *unpacker_open(struct unpacker *unpacker, const struct source *source,
			    struct archive *archive)
{
	*unpacker = (struct unpacker){.source = source, .archive = archive};
	archive_read_set_read_callback(archive, read_some);
	archive_read_set_skip_callback(archive, skip_some);
	archive_read_set_seek_callback(archive, seek_to);
	archive_read_set_callback_data(archive, unpacker);
	if (archive_read_open1(archive) != ARCHIVE_OK)
		return unpacker_failure(unpacker);
	return NULL;
}

void unpacker_close(struct unpacker *unpacker)
{
	if (unpacker->archive)
		archive_read_free(unpacker->archive);
	unpacker->archive = NULL;
}

/* Unpacks what is left of the current entry, for nothing. */
static int pass_over(struct unpacker *unpacker, uint64_t most, struct error **error)
{
	const void *bytes;
	size_t size;
	la_int64_t offset;
	for (;;) {
		int result = archive_read_data_block(unpacker->archive, &bytes, &size, &offset);
		if (result == ARCHIVE_RETRY)
			continue;
		if (result != ARCHIVE_OK)
			return result;
		unpacker->passed += size;
		if (unpacker->passed > most) {
			*error = whole_too_much(source_path(unpacker->source), most);
			return ARCHIVE_FATAL;
		}
	}
}

int unpacker_next(struct unpacker *unpacker, uint64_t most, struct archive_entry **entry,
		  struct error **error)
{
	if (unpacker->entered && archive_format(unpacker->archive) == ARCHIVE_FORMAT_7ZIP) {
		int result = pass_over(unpacker, most, error);
		if (result != ARCHIVE_EOF)
			return result;
	}
	int result = reader_next_entry(unpacker->archive, entry);
	unpacker->entered = result == ARCHIVE_OK || result == ARCHIVE_WARN;
	return result;
}

struct error *unpacker_add_all(struct unpacker *unpacker, struct whole *whole, bool *cut)
{
	const void *bytes;
	size_t size;
	la_int64_t offset;
	const uint64_t base = whole->size;
	for (*cut = false;;) {
		int result = archive_read_data_block(unpacker->archive, &bytes, &size, &offset);
		if (result == ARCHIVE_EOF)
			return NULL;
		if (result == ARCHIVE_RETRY)
			continue;
		/* What ends before its first byte is damaged, or encrypted. */
		if (result != ARCHIVE_OK && unpacker->ended && whole->size > base) {
			*cut = true;
			return NULL;
		}
		if (result != ARCHIVE_OK)
			return unpacker_failure(unpacker);
		const uint64_t at = base + (uint64_t)offset;
		if (offset < 0 || at < whole->size)
			return error_new("'%s' can't be unpacked: its parts overlap",
					 source_path(unpacker->source));
		whole->read = (uint64_t)archive_filter_bytes(unpacker->archive, -1);
		try_(whole_add_zeros(whole, at - whole->size));
		try_(whole_add(whole, bytes, size));
	}
}
#else
const char *source_archive_version(void)
{
	return "not built in";
}
#endif
