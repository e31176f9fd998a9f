/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as an image: what opens must be sound to read at and around all its ranges. */
#include <stdlib.h>

#include "../../src/image/internal.h"

/* Touches the first and last byte of what is there at an address. */
static void probe(const struct image *image, uint64_t address)
{
	static volatile uint8_t sink;
	size_t size;
	uint8_t buffer[64];
	const uint8_t *p = image_at(image, address, &size);
	if (p) {
		if (!size)
			abort();
		sink = p[0];
		sink = p[size - 1];
	}
	if (!!p != image_read(image, address, buffer, 1))
		abort();
	image_read(image, address, buffer, sizeof(buffer));
	const uint8_t *page = image_page(image, address & ~(uint64_t)(PAGE_SIZE - 1));
	if (page)
		sink = page[PAGE_SIZE - 1];
	(void)sink;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image *image = NULL;
	struct error *error = image_open_bytes("fuzz", data, size, &image);
	if (error) {
		error_free(error);
		return 0;
	}
	size_t count;
	uint64_t end = 0;
	const struct image_range *ranges = image_ranges(image, &count);
	for (size_t i = 0; i < count; i++) {
		if (ranges[i].start < end || !ranges[i].size)
			abort();
		end = ranges[i].start + ranges[i].size;
		probe(image, ranges[i].start - 1);
		probe(image, ranges[i].start);
		probe(image, ranges[i].start + ranges[i].size / 2);
		probe(image, end - 1);
		probe(image, end);
	}
	probe(image, 0);
	probe(image, UINT64_MAX);
	image_close(image);
	return 0;
}
