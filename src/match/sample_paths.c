/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listing the sample files that a path stands for.
 *
 * Folders are kept in a list and opened one after the other, so folders may be nested to any depth.
 * Links to folders are not followed, so there are no loops.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <impscan/alloc.h>
#include <impscan/sample.h>

struct paths {
	char **items;
	size_t count;
	size_t capacity;
};

static void paths_free(struct paths *paths)
{
	samples_list_free(paths->items, paths->count);
	*paths = (struct paths){0};
}

static void paths_add(struct paths *paths, char *path)
{
	*array_push(paths->items, paths->count, paths->capacity) = path;
}

void samples_list_free(char **paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	free(paths);
}

/* A line about a path that is passed over. */
static void warn(struct text *warnings, const char *path, const char *what, int number)
{
	if (!warnings)
		return;
	char system[128];
	text_add_printable(warnings, path);
	text_add_format(warnings, ": %s: %s\n", what, strerror_r(number, system, sizeof(system)));
}

static char *join(const char *folder, const char *name)
{
	size_t n = strlen(folder);
	return alloc_printf("%s%s%s", folder, n && folder[n - 1] == '/' ? "" : "/", name);
}

/* Sorts one entry of a folder in: to be walked, to be read, or neither. Takes `path`. */
static void take_entry(char *path, struct paths *folders, struct paths *files,
		       struct text *warnings)
{
	_cleanup_free_ char *owned = path;
	struct stat status;
	if (lstat(path, &status)) {
		warn(warnings, path, "can't be read", errno);
		return;
	}
	if (S_ISDIR(status.st_mode)) {
		paths_add(folders, take_ptr(owned));
		return;
	}
	if (S_ISLNK(status.st_mode) && stat(path, &status)) {
		warn(warnings, path, "leads nowhere", errno);
		return;
	}
	if (S_ISREG(status.st_mode))
		paths_add(files, take_ptr(owned));
}

/* Returns 0 or an errno value. */
static int walk_folder(const char *folder, struct paths *folders, struct paths *files,
		       struct text *warnings)
{
	DIR *dir = opendir(folder);
	if (!dir)
		return errno;
	int number;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		number = errno;
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			take_entry(join(folder, entry->d_name), folders, files, warnings);
	}
	closedir(dir);
	return number;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct error *samples_list(const char *path, char ***ret, size_t *count, struct text *warnings)
{
	*ret = NULL;
	*count = 0;
	struct stat status;
	if (stat(path, &status))
		return error_errno(errno, "%s: can't be read", path);
	_cleanup_(paths_free)
	struct paths files = {0};
	_cleanup_(paths_free)
	struct paths folders = {0};
	if (S_ISDIR(status.st_mode)) {
		int number = walk_folder(path, &folders, &files, warnings);
		if (number)
			return error_errno(number, "%s: can't be read", path);
	} else if (!S_ISREG(status.st_mode)) {
		return error_new("%s: neither a file nor a folder", path);
	} else if (access(path, R_OK)) {
		return error_errno(errno, "%s: can't be read", path);
	} else {
		paths_add(&files, alloc_strdup(path));
	}
	while (folders.count) {
		_cleanup_free_ char *folder = folders.items[--folders.count];
		int number = walk_folder(folder, &folders, &files, warnings);
		if (number)
			warn(warnings, folder, "can't be read", number);
	}
	if (files.count)
		qsort(files.items, files.count, sizeof(*files.items), compare_paths);
	*count = files.count;
	*ret = take_ptr(files.items);
	files.count = 0;
	return NULL;
}
