/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a VMware state file: what it says of regions must hold together, and an image that
 * opens must be sound to read. The first bytes are set, so that most inputs get past them.
 */
#include <string.h>

#include "../../src/image/vmware_state.h"
#include "check_ranges.h"

static const uint8_t magics[][4] = {
	{0xd0, 0xbe, 0xd0, 0xbe}, {0xd1, 0xba, 0xd1, 0xba}, {0xd2, 0xbe, 0xd2, 0xbe}};

static void check_state(const struct vmware_state *state)
{
	uint64_t end = 0;
	for (size_t i = 0; i < state->region_count; i++) {
		const struct vmware_region *region = &state->regions[i];
		if (!region->size || region->start < end)
			abort();
		end = region->start + region->size;
		for (size_t j = 0; j < i; j++)
			if (region->offset < state->regions[j].offset + state->regions[j].size &&
			    state->regions[j].offset < region->offset + region->size)
				abort();
		if (state->inside && region->offset + region->size > state->memory_size)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 8)
		return 0;
	uint8_t *file = malloc(size);
	if (!file)
		return 0;
	memcpy(file, data, size);
	memcpy(file, magics[data[0] % (sizeof(magics) / sizeof(magics[0]))], 4);
	struct source *source = source_of_bytes("fuzz", file, size);
	struct vmware_state state;
	struct error *error = vmware_state_read(source, "fuzz", &state);
	if (!error)
		check_state(&state);
	error_free(error);
	source_close(source);
	struct image *image = NULL;
	error = image_open_bytes("fuzz", file, size, &image);
	if (!error)
		check_ranges(image, SIZE_MAX, true);
	error_free(error);
	image_close(image);
	free(file);
	return 0;
}
