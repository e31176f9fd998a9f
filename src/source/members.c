/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files in an archive one after the other, by libarchive: bounds for what is made to unpack to
 * more than anybody has, and checksums that libarchive passes over.
 */
#include <impscan/unpack.h>

#include <string.h>

#include <impscan/bytes.h>

#include "source/reader.h"

bool unpack_knows(const void *head, size_t size)
{
	static const struct container *const containers[] = {&container_gzip, &container_xz,
							     &container_stream, &container_archive};
	bool known = false;
	if (!size)
		return false;
	struct source *start = source_of_bytes("", head, size);
	for (size_t i = 0; !known && i < array_size(containers); i++)
		known = containers[i]->probe(start);
	source_close(start);
	return known;
}

#ifdef HAVE_LIBARCHIVE

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>

#include <impscan/alloc.h>

/* Deflate makes 1032 bytes of one at most, lists and programs some ten. */
#define RATIO_MAX  200
#define RATIO_FROM (64u << 20)

#define BLOCK_SIZE (64u << 10)

struct unpack {
	struct archive *archive;
	const char *label;
	bool raw;	/* a compressed file, not an archive */
	bool named;	/* a password was given */
	bool encrypted; /* the file that it stands at is */
	bool locked;	/* what failed last did since it is encrypted */
	int64_t unpacked;
	int64_t size; /* of the archive where it is known, else 0 */
	unpack_read_fn *read;
	void *context;
	struct error *error; /* of `read` */
	/* libarchive does not compare gzip's checksum, which stands at the end: here it is. */
	uint8_t tail[8];
	uint32_t crc;
};

static struct error *failure(struct unpack *unpack)
{
	_cleanup_free_ char *why =
		reader_failure(unpack->archive, unpack->named, unpack->encrypted, &unpack->locked);
	return error_new("%s: %s", unpack->label, why);
}

static struct unpack *unpack_new(const char *label, const char *password)
{
	struct unpack *unpack = alloc_new(struct unpack);
	unpack->archive = reader_new(READER_ARCHIVES | READER_COMPRESSED, password);
	unpack->label = label;
	unpack->named = password && *password;
	return unpack;
}

void unpack_free(struct unpack *unpack)
{
	if (!unpack)
		return;
	archive_read_free(unpack->archive);
	error_free(unpack->error);
	free(unpack);
}

static struct error *opened(struct unpack *unpack, int result, struct unpack **ret)
{
	struct error *error = NULL;
	*ret = NULL;
	if (result == ARCHIVE_OK || result == ARCHIVE_WARN) {
		*ret = unpack;
		return NULL;
	}
	error = unpack->error ? take_ptr(unpack->error) : failure(unpack);
	unpack_free(unpack);
	return error;
}

struct error *unpack_file(const char *path, const char *label, const char *password,
			  struct unpack **ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	struct unpack *unpack = unpack_new(label, password);
	if (end >= (off_t)sizeof(unpack->tail) &&
	    pread(fd, unpack->tail, sizeof(unpack->tail), end - (off_t)sizeof(unpack->tail)) < 0)
		return opened(unpack, ARCHIVE_FATAL, ret);
	return opened(unpack, archive_read_open_filename(unpack->archive, path, BLOCK_SIZE), ret);
}

struct error *unpack_memory(const void *data, size_t size, const char *label, const char *password,
			    struct unpack **ret)
{
	struct unpack *unpack = unpack_new(label, password);
	unpack->size = (int64_t)size;
	if (size >= sizeof(unpack->tail))
		memcpy(unpack->tail, (const char *)data + size - sizeof(unpack->tail),
		       sizeof(unpack->tail));
	return opened(unpack, archive_read_open_memory(unpack->archive, data, size), ret);
}

/* Keeps the last bytes of a stream. */
static void keep_tail(struct unpack *unpack, const void *data, size_t size)
{
	size_t keep = sizeof(unpack->tail), n = min_of(size, keep);
	memmove(unpack->tail, unpack->tail + n, keep - n);
	memcpy(unpack->tail + keep - n, (const char *)data + size - n, n);
}

