/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The streams of a minidump, and what they consist of: lists of records, texts.
 */
#include "minidump_parts.h"

struct stream minidump_stream(const struct image *image, uint32_t type)
{
	const struct minidump_parts *parts = (const void *)image->minidump;
	for (size_t i = 0; i < parts->directory_count; i++) {
		const uint8_t *entry = parts->directory + i * MINIDUMP_ENTRY_SIZE;
		uint64_t size = le32(entry + 4), rva = le32(entry + 8);
		if (le32(entry) != type)
			continue;
		size = rva < image->size ? min_of(size, image->size - rva) : 0;
		const uint8_t *data = size ? image_bytes(image, rva, size) : NULL;
		return (struct stream){data, data ? size : 0};
	}
	return (struct stream){0};
}

struct records minidump_records(struct image *image, uint32_t type, size_t size, size_t most,
				const char *what)
{
	struct stream stream = minidump_stream(image, type);
	if (!stream.data || stream.size < 4)
		return (struct records){0};
	const uint64_t count = le32(stream.data), room = stream.size - 4;
	/* What is left of the stream tells whether there is padding. */
	const uint64_t pad = room == count * size + 4 ? 4 : 0;
	const uint64_t whole = min_of(min_of(count, (room - pad) / size), (uint64_t)most);
	if (whole < count)
		image_warn(image, "of %llu %s that the dump counts only %llu are read",
			   (unsigned long long)count, what, (unsigned long long)whole);
	return (struct records){stream.data + 4 + pad, (size_t)whole};
}

char *minidump_string(const struct image *image, uint32_t rva, size_t most)
{
	const uint8_t *length = image_bytes(image, rva, 4);
	if (!length || le32(length) > most)
		return NULL;
	const uint8_t *text = image_bytes(image, (uint64_t)rva + 4, le32(length));
	return text ? text_from_utf16(text, le32(length)) : NULL;
}
