/*
 * Where the kernel's page map could be. Candidates only: whether a kernel is behind one is found
 * out by trying.
 */
#include "windows/discover.h"

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#define MACHINE_I386  0x014c
#define MACHINE_AMD64 0x8664

/* The bits of CR3 that are the page map's address. */
static uint64_t dtb_mask(enum paging paging)
{
	switch (paging) {
	case PAGING_X86:
		return UINT64_C(0xfffff000);
	case PAGING_PAE:
		return UINT64_C(0xffffffe0);
	case PAGING_X64:
		break;
	}
	return UINT64_C(0x000ffffffffff000);
}

uint64_t page_map_address(enum paging paging, uint64_t cr3)
{
	return cr3 & dtb_mask(paging);
}

static void add_map(struct page_maps *maps, enum paging paging, uint64_t dtb, uint64_t hint,
		    const char *source)
{
	dtb = page_map_address(paging, dtb);
	for (size_t i = 0; i < maps->count; i++)
		if (maps->items[i].dtb == dtb && maps->items[i].kernel_hint == hint &&
		    maps->items[i].paging == paging)
			return;
	*array_push(maps->items, maps->count, maps->capacity) =
		(struct page_map){.paging = paging,
				  .dtb = dtb,
				  .kernel_hint = kernel_pointer(paging, hint),
				  .source = source};
}

/* A page map whose kind nobody told. */
static void add_any(struct page_maps *maps, uint64_t dtb, uint64_t hint, const char *source)
{
	add_map(maps, PAGING_X64, dtb, hint, source);
	if (dtb > UINT32_MAX)
		return;
	add_map(maps, PAGING_PAE, dtb, hint, source);
	add_map(maps, PAGING_X86, dtb, hint, source);
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
		uint64_t cr3 = page_map_address(PAGING_X64, le64(page + 0xa0));
		if (is_kernel_address(PAGING_X64, target) && cr3)
			add_map(maps, PAGING_X64, cr3, target, "low stub");
	}
}

static void header_hints(const struct image_hints *hints, struct page_maps *maps)
{
	static const char source[] = "header of the image";
	uint64_t dtb = hints->dtb, list = hints->ps_loaded_module_list;
	if (!dtb)
		return;
	if (hints->machine == MACHINE_AMD64) {
		add_map(maps, PAGING_X64, dtb, list, source);
	} else if (hints->machine == MACHINE_I386) {
		/* What the header says of PAE is a hint as well. */
		add_map(maps, hints->pae ? PAGING_PAE : PAGING_X86, dtb, list, source);
		add_map(maps, hints->pae ? PAGING_X86 : PAGING_PAE, dtb, list, source);
	} else {
		add_any(maps, dtb, list, source);
	}
}

void page_maps_known(const struct image *image, const struct windows_options *options,
		     struct page_maps *maps)
{
	if (options->dtb) { /* then only that */
		add_any(maps, options->dtb, 0, "--dtb");
		return;
	}
	header_hints(image_hints(image), maps);
	low_stub(image, maps);
}

/*
 * A PML4 maps itself in one entry of its kernel half (0x1ed before 10.0.14393, random since), so
 * that entry holds the page's own frame. Entries that are present must have sane reserved bits.
 */
static bool is_x64_map(const uint8_t *page, uint64_t address)
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

/*
 * A page directory without PAE maps itself at 0xc0300000, by entry 0x300: present, writable, not
 * for user mode, not large. The kernel's half has more.
 */
static bool is_x86_map(const uint8_t *page, uint64_t address)
{
	if ((le32(page + 4 * 0x300) & UINT32_C(0xfffff087)) != ((uint32_t)address | 3))
		return false;
	for (unsigned int i = 0x200; i < 0x400; i++)
		if (i != 0x300 && le32(page + 4 * i) & 1)
			return true;
	return false;
}

/* The bits that an entry of PAE's first table must have clear, and present. */
#define POINTER_FIXED UINT64_C(0xfff00000000001e7)
#define POINTER_FRAME UINT64_C(0x000ffffffffff000)

/*
 * PAE's first table has four entries, for four page directories. The last one maps all four at
 * 0xc0600000, by its first four entries.
 */
static bool is_pae_map(const struct image *image, const uint8_t *pointers)
{
	uint64_t frame[4];
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t entry = le64(pointers + 8 * i);
		frame[i] = entry & POINTER_FRAME;
		if ((entry & POINTER_FIXED) != 1 || !frame[i])
			return false;
	}
	const uint8_t *directory = image_page(image, frame[3]);
	if (!directory)
		return false;
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t entry = le64(directory + 8 * i);
		if (!(entry & 1) || (entry & POINTER_FRAME) != frame[i])
			return false;
	}
	return true;
}

/* Adds what the scan finds, unless it is one of the first `known`, which were tried already. */
static void add_found(struct page_maps *maps, size_t known, enum paging paging, uint64_t dtb)
{
	for (size_t i = 0; i < known; i++)
		if (maps->items[i].dtb == dtb && maps->items[i].paging == paging)
			return;
	*array_push(maps->items, maps->count, maps->capacity) =
		(struct page_map){.paging = paging, .dtb = dtb, .source = "page-map scan"};
}

static void scan_page(const struct image *image, uint64_t address, size_t known,
		      struct page_maps *maps)
{
	const uint8_t *page = image_page(image, address);
	if (!page)
		return;
	if (is_x64_map(page, address))
		add_found(maps, known, PAGING_X64, address);
	if (address > UINT32_MAX)
		return; /* CR3 has 32 bits */
	for (unsigned int i = 0; i < PAGE_SIZE; i += 32)
		if (is_pae_map(image, page + i))
			add_found(maps, known, PAGING_PAE, address + i);
	if (is_x86_map(page, address))
		add_found(maps, known, PAGING_X86, address);
}

void page_maps_scan(const struct image *image, struct page_maps *maps)
{
	size_t count, known = maps->count;
	const struct image_range *ranges = image_ranges(image, &count);
	image_expect_all(image, true);
	for (size_t i = 0; i < count; i++) {
		uint64_t end = ranges[i].start + ranges[i].size;
		uint64_t address = (ranges[i].start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
		for (; address < end && end - address >= PAGE_SIZE; address += PAGE_SIZE)
			scan_page(image, address, known, maps);
	}
}
