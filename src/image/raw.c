/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Raw images: the file is the physical memory from address 0 on. There is no header to recognise
 * them by, so every file is taken for one that is of no other format.
 */
#include "internal.h"

static bool probe(const struct image *image)
{
	(void)image;
	return true;
}

static struct error *parse(struct image *image)
{
	image_add_plain(image, "raw", 0, image->size, false);
	return NULL;
}

const struct image_format image_format_raw = {
	.name = "raw",
	.any = true,
	.probe = probe,
	.parse = parse,
};
