/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A folder of minidumps, one of each process, is given as one image: it stands for all of them. So
 * does an archive of several images.
 */
#include "cli/image_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>

bool path_is_folder(const char *path)
{
	struct stat st;
	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Does the file begin as a minidump? Whatever else it is, image_open() will say. */
static bool is_dump(const char *path)
{
	char magic[4];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	return fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	       pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       !memcmp(magic, "MDMP", sizeof(magic));
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Appends the dumps of a folder to options->found, sorted; returns how many there are. */
static size_t find_dumps(struct options *options, const char *folder)
{
	const size_t length = strlen(folder), first = options->found_count;
	const char *slash = length && folder[length - 1] == '/' ? "" : "/";
	DIR *directory = opendir(folder);
	struct dirent *entry;
	while (directory && (entry = readdir(directory))) {
		char *path = alloc_printf("%s%s%s", folder, slash, entry->d_name);
		if (is_dump(path))
			*array_push(options->found, options->found_count, options->found_capacity) =
				path;
		else
			free(path);
	}
	if (directory)
		closedir(directory);
	const size_t count = options->found_count - first;
	if (count)
		qsort(options->found + first, count, sizeof(*options->found), compare_paths);
	return count;
}

struct error *image_folder_error(const char *path)
{
	if (!path_is_folder(path))
		return NULL;
	DIR *directory = opendir(path);
	if (!directory)
		return error_errno(errno, "can't read the folder '%s'", path);
	closedir(directory);
	return error_new("'%s' is a folder in which no file is a minidump: give an image of memory "
			 "by its own path",
			 path);
}

/* "ARCHIVE!FILE" or "FOLDER/FILE", which belongs to the options. */
static const char *name_in(struct options *options, const char *whole, char between,
			   const char *name)
{
	char *path = alloc_printf("%s%c%s", whole, between, name);
	*array_push(options->found, options->found_count, options->found_capacity) = path;
	return path;
}

void image_folders_expand(struct options *options)
{
	struct evidence *images = NULL;
	size_t count = 0, capacity = 0;
	for (size_t i = 0; i < options->image_count; i++) {
		const struct evidence evidence = options->images[i];
		size_t first = options->found_count;
		size_t dumps =
			path_is_folder(evidence.path) ? find_dumps(options, evidence.path) : 0;
		if (!dumps)
			*array_push(images, count, capacity) = evidence;
		for (size_t d = 0; d < dumps; d++) {
			struct evidence dump = evidence;
			dump.path = options->found[first + d];
			if (evidence.label && dumps > 1)
				dump.label =
					name_in(options, evidence.label, '/', basename(dump.path));
			*array_push(images, count, capacity) = dump;
		}
	}
	free(options->images);
	options->images = images;
	options->image_count = count;
	options->image_capacity = capacity;
}

bool image_archive_expand(struct options *options, size_t image, const struct source *source)
{
	size_t count, capacity = 0, images = 0;
	const struct source_other *others = source_others(source, &count);
	struct evidence *all = NULL;
	if (!count)
		return false;
	for (size_t i = 0; i < options->image_count; i++) {
		const struct evidence evidence = options->images[i];
		if (i != image)
			*array_push(all, images, capacity) = evidence;
		for (size_t k = 0; i == image && k < count; k++) {
			const struct source *archive =
				others[k].archive ? others[k].archive : source;
			struct evidence other = evidence;
			other.path = name_in(options, evidence.path, '!', others[k].name);
			if (evidence.label)
				other.label = name_in(options, evidence.label, '!', others[k].name);
			other.archive = source_share(archive);
			other.number = others[k].number;
			*array_push(all, images, capacity) = other;
		}
		if (i == image)
			source_close(evidence.archive);
	}
	free(options->images);
	options->images = all;
	options->image_count = images;
	options->image_capacity = capacity;
	return true;
}
