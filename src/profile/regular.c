/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening the files that users name as profiles or symbol files: regular files only.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <impscan/cleanup.h>

struct error *open_regular(const char *path, const char *what, FILE **ret)
{
	/* Without O_NONBLOCK a pipe that nobody writes to would block here. */
	struct stat status;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &status))
		return error_errno(errno, "can't open %s '%s'", what, path);
	if (S_ISDIR(status.st_mode))
		return error_errno(EISDIR, "can't read %s '%s'", what, path);
	if (!S_ISREG(status.st_mode))
		return error_new("'%s' is a %s, which is not read as a %s: write it to a file "
				 "first",
				 path, S_ISFIFO(status.st_mode) ? "pipe" : "device", what);
	*ret = fdopen(fd, "rb");
	if (!*ret)
		return error_errno(errno, "can't open %s '%s'", what, path);
	(void)take_fd(&fd); /* it is the FILE's */
	return NULL;
}
