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
	char name[256];
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

void image_add_fact(struct image *image, enum image_fact fact, const char *format, ...)
{
	char sentence[512];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	if (image->facts[fact].length)
		text_add_string(&image->facts[fact], "; ");
	text_add_string(&image->facts[fact], sentence);
}

void image_add_taken(struct image *image, uint64_t filetime)
{
	_cleanup_text_ struct text text = {0};
	if (text_add_utc(&text, filetime))
		image_add_fact(image, IMAGE_FACT_TAKEN, "%s", text_string(&text));
}

void image_use_source(struct image *image, struct source *source)
{
	image->source = source;
	image->data = source->data;
	image->size = source->size;
	image->special = source->lazy || source->sparse;
}

struct image *image_add_layout(struct image *image)
{
	image->other = alloc_new(struct image);
	image->other->path = alloc_strdup(image->path);
	image->other->of = image;
	image_use_source(image->other, image->source);
	return image->other;
}

const struct image *image_other_layout(const struct image *image)
{
	return image->other;
}

const char *image_layout_guess(const struct image *image)
{
	return image->guess;
}

const char *image_lacks(const struct image *image)
{
	return image->lacks;
}

const char *image_laid_by(const struct image *image)
{
	return image->laid_by;
}

void image_expect_all(const struct image *image, bool all)
{
	source_expect_all(image->source, all);
}

void image_close(struct image *image)
{
	if (!image)
		return;
	image_close(image->other);
	if (!image->of)
		source_close(image->source);
	text_free(&image->warnings);
	for (size_t i = 0; i < IMAGE_FACTS; i++)
		text_free(&image->facts[i]);
	minidump_free(image->minidump);
	error_free(image->refusal);
	free(image->index.last);
	free(image->ranges);
	free(image->stretches);
	free(image->sets.progress);
	free(image->laid_by);
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
	image = image->of ? image->of : image;
	return image->warnings.length ? text_string(&image->warnings) : NULL;
}

const struct error *image_refusal(const struct image *image)
{
	return image->refusal ? image->refusal : source_refusal(image->source);
}

bool image_is_plain(const struct image *image)
{
	return image->plain && !source_container(image->source);
}

const char *image_fact(const struct image *image, enum image_fact fact)
{
	image = image->of ? image->of : image;
	return image->facts[fact].length ? text_string(&image->facts[fact]) : NULL;
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
	uint64_t bytes = source_present(image->source);
	if (image->present_most)
		bytes = min_of(bytes, image->present_most);
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

uint64_t image_sets_unpacked(const struct image *image, uint64_t *all)
{
	*all = image->sets.all;
	return image->sets.unpacked;
}
