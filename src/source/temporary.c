/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Temporary files: they have no name, so they are gone with the program, however it ends.
 */
#include "source/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <impscan/alloc.h>

struct error *temporary_file(int *fd, const char **folder)
{
	const char *named = getenv("TMPDIR");
	*folder = named && *named ? named : "/var/tmp";
	*fd = open(*folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	if (*fd >= 0)
		return NULL;
	/* Not every file system can make a file without a name. */
	_cleanup_free_ char *path = alloc_printf("%s/impscan.XXXXXX", *folder);
	*fd = mkostemp(path, O_CLOEXEC);
	if (*fd < 0)
		return error_errno(
			errno, "can't make a temporary file in '%s': set TMPDIR to another folder",
			*folder);
	unlink(path);
	return NULL;
}

void source_tell(const struct source_options *options, const char *format, ...)
{
	char sentence[1024];
	va_list args;
	if (!options || !options->tell)
		return;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	options->tell(options->context, sentence);
}
