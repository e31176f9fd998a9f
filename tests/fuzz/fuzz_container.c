/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a packed file: what is in it can be read from its first to its last byte, or not. */
#include <stdlib.h>
#include <string.h>

#include <impscan/source.h>

/* Reads at places all over the source; what is said to be ready must be. */
static void read_all(const struct source *source)
{
	static volatile uint8_t sink;
	const uint64_t step = source->size / 64 + 1;
	for (uint64_t at = 0; at < source->size; at += step) {
		uint64_t ready = source_ready(source, at, 1);
		if (ready) {
			sink = source->data[at];
			sink = source->data[min_of(at + ready, source->size) - 1];
		}
		if (source->sparse && source_hole_end(source, at) < at)
			abort();
	}
	const uint8_t *last = source_bytes(source, source->size - 1, 1);
	if (last)
		sink = *last;
	if (source_ready(source, source->size, 1))
		abort();
	(void)sink;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	const struct source_options options = {.memory = 1 << 16, .unpack_most = 4 << 20};
	struct source *source = source_of_bytes("fuzz", data, size);
	struct error *error = source_unpack(&source, &options);
	if (!error) {
		read_all(source);
		for (unsigned int i = 0; i < SOURCE_PAGE_FILES; i++)
			if (source_page_file(source, i))
				read_all(source_page_file(source, i));
		char *failure = source_failure(source);
		free(failure);
	}
	error_free(error);
	source_close(source);
	return 0;
}
