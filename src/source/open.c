/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening a file as a source.
 */
#include "source/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

struct error *source_open(const char *path, const struct source_options *options,
			  struct source **ret)
{
	/* Without O_NONBLOCK a pipe that nobody writes to would block here. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	(void)options;
	if (fd < 0)
		return error_errno(errno, "can't open '%s'", path);
	uint64_t size = 0;
	try_(mappable_size(path, fd, &size));
	if (!size)
		return error_new("'%s' is empty: nothing was written to it", path);
	return source_map(path, fd, size, ret);
}
