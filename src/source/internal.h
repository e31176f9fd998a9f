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
	char *(*failure)(void *own); /* NULL: what is missing is told from the beginning */
	uint64_t (*unpacked)(void *own, uint64_t *all); /* NULL: it unpacks nothing */
	void (*free)(void *own);
};

/* Files of an archive, see source_others(). */
struct other_files {
	struct source_other *items;
	size_t count;
};

struct source_state {
	unsigned int shares; /* how often source_close() is called before it closes it */
	char *path;
	uint64_t file_size; /* see source_file_size(); 0: that of what it is made of */
	uint64_t present;   /* bytes that are not in holes, by the file system; without extents */
	struct source_extent *extents;
	size_t extent_count;
	struct place_index extent_index;
	uint64_t *data_pages;
	bool mapped;   /* whether source_close() unmaps `data` */
	bool unpacked; /* whether its bytes were packed in what it is made of, and count as that */
	struct source *below;
	char *container;
	char *name; /* see source_name(); NULL: the path */
	struct text warnings;
	struct error *refusal; /* see source_refusal(); NULL: none */
	struct source *page_files[SOURCE_PAGE_FILES];
	struct source **beside;
	size_t beside_count;
	size_t beside_capacity;
	struct other_files others;
	char *member; /* which of several files of an archive it is; NULL: there were no others */
	size_t named; /* how much of source_options.member is used up by it, in bytes */
	/* What was unpacked of the same file, to here: see source_options. */
	unsigned int level;
	uint64_t packed_first, unpacked_before, held_before;
	/* Of an archive that was looked into. */
	struct archive_session *session;
	void (*free_session)(void *session);
	/* Of a lazy source. */
	const struct source_kind *kind;
	void *own;
};

/* A source with nothing but a name and its bytes. */
struct source *source_new(const char *path, const void *data, uint64_t size);

/*
 * Puts files, whose names are behind `prefix` where that is not NULL, before the others of `list`, but
 * in the place of its first one.
 */
void other_files_take(struct other_files *list, struct other_files *files, const char *prefix);
void other_files_free(struct other_files *files);

/*
 * Finds the holes of the source's file, which is open as `fd`. There are none where the file system
 * doesn't know them.
 */
void source_find_extents(struct source *source, int fd);

/* The same of a file that lies at `base` of the source, one of several; then finish_extents(). */
struct extent_list {
	struct source *source;
	size_t capacity;
};
void source_add_extents(struct extent_list *list, int fd, uint64_t base, uint64_t size);

/* Adds what is not a hole, behind what was added before; or within its last page. */
void source_add_extent(struct extent_list *list, uint64_t start, uint64_t end);

/* Sets what a source needs for lookups, after all its extents are added. */
void source_finish_extents(struct extent_list *list);

/* Returns how many bytes of a file are on disk; `size` where that is not known. */
uint64_t source_bytes_held(int fd, uint64_t size);

/* Whether the holes of a file are worth looking for, that has `held` of `size` bytes on disk. */
bool source_is_hollow(uint64_t held, uint64_t size);

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

/* Adds a sentence to what source_warning() returns; sentences are joined by "; ". */
void source_warn(struct source *source, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Returns where the first byte from `at` on is that is not zero, or can't be read; or the end. */
uint64_t source_zeros_end(const struct source *source, uint64_t at);

/*
 * Warns of what lies from `at` on behind what is packed by `name` in `packed`, unless it is zeros.
 */
void source_warn_behind(struct source *source, const struct source *packed, uint64_t at,
			const char *name);

/*
 * Gives a source, made of what is packed in `below`, the name and the warnings of `below`, and adds
 * `container` to what they are packed in. With `keep` it keeps `below`, which is still read;
 * without, `below` is closed.
 */
void source_put_upon(struct source *source, struct source *below, const char *container, bool keep);

/* A source that is `size` bytes of another, at `offset`; then source_put_upon() with `keep`. */
struct source *source_window(const struct source *below, uint64_t offset, uint64_t size);

/* What is unpacked as a whole, on its way to a temporary file. */
struct whole {
	const char *path;
	const char *folder;
	int fd;		  /* -1: not open */
	uint64_t most;	  /* it may grow to this size, with what was unpacked before */
	uint64_t size;	  /* until now, with what is in the buffer */
	uint64_t written; /* bytes that are no holes */
	uint64_t checked; /* value of `written` when free space was looked at */
	uint8_t *buffer;
	size_t filled;
	const struct source_options *options; /* for progress; NULL: nobody is told */
	uint64_t packed;		      /* bytes that are unpacked; 0: not known */
	uint64_t read;			      /* bytes of them until now: who unpacks counts */
	/*
	 * A file of an archive that is only unpacked where its first bytes are those of what its name
	 * says, by options->judge(); NULL: whatever they are.
	 */
	const char *member;
};

/* To how many bytes `packed` bytes may be unpacked, with what was before: unpacked_before(). */
uint64_t whole_most(uint64_t packed, const struct source_options *options);

/* What of the same file was unpacked before, in bytes. */
static inline uint64_t unpacked_before(const struct source_options *options)
{
	return options ? options->unpacked_before : 0;
}

/* Counts what was unpacked, for what is unpacked of the same file next. */
void source_count_unpacked(struct source_options *options, const struct source *source);

/* That what is packed in `path` is unpacked to more than `most` bytes, and what may be done. */
struct error *whole_too_much(const char *path, uint64_t most);

/*
 * Begins to unpack `path`, of which `packed` bytes are unpacked to `size` bytes; 0: not known.
 * `container` is for what is told: "gzip".
 */
struct error *whole_begin(struct whole *whole, const char *path, const char *container,
			  uint64_t packed, uint64_t size, const struct source_options *options);

/* Adds bytes. Fails when they are too many, or there is no room for them. */
struct error *whole_add(struct whole *whole, const void *data, size_t size);

/* Adds `size` zeros. */
struct error *whole_add_zeros(struct whole *whole, uint64_t size);

/* Maps what was added, which must not be nothing. */
struct error *whole_finish(struct whole *whole, struct source **ret);

/* Releases what a whole has, finished or not. */
void whole_free(struct whole *whole);
#define _cleanup_whole_ _cleanup_(whole_free)

/* What files are packed by. */
struct container {
	/* Returns its name when the source is packed so, by its content, or NULL. */
	const char *(*probe)(const struct source *source);
	/*
	 * Opens what is packed in `source`, and puts it upon that. Leaves `*ret` NULL where it is
	 * something else after all. On failure `source` stays the caller's.
	 */
	struct error *(*open)(struct source *source, const char *name,
			      const struct source_options *options, struct source **ret);
};

extern const struct container container_gzip;
extern const struct container container_xz;
extern const struct container container_stream;
extern const struct container container_archive;

/* Digits at the end of a path, behind a point: how many; 0: there is no such number. */
size_t split_digits(const char *path);

/* Opens the parts of a split file, of which `path` is the first; leaves `*ret` NULL when it is none. */
struct error *split_open(const char *path, const struct source_options *options,
			 struct source **ret);

/* Reads all that comes through a pipe, open as `fd`, into a temporary file. `name` is for sentences. */
struct error *pipe_open(const char *name, int fd, const struct source_options *options,
			struct source **ret);

#endif
