/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all sources have: a name, bytes, an end.
 */
#include "source/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <impscan/alloc.h>

struct source *source_new(const char *path, const void *data, uint64_t size)
{
	struct source *source = alloc_new(struct source);
	source->data = data;
	source->size = size;
	source->state = alloc_new(struct source_state);
	source->state->path = alloc_strdup(path);
	source->state->present = size;
	return source;
}

struct source *source_of_bytes(const char *name, const void *data, uint64_t size)
{
	return source_new(name, data, size);
}

void source_close(struct source *source)
{
	if (!source)
		return;
	struct source_state *state = source->state;
	if (state->kind)
		state->kind->free(state->own);
	if (state->mapped)
		munmap((void *)(uintptr_t)source->data, (size_t)source->size);
	source_close(state->below);
	free(state->extent_index.last);
	free(state->extents);
	free(state->data_pages);
	free(state->path);
	free(state);
	free(source);
}

uint64_t source_make_ready(const struct source *source, uint64_t offset, uint64_t size)
{
	if (offset >= source->size)
		return 0;
	const struct source_state *state = source->state;
	return state->kind->ready(state->own, offset, min_of(size, source->size - offset));
}

const char *source_path(const struct source *source)
{
	return source->state->path;
}

char *source_failure(const struct source *source)
{
	for (; source; source = source->state->below) {
		char *failure =
			source->lazy ? source->state->kind->failure(source->state->own) : NULL;
		if (failure)
			return failure;
	}
	return NULL;
}

uint64_t source_unpacked(const struct source *source, uint64_t *all)
{
	if (all)
		*all = 0;
	return source->lazy ? source->state->kind->unpacked(source->state->own, all) : 0;
}

void source_expect_all(const struct source *source, bool all)
{
	for (; source; source = source->state->below)
		if (source->state->mapped)
			(void)madvise((void *)(uintptr_t)source->data, (size_t)source->size,
				      all ? MADV_NORMAL : MADV_RANDOM);
}

const char *source_size_text(uint64_t bytes, char text[SOURCE_SIZE_TEXT])
{
	const uint64_t kilo = 1024, mega = kilo * kilo;
	if (bytes < kilo)
		snprintf(text, SOURCE_SIZE_TEXT, "%u bytes", (unsigned int)bytes);
	else if (bytes < mega)
		snprintf(text, SOURCE_SIZE_TEXT, "%u KB", (unsigned int)(bytes / kilo));
	else
		snprintf(text, SOURCE_SIZE_TEXT, "%llu.%u MB", (unsigned long long)(bytes / mega),
			 (unsigned int)(bytes % mega * 10 / mega));
	return text;
}
