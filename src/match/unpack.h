/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: archives and compressed files, by libarchive. Only the formats that lists
 * and samples come in are enabled, so that no others' parsers are reached.
 */
#ifndef IMPSCAN_MATCH_UNPACK_H
#define IMPSCAN_MATCH_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <impscan/error.h>

struct unpack;

/* Is it an archive (zip, 7z, tar) or a compressed file (gz, bz2, xz, zst), by its first bytes? */
bool unpack_knows(const void *head, size_t size);

/*
 * Opens an archive. `label` is its name for sentences, and must outlive it, as what is read from.
 *
 * password: is tried for what is encrypted, after "infected"; NULL: only that.
 *
 * Fails where it is no archive, and where this impscan was built without libarchive.
 */
struct error *unpack_file(const char *path, const char *label, const char *password,
			  struct unpack **ret);
struct error *unpack_memory(const void *data, size_t size, const char *label, const char *password,
			    struct unpack **ret);

/* The same from a stream, which gives bytes until it returns 0, or -1 with an error. */
typedef ssize_t unpack_read_fn(void *context, const void **data, struct error **error);
struct error *unpack_stream(unpack_read_fn *read, void *context, const char *label,
			    struct unpack **ret);

void unpack_free(struct unpack *unpack);
DEFINE_CLEANUP(struct unpack, unpack_free)
#define _cleanup_unpack_ _cleanup_(unpack_free_p)

/*
 * Goes to the next regular file: its name, valid until the next call; "" for what a compressed file
 * holds; NULL at the end.
 */
struct error *unpack_next(struct unpack *unpack, const char **name);

/*
 * Reads bytes of the file that it stands at: how many; 0 at its end, -1 with `*error` set. What
 * unpacks to very much more than it takes packed is an error.
 */
ssize_t unpack_read(struct unpack *unpack, void *to, size_t size, struct error **error);

#endif
