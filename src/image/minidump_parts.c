/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an image keeps of a minidump: asking for it, and its release.
 */
#include "minidump_parts.h"

#include <stdlib.h>

const struct minidump *image_minidump(const struct image *image)
{
	return image->minidump;
}

void minidump_free(struct minidump *dump)
{
	struct minidump_parts *parts = (void *)dump;
	if (!dump)
		return;
	strings_free(&parts->paths);
	for (size_t i = 0; i < dump->stream_count; i++)
		free(dump->streams[i]);
	free(dump->streams);
	free(dump->service_pack);
	free(dump->comment);
	free(dump->modules);
	free(dump->tebs);
	free(dump->memory);
	free(dump->regions);
	free(parts);
}
