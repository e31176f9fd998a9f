/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as what a hibernation file's header leads to: sets of Windows 8 and later, or tables
 * and blocks of XP to 7. The first byte chooses the header. What opens must be sound to read.
 */
#include <string.h>

#include "check_ranges.h"

enum { HEAD = 2 * PAGE_SIZE, MOST = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(uint8_t *at, uint64_t value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

/* The header leads to the second page (the table) or the third. */
static void write_header(uint8_t *file, uint8_t choice)
{
	static const struct {
		uint32_t length, boot, kernel, size;
	} sets[] = {{0x360, 0x60, 0x68, 8}, {0x3e0, 0x68, 0x70, 8}, {0x4d8, 0x68, 0x70, 8},
		    {0x2c8, 0x50, 0x54, 4}, {0x340, 0x50, 0x54, 4}, {0x999, 0x68, 0x70, 8},
		    {0x999, 0x50, 0x54, 4}};
	static const uint32_t tables[] = {168, 224, 240, 192, 296, 320, 312, 0};
	memcpy(file, choice & 0x80 ? "WAKE" : "HIBR", 4);
	choice &= 0x7f;
	if (choice < 64) {
		const uint8_t i = choice % 7;
		put(file + 0xc, sets[i].length, 4);
		put(file + sets[i].boot, 2, sets[i].size);
		put(file + sets[i].kernel, 2u + choice / 32, sets[i].size);
		return;
	}
	put(file + 0xc, tables[choice % 8], 4);
	if (choice % 8 == 7)
		memset(file, 0, PAGE_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > MOST)
		return 0;
	const size_t total = HEAD + size - 1;
	/* Tables lie in the second page, sets in the third. */
	const size_t at = (data[0] & 0x7f) < 64 ? HEAD : PAGE_SIZE;
	uint8_t *file = calloc(total, 1);
	write_header(file, data[0]);
	memcpy(file + at, data + 1, size - 1);
	struct image *image = NULL;
	struct error *error = image_open_bytes("fuzz", file, total, &image);
	if (error) {
		error_free(error);
		free(file);
		return 0;
	}
	check_ranges(image, 1000, false);
	image_close(image);
	free(file);
	return 0;
}
