/*
 * PE images in memory that no loader put there: reflectively loaded, manually mapped, or a file
 * lying within a blob.
 */
#include <impscan/windows.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/*
 * Regions up to this size are searched at every 16 bytes, the granularity of heaps; larger ones at
 * the start of every page.
 */
#define SMALL_REGION (UINT64_C(4) << 20)

#define IMAGE_FILE_MACHINE_I386	 0x14c
#define IMAGE_FILE_MACHINE_AMD64 0x8664
#define IMAGE_FILE_MACHINE_ARM64 0xaa64

/*
 * Does it lie as in the file (true), or as the loader maps it? Behind the headers a mapped image has
 * nothing up to its first section; the file has that section's bytes there. Where both lie alike
 * it makes no difference.
 */
static bool is_file_layout(const struct pe *pe, uint64_t available)
{
	if (pe->size_of_image > available)
		return true;
	for (size_t i = 0; i < pe->section_count; i++) {
		const struct pe_section *section = &pe->sections[i];
		uint64_t raw = section->pointer_to_raw_data;
		if (!section->size_of_raw_data || raw < pe->size_of_headers ||
		    raw >= section->virtual_address)
			continue;
		/* The gap between headers and first section, or the first section itself? */
		uint8_t bytes[64];
		size_t size = (size_t)min_of((uint64_t)sizeof(bytes),
					     min_of((uint64_t)section->virtual_address - raw,
						    (uint64_t)section->size_of_raw_data));
		if (pe_copy(pe, raw, bytes, size) != PE_READ_OK)
			return false;
		for (size_t b = 0; b < size; b++)
			if (bytes[b])
				return true;
		return false;
	}
	return false;
}

/* How much of the memory belongs to the image. */
static uint64_t image_extent(const struct pe *pe, bool file_layout, uint64_t available)
{
	uint64_t size = pe->size_of_image;
	if (file_layout) {
		size = pe->size_of_headers;
		for (size_t i = 0; i < pe->section_count; i++)
			size = max_of(size, (uint64_t)pe->sections[i].pointer_to_raw_data +
						    pe->sections[i].size_of_raw_data);
	}
	return min_of(size, available);
}

/* Is there a PE at `address`, within `available` bytes? Headers alone must make sense. */
static bool pe_image_at(struct space *space, uint64_t address, uint64_t available,
			struct injected *injected)
{
	uint8_t start[64], signature[24];
	if (available < sizeof(start) || !space_read(space, address, start, sizeof(start)))
		return false;
	uint32_t nt = le32(start + 0x3c);
	if (nt < 4 || !range_within(nt, sizeof(signature), min_of(available, UINT64_C(0x10000))) ||
	    !space_read(space, address + nt, signature, sizeof(signature)) ||
	    memcmp(signature, "PE\0\0", 4) != 0)
		return false;
	uint16_t machine = le16(signature + 4);
	if (machine != IMAGE_FILE_MACHINE_I386 && machine != IMAGE_FILE_MACHINE_AMD64 &&
	    machine != IMAGE_FILE_MACHINE_ARM64)
		return false;
	struct module_reader reader;
	module_reader_init(&reader, space, address, available);
	_cleanup_pe_ struct pe pe;
	if (pe_open(&pe, &reader.reader) != PE_OK || !pe.section_count || !pe.size_of_image)
		return false;
	injected->base = address;
	injected->pe32_plus = pe.pe32_plus;
	injected->file_layout = is_file_layout(&pe, available);
	injected->size = image_extent(&pe, injected->file_layout, available);
	return true;
}

static void find_in_region(struct space *space, const struct region *region,
			   struct injections *injections)
{
	const struct vad *vad = region->vad;
	uint64_t step = vad->end - vad->start < SMALL_REGION ? 16 : PAGE_SIZE;
	uint64_t address = vad->start, end = vad->end + 1;
	while ((address = space_present(space, address, end)) < end) {
		size_t available;
		const uint8_t *present = space_at(space, address, &available);
		uint64_t next = (address & ~(PAGE_SIZE - 1)) + PAGE_SIZE;
		for (uint64_t at = address; present && at < next; at += step) {
			const uint8_t *bytes = present + (at - address);
			struct injected injected = {.vad = vad};
			if (bytes[0] != 'M' || bytes[1] != 'Z' ||
			    !pe_image_at(space, at, vad->end - at + 1, &injected))
				continue;
			*array_push(injections->items, injections->count, injections->capacity) =
				injected;
			/* What lies within it belongs to it. */
			next = (at + injected.size + step - 1) & ~(step - 1);
			break;
		}
		if (next <= address)
			return;
		address = next;
	}
}

void view_injections(struct view *view, const struct regions *regions,
		     struct injections *injections)
{
	*injections = (struct injections){0};
	for (size_t i = 0; i < regions->count; i++) {
		size_t before = injections->count;
		find_in_region(view->space, &regions->items[i], injections);
		if (injections->count > before)
			continue;
		const struct vad *vad = regions->items[i].vad;
		*array_push(injections->items, injections->count, injections->capacity) =
			(struct injected){
				.vad = vad,
				.base = vad->start,
				.size = vad->end - vad->start + 1,
				.no_header = true,
				.used = regions->items[i].first_committed,
				.used_size = regions->items[i].last_committed + PAGE_SIZE -
					     regions->items[i].first_committed,
			};
	}
}

void injections_free(struct injections *injections)
{
	free(injections->items);
	*injections = (struct injections){0};
}
