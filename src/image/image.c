/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parts of an image that formats and users need: names, warnings, hints, closing. Opening,
 * which uses the formats, is in open_image.c.
 */
#include <impscan/image.h>

#include <stdarg.h>

#include <impscan/alloc.h>

#include "internal.h"

void image_name_format(struct image *image, const char *format, ...)
{
	char name[128];
	va_list args;
	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	free(image->format);
	image->format = alloc_strdup(name);
}

void image_warn(struct image *image, const char *format, ...)
{
	char sentence[512];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	if (image->warnings.length)
		text_add_string(&image->warnings, "; ");
	text_add_string(&image->warnings, sentence);
}

void image_use_source(struct image *image, struct source *source)
{
	image->source = source;
	image->data = source->data;
	image->size = source->size;
	image->special = source->lazy || source->sparse;
}

void image_expect_all(const struct image *image, bool all)
{
	source_expect_all(image->source, all);
}

void image_close(struct image *image)
{
	if (!image)
		return;
	source_close(image->source);
	text_free(&image->warnings);
	free(image->index.last);
	free(image->ranges);
	free(image->stretches);
	free(image->format);
	free(image->path);
	free(image);
}

const char *image_format(const struct image *image)
{
	return image->format;
}

const char *image_path(const struct image *image)
{
	return image->path;
}

uint64_t image_file_size(const struct image *image)
{
	return image->size;
}

const char *image_warning(const struct image *image)
{
	return image->warnings.length ? text_string(&image->warnings) : NULL;
}

const struct image_hints *image_hints(const struct image *image)
{
	return &image->hints;
}

const struct image_range *image_ranges(const struct image *image, size_t *count)
{
	*count = image->count;
	return image->ranges;
}

const struct source *image_source(const struct image *image)
{
	return image->source;
}

uint64_t image_present_pages(const struct image *image)
{
	return (source_present(image->source) + PAGE_SIZE - 1) / PAGE_SIZE;
}
