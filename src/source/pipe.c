/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comes through a pipe: kept in a temporary file, since all of it may be needed more than
 * once.
 */
#include "source/internal.h"

#include <errno.h>
#include <unistd.h>

struct error *pipe_open(const char *name, int fd, const struct source_options *options,
			struct source **ret)
{
	uint8_t buffer[1 << 16];
	_cleanup_whole_ struct whole whole = {.fd = -1};
	char size[SOURCE_SIZE_TEXT];
	try_(whole_begin(&whole, name, "pipe", 0, 0, options));
	whole.most = UINT64_MAX; /* it is as large as it is */
	source_tell(options, "reading '%s' into a temporary file in %s", name, whole.folder);
	for (;;) {
		ssize_t count = read(fd, buffer, sizeof(buffer));
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return error_errno(errno, "can't read '%s'", name);
		if (!count)
			break;
		try_(whole_add(&whole, buffer, (size_t)count));
	}
	if (!whole.size)
		return error_new("'%s' is empty: nothing was written to it", name);
	try_(whole_finish(&whole, ret));
	source_tell(options, "'%s' has %s", name, source_size_text((*ret)->size, size));
	return NULL;
}
