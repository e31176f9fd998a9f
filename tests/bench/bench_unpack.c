/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unpacks all of an image whose pages are compressed, once, with one thread: what bench.py compares
 * listings with.
 *
 *	bench_unpack IMAGE
 */
#include <stdio.h>

#include <impscan/error.h>
#include <impscan/image.h>

int main(int argc, char **argv)
{
	struct image *image = NULL;
	if (argc != 2) {
		fprintf(stderr, "usage: bench_unpack IMAGE\n");
		return 2;
	}
	struct error *error = image_open(argv[1], &image);
	if (error) {
		fprintf(stderr, "bench_unpack: %s\n", error_message(error));
		error_free(error);
		return 2;
	}
	uint64_t pages = 0, start, size, all;
	for (uint64_t at = 0; image_next_data(image, at, &start, &size); at = start + PAGE_SIZE)
		pages += image_page(image, start) != NULL;
	uint64_t unpacked = image_sets_unpacked(image, &all);
	printf("%llu pages, %llu of %llu sets unpacked\n", (unsigned long long)pages,
	       (unsigned long long)unpacked, (unsigned long long)all);
	image_close(image);
	return 0;
}
