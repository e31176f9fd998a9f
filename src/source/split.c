/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Split files: NAME.001, NAME.002 and so on (or from NAME.000), which are one file in parts. They
 * are mapped one behind the other where their sizes allow that, and else copied in pieces.
 */
#include "source/parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/source_pieces.h>

/* Parts that are looked for at most. */
#define PARTS_MAX 100000u
/* What is copied at once where parts can't be mapped behind each other. */
#define COPIED	  (UINT32_C(1) << 20)

struct part {
	char *path;
	int fd; /* -1: the part is missing, or empty */
	bool empty;
	uint64_t offset, size;
};

struct split {
	struct part *parts;
	size_t count;
	size_t missing;
	uint64_t size;
	bool sorted; /* whether all that are there can be mapped behind each other */
	/* What is wrong with the parts, joined by "; ". */
	struct text told;
};

static void split_free(struct split *split)
{
	for (size_t i = 0; i < split->count; i++) {
		if (split->parts[i].fd >= 0)
			close(split->parts[i].fd);
		free(split->parts[i].path);
	}
	free(split->parts);
	text_free(&split->told);
	*split = (struct split){0};
}

size_t split_digits(const char *path)
{
	size_t length = strlen(path), digits = 0;
	while (digits < length && path[length - 1 - digits] >= '0' &&
	       path[length - 1 - digits] <= '9')
		digits++;
	return digits >= 3 && digits <= 5 && digits < length && path[length - 1 - digits] == '.'
		       ? digits
		       : 0;
}

static char *path_of(const char *first, size_t digits, unsigned int number)
{
	size_t stem = strlen(first) - digits;
	return alloc_printf("%.*s%0*u", (int)stem, first, (int)digits, number);
}

static bool is_there(const char *path)
{
	struct stat status;
	return !stat(path, &status) && S_ISREG(status.st_mode);
}

/* The highest number of the parts that are in the folder. */
static unsigned int last_number(const char *first, size_t digits)
{
	const char *slash = strrchr(first, '/');
	const char *name = slash ? slash + 1 : first;
	_cleanup_free_ char *folder =
		slash ? alloc_strndup(first, (size_t)(slash - first) + 1) : alloc_strdup(".");
	unsigned int last = 0;
	size_t stem = strlen(name) - digits;
	DIR *directory = opendir(folder);
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		if (strlen(entry->d_name) != stem + digits ||
		    strncmp(entry->d_name, name, stem) != 0 ||
		    split_digits(entry->d_name) != digits)
			continue;
		unsigned int number = (unsigned int)strtoul(entry->d_name + stem, NULL, 10);
		last = max_of(last, number);
	}
	if (directory)
		closedir(directory);
	return last;
}

static struct error *open_part(struct split *split, char *path, size_t *capacity)
{
	struct part *part = array_push(split->parts, split->count, *capacity);
	*part = (struct part){.path = path, .fd = -1};
	if (!is_there(path))
		return NULL;
	struct stat status;
	part->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (part->fd < 0 || fstat(part->fd, &status))
		return error_errno(errno, "can't open '%s'", path);
	part->size = (uint64_t)status.st_size;
	if (!part->size) {
		close(part->fd);
		part->fd = -1;
		part->empty = true;
	}
	return NULL;
}

/* Gives all parts their places. */
static struct error *place_parts(struct split *split)
{
	const char *first = split->parts[0].path;
	_cleanup_free_ struct part_place *places = alloc_zero(split->count, sizeof(*places));
	_cleanup_free_ const char **names = alloc_zero(split->count, sizeof(*names));
	if (split->parts[0].fd < 0)
		return error_new("'%s' is empty: nothing was written to it", first);
	for (size_t i = 0; i < split->count; i++) {
		const struct part *part = &split->parts[i];
		names[i] = part->path;
		places[i] = (struct part_place){
			.size = part->size, .missing = part->fd < 0, .empty = part->empty};
	}
	const size_t count = parts_place(places, split->count);
	parts_tell(&split->told, names, places, split->count, count);
	for (size_t i = 0; i < count; i++) {
		split->parts[i].offset = places[i].offset;
		split->parts[i].size = places[i].size;
		split->missing += places[i].missing;
	}
	while (split->count > count) {
		struct part *part = &split->parts[--split->count];
		if (part->fd >= 0)
			close(part->fd);
		free(part->path);
	}
	split->sorted = true;
	for (size_t i = 0; i < count; i++) {
		const struct part *part = &split->parts[i];
		if (part->size > SOURCE_PIECES_END - split->size)
			return error_new("'%s' and its other parts are too large", first);
		split->size += part->size;
		split->sorted &= i + 1 == count || part->size % PAGE_SIZE == 0;
	}
	return NULL;
}

struct joined {
	struct split split;
	uint8_t *region;
};

static void joined_free(void *own)
{
	struct joined *joined = own;
	if (joined->region)
		munmap(joined->region, (size_t)joined->split.size);
	split_free(&joined->split);
	free(joined);
}

/* What of `split` is in a row from `offset` on. */
static uint64_t joined_ready(void *own, uint64_t offset, uint64_t size)
{
	const struct split *split = &((const struct joined *)own)->split;
	uint64_t at = offset;
	for (size_t i = 0; i < split->count && at < offset + size; i++) {
		const struct part *part = &split->parts[i];
		if (at - part->offset >= part->size)
			continue;
		if (part->fd < 0)
			break;
		at = part->offset + part->size;
	}
	return at - offset;
}

static const struct source_kind joined_kind = {
	.ready = joined_ready,
	.free = joined_free,
};

