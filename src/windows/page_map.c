/*
 * Where the kernel's page map could be. Candidates only: whether a kernel is behind one is found
 * out by trying.
 */
#include "windows/discover.h"

#include <impscan/alloc.h>
#include <impscan/bytes.h>

static void add_map(struct page_maps *maps, uint64_t dtb, uint64_t hint, const char *source)
{
	for (size_t i = 0; i < maps->count; i++)
		if (maps->items[i].dtb == dtb && maps->items[i].kernel_hint == hint)
			return;
	*array_push(maps->items, maps->count, maps->capacity) =
		(struct page_map){.dtb = dtb, .kernel_hint = hint, .source = source};
}

static bool is_kernel_address(uint64_t address)
{
	return address >> 47 == 0x1ffff;
}

/*
 * PROCESSOR_START_BLOCK, left below 1 MB by x64 kernels for waking other processors: a far jump
 * in the first 8 bytes, then LmTarget (+0x70) in the kernel or HAL and Cr3 (+0xa0).
 */
static void low_stub(const struct image *image, struct page_maps *maps)
{
	for (uint64_t address = 0x1000; address < 0x100000; address += PAGE_SIZE) {
		const uint8_t *page = image_page(image, address);
		if (!page || (le64(page) & UINT64_C(0xffffffffffff00ff)) != 0x1000600e9)
			continue;
		uint64_t target = le64(page + 0x70);
		uint64_t cr3 = le64(page + 0xa0) & UINT64_C(0x000ffffffffff000);
		if (is_kernel_address(target) && cr3)
			add_map(maps, cr3, target, "low stub");
	}
}

void page_maps_known(const struct image *image, const struct windows_options *options,
		     struct page_maps *maps)
{
	const struct image_hints *hints = image_hints(image);
	if (options->dtb) { /* then only that */
		add_map(maps, options->dtb & ~(PAGE_SIZE - 1), 0, "--dtb");
		return;
	}
	if (hints->dtb)
		add_map(maps, hints->dtb & ~(PAGE_SIZE - 1), hints->ps_loaded_module_list,
			"header of the image");
	low_stub(image, maps);
}

/*
 * A PML4 maps itself in one entry of its kernel half (0x1ed before 10.0.14393, random since), so
 * that entry holds the page's own frame. Entries that are present must have sane reserved bits.
 */
static bool is_page_map(const uint8_t *page, uint64_t address)
{
	unsigned int self = 0, kernel = 0;
	for (unsigned int i = 256; i < 512; i++) {
		uint64_t entry = le64(page + 8 * i);
		if (!(entry & 1))
			continue;
		if ((entry & UINT64_C(0x000ffffffffff000)) == address)
			self++;
		else
			kernel++;
	}
	return self == 1 && kernel > 0;
}

void page_maps_scan(const struct image *image, struct page_maps *maps)
{
	size_t count;
	const struct image_range *ranges = image_ranges(image, &count);
	for (size_t i = 0; i < count; i++) {
		uint64_t end = ranges[i].start + ranges[i].size;
		uint64_t address = (ranges[i].start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
		for (; address < end && end - address >= PAGE_SIZE; address += PAGE_SIZE) {
			const uint8_t *page = image_page(image, address);
			if (page && is_page_map(page, address))
				add_map(maps, address, 0, "page-map scan");
		}
	}
}
