/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LiME version 1: ranges of memory, each behind a header of 32 bytes.
 *
 *	 0  magic 0x4c694d45	 4  version 1
 *	 8  first address	16  last address (inclusive)	24  reserved
 *
 * Facts: lime_mem_range_header of github.com/504ensicsLabs/LiME, doc/README.
 */
#include "internal.h"

#define LIME_MAGIC	 0x4c694d45
#define LIME_VERSION	 1
#define LIME_HEADER_SIZE 32

static bool is_header(const uint8_t *header)
{
	return le32(header) == LIME_MAGIC && le32(header + 4) == LIME_VERSION;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

static bool probe(const struct image *image)
{
	const uint8_t *magic = image_bytes(image, 0, 8);
	return magic && le32(magic) == LIME_MAGIC;
}

static struct error *parse(struct image *image)
{
	image_name_format(image, "LiME");
	uint32_t version = le32(image->data + 4);
	if (version != LIME_VERSION)
		return error_new(
			"'%s' is a LiME image of version %u, only version 1 is known: take "
			"it again with format=lime%s",
			image->path, version,
			version == 2 ? ", or if AVML compressed it, convert it with avml-convert"
				     : "");
	uint64_t offset = 0, damaged = 0;
	while (offset < image->size) {
		char lost[IMAGE_SIZE_TEXT];
		uint64_t rest = image->size - offset;
		size_t there = (size_t)min_of(rest, (uint64_t)LIME_HEADER_SIZE);
		const uint8_t *header = image_bytes(image, offset, there);
		/* Some writers leave zeros behind the last range. */
		if (header && all_zero(header, there))
			break;
		if (!header || there < LIME_HEADER_SIZE || !is_header(header)) {
			image_warn(image,
				   "no LiME header at offset 0x%llx: the %s from there on are left "
				   "out",
				   (unsigned long long)offset, image_size_text(rest, lost));
			break;
		}
		uint64_t first = le64(header + 8), last = le64(header + 16);
		offset += LIME_HEADER_SIZE;
		if (last < first) {
			/* An empty range ends right before it begins; anything else is damage. */
			damaged += last + 1 != first;
			continue;
		}
		/* The whole 64 bits would be one byte more than a size can say. */
		uint64_t size = last - first == UINT64_MAX ? UINT64_MAX : last - first + 1;
		image_add_range(image, first, size, offset);
		if (size > image->size - offset)
			break;
		offset += size;
	}
	if (damaged)
		image_warn(image, "%llu LiME ranges end before they begin and are left out",
			   (unsigned long long)damaged);
	return NULL;
}

const struct image_format image_format_lime = {
	.name = "lime",
	.probe = probe,
	.parse = parse,
};