static la_ssize_t on_read(struct archive *archive, void *context, const void **data)
{
	struct unpack *unpack = context;
	ssize_t n = unpack->read(unpack->context, data, &unpack->error);
	if (n < 0)
		archive_set_error(archive, EIO, "it can't be read");
	if (n > 0)
		keep_tail(unpack, *data, (size_t)n);
	return n;
}

struct error *unpack_stream(unpack_read_fn *read, void *context, const char *label,
			    const char *password, struct unpack **ret)
{
	struct unpack *unpack = unpack_new(label, password);
	unpack->read = read;
	unpack->context = context;
	return opened(unpack, archive_read_open(unpack->archive, unpack, NULL, on_read, NULL), ret);
}

bool unpack_locked(const struct unpack *unpack)
{
	return unpack->locked;
}

struct error *unpack_next(struct unpack *unpack, const char **name)
{
	for (;;) {
		struct archive_entry *entry = NULL;
		int result = reader_next_entry(unpack->archive, &entry);
		*name = NULL;
		if (result == ARCHIVE_EOF)
			return NULL;
		if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
			return unpack->error ? take_ptr(unpack->error) : failure(unpack);
		unpack->raw = archive_format(unpack->archive) == ARCHIVE_FORMAT_RAW;
		if (!unpack->raw && archive_entry_filetype(entry) != AE_IFREG)
			continue;
		unpack->encrypted = archive_entry_is_encrypted(entry) > 0;
		*name = unpack->raw ? "" : reader_name(entry);
		if (!*name)
			*name = "?";
		return NULL;
	}
}

ssize_t unpack_read(struct unpack *unpack, void *to, size_t size, struct error **error)
{
	ssize_t n = archive_read_data(unpack->archive, to, size);
	if (n < 0) {
		*error = unpack->error ? take_ptr(unpack->error) : failure(unpack);
		return -1;
	}
	unpack->unpacked += n;
	unpack->crc = lzma_crc32(to, (size_t)n, unpack->crc);
	if (!n && unpack->raw && archive_filter_code(unpack->archive, 0) == ARCHIVE_FILTER_GZIP &&
	    (le32(unpack->tail) != unpack->crc ||
	     le32(unpack->tail + 4) != (uint32_t)unpack->unpacked)) {
		*error = error_new("%s: is damaged (its checksum is wrong), or has more behind it: "
				   "unpack it with gzip",
				   unpack->label);
		return -1;
	}
	int64_t packed = max_of((int64_t)archive_filter_bytes(unpack->archive, -1), unpack->size);
	if (unpack->unpacked > RATIO_FROM && unpack->unpacked / RATIO_MAX > packed) {
		*error = error_new("%s: unpacks to more than %d times its size: it is made to fill "
				   "memory, and not read further",
				   unpack->label, RATIO_MAX);
		return -1;
	}
	return n;
}

#else

static struct error *not_built(const char *label)
{
	return error_new("%s: is packed, and this impscan was built without libarchive (Debian's "
			 "package libarchive-dev): unpack it",
			 label);
}

struct error *unpack_file(const char *path, const char *label, const char *password,
			  struct unpack **ret)
{
	(void)path, (void)password, (void)ret;
	return not_built(label);
}

struct error *unpack_memory(const void *data, size_t size, const char *label, const char *password,
			    struct unpack **ret)
{
	(void)data, (void)size, (void)password, (void)ret;
	return not_built(label);
}

struct error *unpack_stream(unpack_read_fn *read, void *context, const char *label,
			    const char *password, struct unpack **ret)
{
	(void)read, (void)context, (void)password, (void)ret;
	return not_built(label);
}

void unpack_free(struct unpack *unpack)
{
	(void)unpack;
}

bool unpack_locked(const struct unpack *unpack)
{
	(void)unpack;
	return false;
}

struct error *unpack_next(struct unpack *unpack, const char **name)
{
	(void)unpack;
	*name = NULL;
	return NULL;
}

ssize_t unpack_read(struct unpack *unpack, void *to, size_t size, struct error **error)
{
	(void)unpack, (void)to, (void)size, (void)error;
	return 0;
}

#endif