/* Maps the parts one behind the other. */
static struct error *map_parts(struct joined *joined)
{
	const struct split *split = &joined->split;
	void *region = mmap(NULL, (size_t)split->size, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (region == MAP_FAILED)
		return error_errno(errno, "can't map '%s'", split->parts[0].path);
	joined->region = region;
	for (size_t i = 0; i < split->count; i++) {
		const struct part *part = &split->parts[i];
		if (part->fd >= 0 &&
		    mmap(joined->region + part->offset, (size_t)part->size, PROT_READ,
			 MAP_SHARED | MAP_FIXED, part->fd, 0) == MAP_FAILED)
			return error_errno(errno, "can't map '%s'", part->path);
	}
	return NULL;
}

static void find_holes(struct source *source, const struct split *split)
{
	struct extent_list list = {.source = source};
	uint64_t held = 0;
	for (size_t i = 0; i < split->count; i++) {
		const struct part *part = &split->parts[i];
		held += part->fd < 0 ? 0 : source_bytes_held(part->fd, part->size);
	}
	source->state->present = held;
	if (!source_is_hollow(held, source->size))
		return;
	for (size_t i = 0; i < split->count; i++) {
		const struct part *part = &split->parts[i];
		/* What is missing is no hole: it is not zeros. */
		if (part->fd < 0)
			source_add_extent(&list, part->offset, part->offset + part->size);
		else
			source_add_extents(&list, part->fd, part->offset, part->size);
	}
	source_finish_extents(&list);
}

static struct error *copy_piece(void *context, const struct source_piece *piece,
				const uint8_t *from, uint8_t *to)
{
	const struct joined *joined = context;
	const struct part *part = &joined->split.parts[piece->method];
	(void)from;
	for (uint32_t done = 0; done < piece->size;) {
		ssize_t count = pread(part->fd, to + done, piece->size - done,
				      (off_t)(piece->offset - part->offset + done));
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return error_errno(count ? errno : EIO, "can't read '%s'", part->path);
		done += (uint32_t)count;
	}
	return NULL;
}

/* Parts whose sizes are no multiples of the page: copied. */
static struct error *copy_parts(struct joined *joined, const struct source_options *options,
				struct source **ret)
{
	const struct split *split = &joined->split;
	struct source_pieces table = {
		.name = "the parts of the split file",
		.size = split->size,
		.unpack = copy_piece,
		.context = joined,
		.free_context = joined_free,
	};
	size_t capacity = 0;
	for (size_t i = 0; i < split->count; i++) {
		const struct part *part = &split->parts[i];
		for (uint64_t at = 0; part->fd >= 0 && at < part->size; at += COPIED)
			*array_push(table.pieces, table.count, capacity) = (struct source_piece){
				.offset = part->offset + at,
				.size = (uint32_t)min_of((uint64_t)COPIED, part->size - at),
				.method = (uint32_t)i,
			};
	}
	struct error *error = source_new_pieces(NULL, &table, options, ret);
	if (error)
		free(table.pieces);
	return error;
}

static struct error *join(struct joined *joined, const struct source_options *options,
			  struct source **ret)
{
	const struct split *split = &joined->split;
	if (!split->sorted)
		return copy_parts(joined, options, ret);
	try_(map_parts(joined));
	struct source *source = source_new(split->parts[0].path, joined->region, split->size);
	find_holes(source, split);
	source->lazy = split->missing != 0;
	source->state->kind = &joined_kind;
	source->state->own = joined;
	*ret = source;
	return NULL;
}

static struct error *open_parts(const char *path, size_t digits, unsigned int first,
				unsigned int last, struct split *split)
{
	size_t capacity = 0;
	if (last - first >= PARTS_MAX)
		return error_new("'%s' has more than %u parts", path, PARTS_MAX);
	for (unsigned int i = first; i <= last; i++)
		try_(open_part(split, path_of(path, digits, i), &capacity));
	return place_parts(split);
}

struct error *split_open(const char *path, const struct source_options *options,
			 struct source **ret)
{
	const size_t digits = split_digits(path);
	if (!digits || !is_there(path))
		return NULL;
	unsigned int number = (unsigned int)strtoul(path + strlen(path) - digits, NULL, 10);
	_cleanup_free_ char *one = path_of(path, digits, 1), *zero = path_of(path, digits, 0);
	unsigned int first = is_there(zero) ? 0 : 1;
	if (number > first && is_there(first ? one : zero))
		return error_new("'%s' is one part of a split file: give the first, '%s'", path,
				 first ? one : zero);
	unsigned int last = last_number(path, digits);
	if (number != first || last == first)
		return NULL;
	struct joined *joined = alloc_new(struct joined);
	struct error *error = open_parts(path, digits, first, last, &joined->split);
	if (!error)
		error = join(joined, options, ret);
	if (error) {
		joined_free(joined);
		return error;
	}
	source_tell(options, "'%s' is read with its %zu other parts, to '%s'", path,
		    joined->split.count - joined->split.missing - 1,
		    joined->split.parts[joined->split.count - 1].path);
	if (joined->split.told.length)
		source_warn(*ret, "%s", text_string(&joined->split.told));
	(*ret)->state->container = alloc_printf("%zu parts", joined->split.count);
	free((*ret)->state->path);
	(*ret)->state->path = alloc_strdup(path);
	return NULL;
}

bool source_is_part(const char *path, const char *first)
{
	const size_t digits = split_digits(first), length = strlen(first);
	if (!digits || strlen(path) != length || split_digits(path) != digits ||
	    strncmp(path, first, length - digits) != 0)
		return false;
	unsigned long start = strtoul(first + length - digits, NULL, 10);
	return start <= 1 && strtoul(path + length - digits, NULL, 10) > start;
}
