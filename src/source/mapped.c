/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that are mapped as they are.
 */
#include "source/internal.h"

#include <errno.h>
#include <sys/mman.h>

struct error *source_map(const char *path, int fd, uint64_t size, struct source **ret)
{
	if (size > SIZE_MAX)
		return error_new("'%s' is too large for this machine's address space", path);
	void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return error_errno(errno, "can't map '%s'", path);
	struct source *source = source_new(path, data, size);
	source->state->mapped = true;
	source_find_extents(source, fd);
	source_expect_all(source, false);
	*ret = source;
	return NULL;
}
