/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files in an archive one after the other, each as a stream of bytes: for what is read once and
 * need not stay, as lists and samples. Only the formats that these come in are enabled, so that no
 * others' parsers are reached. What an image is packed in, source_open() unpacks.
 *
 * Room: source.
 */
#ifndef IMPSCAN_UNPACK_H
#define IMPSCAN_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <impscan/error.h>

struct unpack;

/* Is it an archive (zip, 7z, tar) or a compressed file (gz, bz2, xz, zst, lz4), by its first bytes? */
bool unpack_knows(const void *head, size_t size);

/* Is it a 7-Zip archive, by its first bytes? Its table is at the end, so no stream can be one. */
bool unpack_knows_7zip(const void *head, size_t size);

/*
 * Opens an archive. `label` is its name for sentences, and must outlive it, as what is read from.
 *
 * password: is tried for what is encrypted, before "infected"; NULL or "": only that. Need not
 * outlive the call.
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
			    const char *password, struct unpack **ret);

void unpack_free(struct unpack *unpack);
DEFINE_CLEANUP(struct unpack, unpack_free)
#define _cleanup_unpack_ _cleanup_(unpack_free_p)

/* Tells whether what failed last did since the archive is encrypted. */
bool unpack_locked(const struct unpack *unpack);

/*
 * Goes to the next regular file: its name, valid until the next call, as UTF-8 whatever the locale,
 * or as the archive has it where that does not say in which encoding; "" for what a compressed file
 * holds; NULL at the end.
 */
struct error *unpack_next(struct unpack *unpack, const char **name);

/*
 * Reads bytes of the file that it stands at: how many; 0 at its end, -1 with `*error` set. What
 * unpacks to very much more than it takes packed is an error.
 */
ssize_t unpack_read(struct unpack *unpack, void *to, size_t size, struct error **error);

#endif
