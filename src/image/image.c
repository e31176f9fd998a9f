/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parts of an image that formats and users need: names, warnings, hints, closing. Opening,
 * which uses the formats, is in open_image.c.
 */
#include <impscan/image.h>

#include <stdarg.h>
#include <sys/mman.h>

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

const char *image_size_text(uint64_t bytes, char text[IMAGE_SIZE_TEXT])
{
	const uint64_t kilo = 1024, mega = kilo * kilo;
	if (bytes < kilo)
		snprintf(text, IMAGE_SIZE_TEXT, "%u bytes", (unsigned int)bytes);
	else if (bytes < mega)
		snprintf(text, IMAGE_SIZE_TEXT, "%u KB", (unsigned int)(bytes / kilo));
	else
		snprintf(text, IMAGE_SIZE_TEXT, "%llu.%u MB", (unsigned long long)(bytes / mega),
			 (unsigned int)(bytes % mega * 10 / mega));
	return text;
}

void image_expect_all(const struct image *image, bool all)
{
	if (image->mapped)
		(void)madvise((void *)(uintptr_t)image->data, (size_t)image->size,
			      all ? MADV_NORMAL : MADV_RANDOM);
}

void image_close(struct image *image)
{
	if (!image)
		return;
	if (image->mapped)
		munmap((void *)(uintptr_t)image->data, (size_t)image->size);
	text_free(&image->warnings);
	free(image->index.last);
	free(image->ranges);
	free(image->extent_index.last);
	free(image->extents);
	free(image->data_pages);
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
