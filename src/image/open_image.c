/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening an image: opens its source and asks each format in turn whether the file is of its kind.
 */
#include "internal.h"

#include <strings.h>

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

/* A file that its headers use less than half of is warned of from this size on. */
#define UNUSED_LEAST (UINT64_C(4) << 20)

/*
 * Memory may begin with a header that somebody put there, to have it read in another way: so that
 * pages are not there, or that it is something small. Warns where headers list each page of the
 * file at the address that it has as raw memory, or little of the file.
 */
static void warn_of_planted(struct image *image)
{
	char used[IMAGE_SIZE_TEXT], size[IMAGE_SIZE_TEXT];
	const struct image_range *ranges = image->ranges, *first = &ranges[0];
	uint64_t listed = 0, same = 0;
	for (size_t i = 0; i < image->count; i++) {
		listed += ranges[i].size;
		same += ranges[i].start == ranges[i].offset ? ranges[i].size : 0;
	}
	/* A dump of a 32-bit machine has its header in the place of page 0. */
	if (same > listed / 2 && (image->count > 1 || first->offset != image->size - first->size))
		image_warn(image, "most of its memory lies where it would in raw memory: it may be "
				  "that, with a header put into it to hide pages (--format raw)");
	const uint64_t present = source_present(image->source);
	if (present > UNUSED_LEAST && listed < present / 2)
		image_warn(image,
			   "its headers list %s of memory, and it has %s: it may be raw memory "
			   "that begins with such a header (--format raw)",
			   image_size_text(listed, used), image_size_text(present, size));
}

/* Lets a format parse the image, which has its bytes. */
static struct error *parse(struct image *image, const struct image_format *format)
{
	const struct source *file = image->source;
	try_(format->parse(image));
	if (!image->count) /* whatever the format, so that parse() need not look */
		return error_new("'%s' (%s) holds none of the memory that its headers list:"
				 " it is truncated or damaged",
				 image->path, image->format);
	finish(image);
	if (!format->any && image->source == file)
		warn_of_planted(image);
	return NULL;
}

/* The first format from number `first` on that an image is of. */
static const struct image_format *format_of(const struct image *image, size_t first)
{
	while (!formats[first]->probe(image)) /* the last takes every file */
		first++;
	return formats[first];
}

/* The first format that takes files for nothing but memory. */
static const struct image_format *plain_format_of(const struct image *image)
{
	size_t first = 0;
	while (formats[first] != &image_format_refused)
		first++;
	return format_of(image, first + 1);
}

/* An image with the bytes of a source, and nothing of what they mean. */
static struct image *new_image(const char *path, struct source *source,
			       const struct source_options *options)
{
	struct image *image = alloc_new(struct image);
	image->path = alloc_strdup(path);
	image_use_source(image, source);
	if (source_container(source))
		image_add_fact(image, IMAGE_FACT_CONTAINER, "%s", source_container(source));
	if (source_warning(source))
		image_warn(image, "%s", source_warning(source));
	image->options = options;
	return image;
}

/*
 * After parsing failed: begins again with the same bytes as raw memory. Where the format has put a
 * source of its own upon them, that can't be: then the error stays.
 */
static struct error *parse_plain(struct image **image, const char *path, struct source *source,
				 const struct source_options *options, struct error *refusal)
{
	if (!options || !options->lenient || (*image)->source != source)
		return refusal;
	(*image)->source = NULL;
	image_close(*image);
	*image = new_image(path, source, options);
	(*image)->refusal = refusal;
	return parse(*image, plain_format_of(*image));
}

/* The format that a user names; NULL: there is none. */
static const struct image_format *format_named(const char *name)
{
	for (size_t i = 0; i < array_size(formats); i++)
		if (formats[i]->name && !strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

const char *image_format_name(size_t i)
{
	for (size_t format = 0; format < array_size(formats); format++)
		if (formats[format]->name && !i--)
			return formats[format]->name;
	return NULL;
}

static struct error *parse_as(struct image *image, const char *name)
{
	const struct image_format *format = format_named(name);
	if (!format)
		return error_new("there is no format '%s'", name);
	if (!format->any && !format->probe(image))
		return error_new("'%s' does not begin as a file of the format '%s' does",
				 image->path, name);
	return parse(image, format);
}

/* The source belongs to the image, or is closed on failure. `format`: its name; NULL: find it. */
static struct error *open_source(const char *path, struct source *source, const char *format,
				 const struct source_options *options, struct image **ret)
{
	_cleanup_image_ struct image *image = new_image(path, source, options);
	struct error *error = NULL;
	if (format)
		error = parse_as(image, format);
	else if (source_refusal(source))
		error = parse(image, plain_format_of(image));
	else
		error = parse(image, format_of(image, 0));
	if (error && !format)
		error = parse_plain(&image, path, source, options, error);
	try_(error);
	image->options = NULL;
	*ret = take_ptr(image);
	return NULL;
}

struct error *image_open_bytes(const char *path, const void *data, size_t size, struct image **ret)
{
	if (!size)
		return error_new("'%s' is empty: nothing was written to it", path);
	return open_source(path, source_of_bytes(path, data, size), NULL, NULL, ret);
}

/* How images of nothing but memory are called. */
static bool is_named_as_memory(const char *name)
{
	static const char *const extensions[] = {".raw", ".mem",  ".vmem", ".img",
						 ".bin", ".dd",	  ".dmp",  ".lime",
						 ".elf", ".core", ".dump", ".memory"};
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot && i < array_size(extensions); i++)
		if (!strcasecmp(dot, extensions[i]))
			return true;
	return false;
}

/* What a file of an archive is worth, by its signature or, where it may be raw memory, by its name. */
static enum source_worth judge(const char *name, const void *start, size_t size)
{
	const struct image_format *format = &image_format_raw;
	if (start) {
		_cleanup_free_ char *path = alloc_strdup(name);
		struct image image = {.path = path};
		image_use_source(&image, source_of_bytes(name, start, size));
		format = format_of(&image, 0);
		source_close(image.source);
	}
	if (format == &image_format_refused)
		return SOURCE_UNWANTED;
	if (format != &image_format_raw && format != &image_format_vmware_memory)
		return SOURCE_WANTED;
	return is_named_as_memory(name) ? SOURCE_WANTED : SOURCE_PERHAPS;
}

struct error *image_open_as(const char *path, const char *format,
			    const struct source_options *options, struct image **ret)
{
	struct source *source = NULL;
	struct source_options own = options ? *options : (struct source_options){0};
	if (!own.judge)
		own.judge = judge;
	if (!own.beside)
		own.beside = vmware_is_beside;
	try_(source_open(path, &own, &source));
	return open_source(path, source, format, &own, ret);
}

struct error *image_open_with(const char *path, const struct source_options *options,
			      struct image **ret)
{
	return image_open_as(path, NULL, options, ret);
}

struct error *image_open(const char *path, struct image **ret)
{
	return image_open_with(path, NULL, ret);
}
