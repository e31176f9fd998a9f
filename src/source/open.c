/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening a file as a source, and what is packed in it, level by level.
 */
#include "source/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>

#define STANDARD_INPUT "standard input"

/* What files are packed by; no two of them begin alike. */
static const struct container *const containers[] = {
	&container_gzip,
	&container_xz,
	&container_stream,
	&container_archive,
};

/* Counts a level: what was unpacked of it, and of the files that are used beside it. */
static void count_level(struct source_options *options, const struct source *source)
{
	const struct source_state *state = source->state;
	source_count_unpacked(options, source);
	for (size_t i = 0; i < SOURCE_PAGE_FILES; i++)
		if (state->page_files[i])
			source_count_unpacked(options, state->page_files[i]);
	for (size_t i = 0; i < state->beside_count; i++)
		source_count_unpacked(options, state->beside[i]);
}

/* What of the same file was unpacked until here; it is kept with the source. */
static void begin_level(struct source_options *options, struct source *source)
{
	struct source_state *state = source->state;
	if (state->packed_first) {
		options->packed_first = state->packed_first;
		options->unpacked_before = state->unpacked_before;
		options->held_before = state->held_before;
	}
	if (!options->packed_first)
		options->packed_first = source->size;
	state->packed_first = options->packed_first;
	state->unpacked_before = options->unpacked_before;
	state->held_before = options->held_before;
}

/* Goes on to what was in a level. */
static void end_level(struct source_options *options, struct source *inner, unsigned int level)
{
	struct source_state *state = inner->state;
	count_level(options, inner);
	state->level = level + 1;
	state->packed_first = 0;
	options->number = 0;
	if (options->member)
		options->member += state->named;
	if (options->member && !*options->member)
		options->member = NULL;
}

static struct error *no_member(const struct source *source, const char *member)
{
	return error_new("'%s' has no file '%s': it is no archive", source_path(source), member);
}

struct error *source_unpack(struct source **source, const struct source_options *given)
{
	struct source_options own = given ? *given : (struct source_options){0};
	for (;;) {
		const char *name = NULL;
		const unsigned int level = (*source)->state->level;
		size_t i = 0;
		if (own.as_it_is && !own.member && !own.number)
			return NULL;
		while (i < array_size(containers) && !(name = containers[i]->probe(*source)))
			i++;
		if (!name)
			return own.member ? no_member(*source, own.member) : NULL;
		if (level == SOURCE_LEVELS_MAX)
			return error_new(
				"'%s' is packed more than %d times (%s, %s): unpack it first",
				source_path(*source), SOURCE_LEVELS_MAX, source_container(*source),
				name);
		begin_level(&own, *source);
		struct source *inner = NULL;
		struct error *error = containers[i]->open(*source, name, &own, &inner);
		if (error || !inner)
			/* cppcheck-suppress returnDanglingLifetime ; an error has no pointer to it */
			return error;
		*source = inner;
		end_level(&own, inner, level);
	}
}

/* Maps what can be mapped. `*ret` stays NULL where it is a pipe. */
static struct error *map_fd(const char *path, int fd, struct source **ret)
{
	struct stat st;
	uint64_t size = 0;
	if (fstat(fd, &st))
		return error_errno(errno, "can't open '%s'", path);
	if (S_ISDIR(st.st_mode))
		return error_new("'%s' is a folder, not a memory image", path);
	if (S_ISFIFO(st.st_mode))
		return NULL;
	if (S_ISREG(st.st_mode)) {
		size = (uint64_t)st.st_size;
	} else if (S_ISBLK(st.st_mode)) { /* fstat() knows no size */
		off_t end = lseek(fd, 0, SEEK_END);
		if (end < 0)
			return error_errno(errno, "can't find the size of '%s'", path);
		size = (uint64_t)end;
	} else {
		return error_new("'%s' is a %s, which can't be mapped: write the image to a file "
				 "first",
				 path,
				 S_ISSOCK(st.st_mode) ? "socket"
				 : isatty(fd)	      ? "terminal"
						      : "device");
	}
	if (!size)
		return error_new("'%s' is empty: nothing was written to it", path);
	return source_map(path, fd, size, ret);
}

/* Opens a path as it is. */
static struct error *open_path(const char *path, const struct source_options *options,
			       struct source **ret)
{
	/* Without O_NONBLOCK a pipe that nobody writes to would block here. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_errno(errno, "can't open '%s'", path);
	try_(map_fd(path, fd, ret));
	if (*ret)
		return NULL;
	/* Here it may: it waits for who writes, as everything that reads from a pipe does. */
	_cleanup_close_ int pipe = open(path, O_RDONLY | O_CLOEXEC);
	if (pipe < 0)
		return error_errno(errno, "can't open '%s'", path);
	return pipe_open(path, pipe, options, ret);
}

static struct error *open_packed(const char *path, const struct source_options *options,
				 struct source **ret)
{
	if (!strcmp(path, "-")) {
		try_(map_fd(STANDARD_INPUT, STDIN_FILENO, ret));
		return *ret ? NULL : pipe_open(STANDARD_INPUT, STDIN_FILENO, options, ret);
	}
	try_(split_open(path, options, ret));
	return *ret ? NULL : open_path(path, options, ret);
}

/* The archive's path in "ARCHIVE!FILE", of the longest that is there; NULL: it is no such path. */
static char *archive_of(const char *path)
{
	char *archive = NULL;
	if (!access(path, F_OK))
		return NULL;
	for (size_t i = strlen(path); i-- && !archive;) {
		if (path[i] != '!' || !i || !path[i + 1])
			continue;
		archive = alloc_strndup(path, i);
		if (access(archive, F_OK) && strcmp(archive, "-") != 0)
			free(take_ptr(archive));
	}
	return archive;
}

/* Opens what is to be unpacked: the file of a path, or an archive that is open. */
static struct error *open_first(const char *path, struct source_options *options,
				struct source **ret)
{
	_cleanup_free_ char *archive = options->archive ? NULL : archive_of(path);
	if (options->archive) {
		*ret = source_share(options->archive);
		return NULL;
	}
	if (archive)
		options->member = path + strlen(archive) + 1;
	return open_packed(archive ? archive : path, options, ret);
}

struct error *source_open(const char *path, const struct source_options *given, struct source **ret)
{
	_cleanup_source_ struct source *source = NULL;
	struct source_options options = given ? *given : (struct source_options){0};
	try_(open_first(path, &options, &source));
	if (!source) /* never: but that an error is not NULL, the analyzer can't see */
		return NULL;
	const bool inside = options.archive || options.member;
	struct error *error = source_unpack(&source, &options);
	if (error && (!options.lenient || inside))
		return error;
	source->state->refusal = error;
	if (inside) {
		free(source->state->path);
		source->state->path = alloc_strdup(path);
	}
	*ret = take_ptr(source);
	return NULL;
}
