/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PE file as the loader maps it. */
#include <writer/pe_builder_parts.h>

uint8_t *pe_builder_map(const uint8_t *file, size_t file_size, uint64_t base, size_t *size)
{
	const uint8_t *nt = file + get(file + 0x3c, 4);
	const uint8_t *optional = nt + 24;
	bool plus = get(optional, 2) == 0x20b;
	uint32_t image_size = (uint32_t)get(optional + 56, 4);
	uint32_t headers = (uint32_t)get(optional + 60, 4);
	uint8_t *image = resize(NULL, image_size, 1);
	memset(image, 0, image_size);
	memcpy(image, file, headers < file_size ? headers : file_size);
	const uint8_t *section = optional + get(nt + 20, 2);
	for (uint64_t i = get(nt + 6, 2); i; i--, section += 40) {
		uint64_t virtual_size = get(section + 8, 4);
		uint64_t rva = get(section + 12, 4);
		uint64_t raw = get(section + 16, 4);
		uint64_t position = get(section + 20, 4);
		if (virtual_size && virtual_size < raw)
			raw = virtual_size;
		if (position > file_size || rva > image_size)
			continue;
		if (raw > file_size - position)
			raw = file_size - position;
		if (raw > image_size - rva)
			raw = image_size - rva;
		memcpy(image + rva, file + position, raw);
	}
	uint64_t delta = base - (plus ? get(optional + 24, 8) : get(optional + 28, 4));
	const uint8_t *directory = optional + (plus ? 112 : 96) + 5 * 8;
	uint64_t at_rva = get(directory, 4);
	uint64_t end = at_rva + get(directory + 4, 4);
	while (at_rva + 8 <= end && end <= image_size) {
		uint64_t page = get(image + at_rva, 4);
		uint64_t block = get(image + at_rva + 4, 4);
		if (block < 8 || block > end - at_rva)
			break;
		for (uint64_t i = 8; i + 2 <= block; i += 2) {
			uint64_t entry = get(image + at_rva + i, 2);
			unsigned int bytes = entry >> 12 == 10 ? 8 : entry >> 12 == 3 ? 4 : 0;
			uint64_t target = page + (entry & 0xfff);
			if (bytes && target + bytes <= image_size)
				put(image + target, get(image + target, bytes) + delta, bytes);
		}
		at_rva += block;
	}
	put(image + (optional - file) + (plus ? 24 : 28), base, plus ? 8 : 4);
	*size = image_size;
	return image;
}
