/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The set of profiles of a run. Of one that is compiled in only the header is parsed until it is
 * asked for. One that the user adds is parsed in full at once, so that its errors come before any
 * work.
 */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "shipped.h"

struct profile_entry {
	struct profile *header; /* for the summary */
	struct profile *full;	/* NULL until asked for; the same as header when added */
	const struct profile_shipped *shipped; /* NULL when added */
};

struct profiles {
	struct profile_entry *entries; /* sorted by compare() */
	size_t count;
	size_t capacity;
};

static int compare(const void *a, const void *b)
{
	const struct profile *x = ((const struct profile_entry *)a)->header;
	const struct profile *y = ((const struct profile_entry *)b)->header;
	if (x->architecture != y->architecture)
		return x->architecture < y->architecture ? -1 : 1;
	if (x->build_first != y->build_first)
		return x->build_first < y->build_first ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void sort(struct profiles *profiles)
{
	if (profiles->count)
		qsort(profiles->entries, profiles->count, sizeof(*profiles->entries), compare);
}

static void entry_clear(struct profile_entry *entry)
{
	if (entry->full != entry->header)
		profile_free(entry->full);
	profile_free(entry->header);
}

struct error *profiles_new(struct profiles **ret)
{
	*ret = NULL;
	_cleanup_profiles_ struct profiles *profiles = alloc_new(struct profiles);
	for (uint64_t i = 0; i < profile_shipped_count; i++) {
		const struct profile_shipped *shipped = &profile_shipped[i];
		struct profile *header;
		try_(error_prefix(
			profile_parse_header(shipped->start, shipped->size, shipped->name, &header),
			"built-in profile"));
		free(header->origin);
		header->origin = alloc_strdup("built in");
		struct profile_entry *entry =
			array_push(profiles->entries, profiles->count, profiles->capacity);
		*entry = (struct profile_entry){.header = header, .shipped = shipped};
	}
	sort(profiles);
	*ret = take_ptr(profiles);
	return NULL;
}

void profiles_free(struct profiles *profiles)
{
	if (!profiles)
		return;
	for (size_t i = 0; i < profiles->count; i++)
		entry_clear(&profiles->entries[i]);
	free(profiles->entries);
	free(profiles);
}

/* The text of a file of up to PROFILE_TEXT_LIMIT bytes. The caller frees it. */
static struct error *read_file(const char *path, char **text, size_t *length)
{
	_cleanup_file_ FILE *file = NULL;
	try_(open_regular(path, "profile", &file));
	_cleanup_free_ char *data = alloc_zero(PROFILE_TEXT_LIMIT + 1, 1);
	size_t size = fread(data, 1, PROFILE_TEXT_LIMIT + 1, file);
	if (ferror(file))
		return error_errno(errno, "can't read profile '%s'", path);
	*length = size;
	*text = take_ptr(data);
	return NULL;
}

struct error *profiles_add_file(struct profiles *profiles, const char *path)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	try_(read_file(path, &text, &length));
	struct profile *profile;
	try_(profile_parse(text, length, path, &profile));
	struct profile_entry *entry = NULL;
	for (size_t i = 0; i < profiles->count && !entry; i++)
		if (!strcmp(profiles->entries[i].header->name, profile->name))
			entry = &profiles->entries[i];
	if (entry)
		entry_clear(entry);
	else
		entry = array_push(profiles->entries, profiles->count, profiles->capacity);
	*entry = (struct profile_entry){.header = profile, .full = profile};
	sort(profiles);
	return NULL;
}

static int is_yaml(const struct dirent *entry)
{
	static const char suffix[] = ".yaml";
	size_t length = strlen(entry->d_name);
	return entry->d_name[0] != '.' && length > strlen(suffix) &&
	       !strcmp(entry->d_name + length - strlen(suffix), suffix);
}

struct error *profiles_add_directory(struct profiles *profiles, const char *path)
{
	struct dirent **files;
	int count = scandir(path, &files, is_yaml, alphasort);
	if (count < 0)
		return error_errno(errno, "can't read the profiles' folder '%s'", path);
	struct error *error = NULL;
	if (!count)
		error = error_new("there is no *.yaml in the profiles' folder '%s'", path);
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *file = alloc_printf("%s/%s", path, files[i]->d_name);
		if (!error)
			error = profiles_add_file(profiles, file);
		free(files[i]);
	}
	free(files);
	return error;
}

size_t profiles_count(const struct profiles *profiles)
{
	return profiles->count;
}

struct profile_summary profiles_summary(const struct profiles *profiles, size_t i)
{
	const struct profile_entry *entry = &profiles->entries[i];
	const struct profile *header = entry->header;
	return (struct profile_summary){
		.name = header->name,
		.description = header->description,
		.variant = header->variant,
		.source = header->source,
		.origin = header->origin,
		.architecture = header->architecture,
		.build_first = header->build_first,
		.build_last = header->build_last,
		.added = !entry->shipped,
	};
}

struct error *profiles_get(struct profiles *profiles, size_t i, const struct profile **ret)
{
	struct profile_entry *entry = &profiles->entries[i];
	*ret = NULL;
	if (!entry->full) {
		const struct profile_shipped *shipped = entry->shipped;
		try_(error_prefix(
			profile_parse(shipped->start, shipped->size, shipped->name, &entry->full),
			"built-in profile"));
		free(entry->full->origin);
		entry->full->origin = alloc_strdup("built in");
	}
	*ret = entry->full;
	return NULL;
}

size_t profiles_match(const struct profiles *profiles, enum architecture architecture,
		      uint32_t build, size_t *found, size_t limit)
{
	size_t count = 0;
	for (int shipped = 0; shipped <= 1; shipped++) {
		for (size_t i = 0; i < profiles->count; i++) {
			const struct profile_entry *entry = &profiles->entries[i];
			const struct profile *header = entry->header;
			if ((entry->shipped != NULL) != shipped ||
			    header->architecture != architecture || build < header->build_first ||
			    build > header->build_last)
				continue;
			if (count < limit)
				found[count] = i;
			count++;
		}
	}
	return count;
}
