/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Samples in archives: one member at a time is unpacked to memory, hashed and forgotten. An archive
 * in an archive is unpacked as well, one in that is not.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/sample.h>
#include <impscan/unpack.h>

#include "sample_file.h"

#define LEVELS	    2
#define HEAD_SIZE   512
#define MEMBER_MAX  (96u << 20) /* bytes of one member in memory */
#define ARCHIVE_MAX (UINT64_C(2) << 30)
#define MEMBERS_MAX 100000

struct reading {
	const char *password;
	bool impset;
	struct imports *scratch;
	struct sample *samples;
	size_t count;
	size_t capacity;
	uint64_t unpacked; /* bytes of all members */
	size_t members;
	bool stopped; /* a limit was reached, which is told */
};

static struct sample *add(struct reading *r, char *path)
{
	struct sample *sample = array_push(r->samples, r->count, r->capacity);
	sample->path = path;
	return sample;
}

/* A sample that is only a reason. */
static void add_failure(struct reading *r, const char *path, const char *reason)
{
	struct sample *sample = add(r, alloc_strdup(path));
	sample->status = IMPORTS_UNREADABLE;
	snprintf(sample->reason, sizeof(sample->reason), "%s", reason);
}

static void add_error(struct reading *r, const char *path, const struct unpack *unpack,
		      struct error *error)
{
	const char *message = error_message(error);
	size_t n = strlen(path);
	/* The path is shown beside it. */
	add_failure(r, path,
		    !strncmp(message, path, n) && !strncmp(message + n, ": ", 2) ? message + n + 2
										 : message);
	r->samples[r->count - 1].locked = unpack && unpack_locked(unpack);
	error_free(error);
}

static void read_archive(struct reading *r, struct unpack *unpack, const char *path, int level);

/* Unpacks a member to memory. Returns false where that was told instead. */
static bool unpack_member(struct reading *r, struct unpack *unpack, const char *path,
			  struct text *bytes)
{
	_cleanup_free_ char *piece = alloc_resize(NULL, HEAD_SIZE * 128, 1);
	for (;;) {
		struct error *error = NULL;
		ssize_t n = unpack_read(unpack, piece, HEAD_SIZE * 128, &error);
		if (n < 0) {
			add_error(r, path, unpack, error);
			return false;
		}
		if (!n)
			return true;
		r->unpacked += (uint64_t)n;
		if (bytes->length + (size_t)n > MEMBER_MAX) {
			add_failure(r, path, "larger than 96 MB: unpack it");
			return false;
		}
		if (r->unpacked > ARCHIVE_MAX) {
			add_failure(r, path, "the archive has more than 2 GB: unpack it");
			r->stopped = true;
			return false;
		}
		text_add(bytes, piece, (size_t)n);
	}
}

static void read_member(struct reading *r, struct unpack *unpack, const char *path, int level)
{
	_cleanup_text_ struct text bytes = {0};
	if (!unpack_member(r, unpack, path, &bytes))
		return;
	if (!bytes.length) {
		add_failure(r, path, "empty");
		return;
	}
	if (unpack_knows(bytes.data, bytes.length)) {
		_cleanup_unpack_ struct unpack *inner = NULL;
		struct error *error = NULL;
		if (level >= LEVELS)
			add_failure(r, path, "an archive in an archive in an archive: unpack it");
		else if ((error = unpack_memory(bytes.data, bytes.length, path, r->password,
						&inner)))
			add_error(r, path, NULL, error);
		else
			read_archive(r, inner, path, level + 1);
		return;
	}
	struct pe_reader reader = pe_reader_bytes(bytes.data, bytes.length, PE_LAYOUT_FILE);
	sample_hash(add(r, alloc_strdup(path)), &reader, r->impset, r->scratch);
}

static void read_archive(struct reading *r, struct unpack *unpack, const char *path, int level)
{
	while (!r->stopped) {
		const char *name;
		struct error *error = unpack_next(unpack, &name);
		if (error) {
			add_error(r, path, unpack, error);
			return;
		}
		if (!name)
			return;
		if (++r->members > MEMBERS_MAX) {
			add_failure(r, path, "more than 100000 files in it: unpack it");
			r->stopped = true;
			return;
		}
		_cleanup_free_ char *member =
			alloc_printf("%s!%s", path, *name ? name : "unpacked");
		read_member(r, unpack, member, level);
	}
}

/* Is the file an archive, by its first bytes? */
static bool is_archive(const char *path)
{
	char head[HEAD_SIZE];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));
	return n > 0 && unpack_knows(head, (size_t)n);
}

void samples_read(const char *path, const char *password, bool impset, struct imports *scratch,
		  struct sample **ret, size_t *count)
{
	struct reading r = {.password = password, .impset = impset, .scratch = scratch};
	if (is_archive(path)) {
		_cleanup_unpack_ struct unpack *unpack = NULL;
		struct error *error = unpack_file(path, path, password, &unpack);
		if (error)
			add_error(&r, path, NULL, error);
		else
			read_archive(&r, unpack, path, 1);
		if (!r.count)
			add_failure(&r, path, "an archive without a file in it");
	} else {
		sample_read(array_push(r.samples, r.count, r.capacity), path, impset, scratch);
	}
	*ret = r.samples;
	*count = r.count;
}

void samples_free(struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sample_free(&samples[i]);
	free(samples);
}
