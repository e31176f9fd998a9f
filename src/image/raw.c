/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A raw image: the file is the physical memory, from address 0 on. Without a header there is
 * nothing to recognise it by; it is what no other format claims.
 */
#include "internal.h"

static bool probe(const struct image *image)
{
	(void)image;
	return true;
}

static struct error *parse(struct image *image)
{
	image_name_format(image, "raw");
	image_add_range(image, 0, image->size, 0);
	return NULL;
}

const struct image_format image_format_raw = {.probe = probe, .parse = parse};
