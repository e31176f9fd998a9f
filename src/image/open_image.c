/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening an image: opens its source and asks each format in turn whether the file is of its kind.
 */
#include "internal.h"

#include <impscan/alloc.h>

/*
 * The first whose probe() says yes parses the file. New formats go before `refused`, in any order
 * unless the signature of one is also that of another. `refused` comes behind them since it knows
 * files also by bytes far from their beginning, where an image has memory; VMware's memory, known
 * by its name only, comes behind that, and `raw` last since it takes every file.
 */
static const struct image_format *const formats[] = {
	&image_format_lime,	    &image_format_crashdump,	 &image_format_elf,
	&image_format_vmware_state, &image_format_hiberfil,	 &image_format_minidump,
	&image_format_refused,	    &image_format_vmware_memory, &image_format_raw,
};

/* What remains to be done when all ranges are added. */
static void finish(struct image *image)
{
	for (struct image *i = image; i; i = i->other) {
		i->hints = image->hints;
		image_finish_ranges(i);
		image_find_stretches(i);
	}
}

/* Finds the format and lets it parse; `image` has its bytes. */
static struct error *parse(struct image *image)
{
	for (size_t i = 0; i < array_size(formats); i++) {
		if (!formats[i]->probe(image))
			continue;
		try_(formats[i]->parse(image));
		if (!image->count) /* whatever the format, so that parse() need not look */
			return error_new("'%s' (%s) holds none of the memory that its headers list:"
					 " it is truncated or damaged",
					 image->path, image->format);
		finish(image);
		return NULL;
	}
	return error_new("'%s' is of no known format", image->path);
}

/* The source belongs to the image, or is closed on failure. */
static struct error *open_source(const char *path, struct source *source,
				 const struct source_options *options, struct image **ret)
{
	_cleanup_image_ struct image *image = alloc_new(struct image);
	image->path = alloc_strdup(path);
	image_use_source(image, source);
	if (source_container(source))
		image_add_fact(image, IMAGE_FACT_CONTAINER, "%s", source_container(source));
	if (source_warning(source))
		image_warn(image, "%s", source_warning(source));
	image->options = options;
	try_(parse(image));
	image->options = NULL;
	*ret = take_ptr(image);
	return NULL;
}

struct error *image_open_bytes(const char *path, const void *data, size_t size, struct image **ret)
{
	if (!size)
		return error_new("'%s' is empty: nothing was written to it", path);
	return open_source(path, source_of_bytes(path, data, size), NULL, ret);
}

/* Whether a file that begins so is of a format that is always refused. */
static bool is_refused(const char *name, const void *start, size_t size)
{
	_cleanup_free_ char *path = alloc_strdup(name);
	struct image image = {.path = path};
	size_t i = 0;
	image_use_source(&image, source_of_bytes(name, start, size));
	while (i < array_size(formats) && !formats[i]->probe(&image))
		i++;
	source_close(image.source);
	return i < array_size(formats) && formats[i] == &image_format_refused;
}

struct error *image_open_with(const char *path, const struct source_options *options,
			      struct image **ret)
{
	struct source *source = NULL;
	struct source_options own = options ? *options : (struct source_options){0};
	if (!own.unwanted)
		own.unwanted = is_refused;
	if (!own.beside)
		own.beside = vmware_is_beside;
	try_(source_open(path, &own, &source));
	return open_source(path, source, &own, ret);
}

struct error *image_open(const char *path, struct image **ret)
{
	return image_open_with(path, NULL, ret);
}
