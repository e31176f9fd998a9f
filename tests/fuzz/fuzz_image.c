/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as an image: what opens must be sound to read at and around all its ranges. */
#include "check_ranges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image *image = NULL;
	struct error *error = image_open_bytes("fuzz", data, size, &image);
	if (error) {
		error_free(error);
		return 0;
	}
	check_ranges(image, SIZE_MAX, false);
	image_close(image);
	return 0;
}
