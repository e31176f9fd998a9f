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

#define PIECE (16 * PAGE_SIZE) /* asked for at once: a set */

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
	const struct source *source = image_source(image);
	uint64_t bytes = 0, all;
	for (uint64_t at = 0, ready; at < source->size; at += ready ? ready : PAGE_SIZE) {
		ready = source_ready(source, at, PIECE);
		bytes += ready;
	}
	uint64_t unpacked = image_sets_unpacked(image, &all);
	printf("%llu pages, %llu of %llu sets unpacked\n", (unsigned long long)(bytes / PAGE_SIZE),
	       (unsigned long long)unpacked, (unsigned long long)all);
	image_close(image);
	return 0;
}
