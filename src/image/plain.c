/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory without anything that says where it lies: an offset is an address, or so it seems. Above
 * 3 GB, PCs have devices below 4 GB, and the rest of the memory from there on. Files that were
 * written of a physical machine have what is between them too; VMware's .vmem does not. Which it is
 * can only be told by what is in the memory, so both are offered.
 */
#include "internal.h"

/* Where VMware leaves the addresses to devices. */
#define HOLE_START (UINT64_C(3) << 30)
#define HOLE_END   (UINT64_C(4) << 30)

static void add_flat(struct image *image, const char *name, uint64_t offset, uint64_t size)
{
	image_name_format(image, "%s", name);
	image_add_range(image, 0, size, offset);
}

static void add_with_hole(struct image *image, const char *name, uint64_t offset, uint64_t size)
{
	image_name_format(image, "%s, with a hole from 3 to 4 GB", name);
	image->guess = "with a hole from 3 to 4 GB, as VMware leaves it";
	image_add_range(image, 0, HOLE_START, offset);
	image_add_range(image, HOLE_END, size - HOLE_START, offset + HOLE_START);
}

void image_add_plain(struct image *image, const char *name, uint64_t offset, uint64_t size,
		     bool hole)
{
	image->plain = !offset;
	if (size <= HOLE_START) {
		add_flat(image, name, offset, size);
		return;
	}
	struct image *other = image_add_layout(image);
	struct image *flat = hole ? other : image;
	add_flat(flat, name, offset, size);
	if (hole)
		flat->guess = "as one piece from address 0 on";
	add_with_hole(hole ? image : other, name, offset, size);
}
