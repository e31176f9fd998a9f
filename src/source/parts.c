/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See parts.h. */
#include "source/parts.h"

#include <stdlib.h>

#include <impscan/alloc.h>

/* Whether all that are there are as large as the first, but for the last, which may be smaller. */
static bool are_alike(const struct part_place *parts, size_t count)
{
	bool alike = parts[count - 1].size <= parts[0].size;
	for (size_t i = 0; i + 1 < count; i++)
		alike &= parts[i].missing || parts[i].size == parts[0].size;
	return alike;
}

size_t parts_place(struct part_place *parts, size_t count)
{
	size_t gap = 0;
	while (count > 1 && parts[count - 1].missing)
		count--;
	while (gap < count && !parts[gap].missing)
		gap++;
	if (gap < count && !are_alike(parts, count))
		count = gap;
	uint64_t offset = 0;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].missing)
			parts[i].size = parts[0].size;
		parts[i].offset = offset;
		offset += parts[i].size;
	}
	return count;
}

/* Parts that are named at most. */
#define NAMED_MAX 4u

void parts_tell(struct text *told, const char *const *names, const struct part_place *parts,
		size_t count, size_t placed)
{
	size_t missing = 0, left_out = 0, first = 0;
	char size[SOURCE_SIZE_TEXT];
	for (size_t i = 0; i < count; i++) {
		const struct part_place *part = &parts[i];
		if (!part->missing && i >= placed && !left_out++)
			first = i;
		if (!part->missing || missing++ >= NAMED_MAX)
			continue;
		text_add_format(told, "%s'%s' is %s", told->length ? "; " : "", names[i],
				part->empty ? "empty" : "missing");
		if (i < placed)
			text_add_format(told, ": its %s of the image are not there",
					source_size_text(part->size, size));
	}
	if (missing > NAMED_MAX)
		text_add_format(told, "; so are %zu more parts", missing - NAMED_MAX);
	if (left_out)
		text_add_format(told,
				"; the parts differ in size, so where '%s'%s belong%s is not "
				"known: left out",
				names[first], left_out > 1 ? " and what follows" : "",
				left_out > 1 ? "" : "s");
}

uint64_t gaps_ready(const struct source_gap *gaps, size_t count, uint64_t offset, uint64_t size)
{
	for (size_t i = 0; i < count; i++)
		if (gaps[i].end > offset)
			return gaps[i].start <= offset ? 0 : min_of(size, gaps[i].start - offset);
	return size;
}

struct gapped {
	struct source_gap *gaps;
	size_t count;
};

static uint64_t ready(void *own, uint64_t offset, uint64_t size)
{
	const struct gapped *gapped = own;
	return gaps_ready(gapped->gaps, gapped->count, offset, size);
}

static void gapped_free(void *own)
{
	struct gapped *gapped = own;
	free(gapped->gaps);
	free(gapped);
}

static const struct source_kind kind = {
	.ready = ready,
	.free = gapped_free,
};

void source_set_gaps(struct source *source, const struct source_gap *gaps, size_t count)
{
	struct gapped *gapped = alloc_new(struct gapped);
	for (size_t i = 0, capacity = 0; i < count; i++)
		*array_push(gapped->gaps, gapped->count, capacity) = gaps[i];
	source->lazy = true;
	source->state->kind = &kind;
	source->state->own = gapped;
	source_keep_data(source, gaps, count);
}
