/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `source`: what is behind a source.
 */
#ifndef IMPSCAN_SOURCE_INTERNAL_H
#define IMPSCAN_SOURCE_INTERNAL_H

#include <impscan/place_index.h>
#include <impscan/source.h>
#include <impscan/text.h>

/* What a kind of lazy source does; `own` is its state. */
struct source_kind {
	uint64_t (*ready)(void *own, uint64_t offset, uint64_t size); /* within the source */
	char *(*failure)(void *own);
	uint64_t (*unpacked)(void *own, uint64_t *all);
	void (*free)(void *own);
};

struct source_state {
	char *path;
	uint64_t present; /* bytes that are not in holes, by the file system; without extents */
	struct source_extent *extents;
	size_t extent_count;
	struct place_index extent_index;
	uint64_t *data_pages;
	bool mapped; /* whether source_close() unmaps `data` */
	struct source *below;
	/* Of a lazy source. */
	const struct source_kind *kind;
	void *own;
};

/* A source with nothing but a name and its bytes. */
struct source *source_new(const char *path, const void *data, uint64_t size);

/*
 * Finds the holes of the source's file, which is open as `fd`. There are none where the file system
 * doesn't know them.
 */
void source_find_extents(struct source *source, int fd);

/* Maps `size` bytes of a file that is open as `fd`, which the caller closes. */
struct error *source_map(const char *path, int fd, uint64_t size, struct source **ret);

/*
 * Creates a file without a name, in the folder that TMPDIR names or in /var/tmp. `*folder` is where
 * it is; it need not be freed.
 */
struct error *temporary_file(int *fd, const char **folder);

/* Tells what source_options says should be told. */
void source_tell(const struct source_options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
