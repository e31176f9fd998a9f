/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See vmware_files.h. */
#include "vmware_files.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>

/* Names of a folder that are looked at, and files that are kept, at most. */
#define NAMES_MAX 65536
#define FILES_MAX 64

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* The length of a name without its extension. */
static size_t stem_length(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

bool vmware_has_extension(const char *path, const char *extension)
{
	const char *name = base_name(path);
	return !strcasecmp(name + stem_length(name), extension);
}

static struct vmware_file compare_names(const char *a, const char *b)
{
	const size_t length = stem_length(a), other = stem_length(b),
		     common = min_of(length, other);
	if (strncasecmp(a, b, common) != 0)
		return (struct vmware_file){.kin = VMWARE_OTHER};
	if (length == other)
		return (struct vmware_file){.kin = VMWARE_SAME};
	return (struct vmware_file){.kin = VMWARE_PREFIX, .common = common};
}

enum vmware_kin vmware_kin_of(const char *path, const char *other)
{
	return compare_names(base_name(path), base_name(other)).kin;
}

static int compare_files(const void *a, const void *b)
{
	const struct vmware_file *x = a, *y = b;
	if (x->kin != y->kin)
		return x->kin < y->kin ? -1 : 1;
	if (x->common != y->common)
		return x->common > y->common ? -1 : 1;
	if (x->extension != y->extension)
		return x->extension < y->extension ? -1 : 1;
	return strcmp(x->path, y->path);
}

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

void vmware_files_find(const char *path, const char *const *extensions, size_t extension_count,
		       struct vmware_files *files)
{
	const char *name = base_name(path);
	_cleanup_free_ char *prefix = alloc_strndup(path, (size_t)(name - path));
	DIR *folder __attribute__((cleanup(close_folder))) = opendir(*prefix ? prefix : ".");
	const struct dirent *entry;
	*files = (struct vmware_files){0};
	for (size_t n = 0; folder && n < NAMES_MAX && (entry = readdir(folder)); n++) {
		if (!strcmp(entry->d_name, name))
			continue;
		for (size_t i = 0; i < extension_count; i++) {
			if (!vmware_has_extension(entry->d_name, extensions[i]))
				continue;
			struct vmware_file file = compare_names(name, entry->d_name);
			file.path = alloc_printf("%s%s", prefix, entry->d_name);
			file.extension = i;
			*array_push(files->items, files->count, files->capacity) = file;
		}
	}
	if (files->count)
		qsort(files->items, files->count, sizeof(*files->items), compare_files);
	while (files->count > FILES_MAX)
		free(files->items[--files->count].path);
}

void vmware_files_free(struct vmware_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->items[i].path);
	free(files->items);
	*files = (struct vmware_files){0};
}
