/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening an image: maps the file and asks each format in turn whether the file is of its kind.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>

/*
 * The first whose probe() says yes parses the file. New formats go before `refused`, in any order
 * unless the signature of one is also that of another. `refused` comes behind them since it knows
 * files also by bytes far from their beginning, where an image has memory; `raw` comes last since it
 * takes every file.
 */
static const struct image_format *const formats[] = {
	&image_format_lime,    &image_format_crashdump, &image_format_elf,
	&image_format_refused, &image_format_raw,
};

/* Finds the format and lets it parse; `image` has its bytes. */
static struct error *parse(struct image *image)
{
	for (size_t i = 0; i < array_size(formats); i++) {
		if (!formats[i]->probe(image))
			continue;
		try_(formats[i]->parse(image));
		if (!image->count) /* whatever the format, so that parse() need not look */
			return error_new("'%s' (%s) holds none of the memory that its headers list:"
					 " it is truncated or damaged",
					 image->path, image->format);
		image_finish_ranges(image);
		image_find_stretches(image);
		return NULL;
	}
	return error_new("'%s' is of no known format", image->path);
}

/* `fd`: the file, to be asked for its holes; negative: there is none. */
static struct error *open_mapped(const char *path, const void *data, size_t size, int fd,
				 struct image **ret)
{
	if (!size)
		return error_new("'%s' is empty: nothing was written to it", path);
	_cleanup_image_ struct image *image = alloc_new(struct image);
	image->path = alloc_strdup(path);
	image->data = data;
	image->size = size;
	image->present = size;
	if (fd >= 0)
		image_find_extents(image, fd);
	try_(parse(image));
	*ret = take_ptr(image);
	return NULL;
}

struct error *image_open_bytes(const char *path, const void *data, size_t size, struct image **ret)
{
	return open_mapped(path, data, size, -1, ret);
}

/* The size of what can be mapped, or a sentence on why it can't. */
static struct error *mappable_size(const char *path, int fd, uint64_t *ret)
{
	struct stat st;
	if (fstat(fd, &st))
		return error_errno(errno, "can't open '%s'", path);
	if (S_ISDIR(st.st_mode))
		return error_new("'%s' is a folder, not a memory image", path);
	if (S_ISREG(st.st_mode)) {
		*ret = (uint64_t)st.st_size;
		return NULL;
	}
	if (S_ISBLK(st.st_mode)) { /* fstat() knows no size */
		off_t end = lseek(fd, 0, SEEK_END);
		if (end < 0)
			return error_errno(errno, "can't find the size of '%s'", path);
		*ret = (uint64_t)end;
		return NULL;
	}
	return error_new("'%s' is a %s, which can't be mapped: write the image to a file first",
			 path,
			 S_ISFIFO(st.st_mode)	? "pipe"
			 : S_ISSOCK(st.st_mode) ? "socket"
						: "device");
}

struct error *image_open(const char *path, struct image **ret)
{
	/* Without O_NONBLOCK a pipe that nobody writes to would block here. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_errno(errno, "can't open '%s'", path);
	uint64_t size = 0;
	try_(mappable_size(path, fd, &size));
	if (!size)
		return image_open_bytes(path, NULL, 0, ret);
	if (size > SIZE_MAX)
		return error_new("'%s' is too large for this machine's address space", path);
	void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return error_errno(errno, "can't map '%s'", path);
	struct error *error = open_mapped(path, data, (size_t)size, fd, ret);
	if (error) {
		munmap(data, (size_t)size);
		return error;
	}
	(*ret)->mapped = true;
	image_expect_all(*ret, false);
	return NULL;
}
