/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds physical addresses where the kernel's page map may be: by the image's header, by what
 * kernels leave in low memory, or by a scan of the whole image for tables that map themselves.
 */
#include "discover/internal.h"

#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/machine_type.h>

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

/* A page map of unknown kind. */
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
	if (hints->machine == IMAGE_FILE_MACHINE_AMD64) {
		add_map(maps, PAGING_X64, dtb, list, source);
	} else if (hints->machine == IMAGE_FILE_MACHINE_I386) {
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

/* More page maps than this are not kept: no machine has as many processes. */
#define MAPS_MAX ((size_t)1 << 20)

/*
 * How many frames of a table's present entries the image has, and how many not. Most must be in it;
 * not all, since it may be truncated, and devices have memory too.
 */
struct plausible {
	unsigned int held, lost;
};

static void count_frame(const struct image *image, uint64_t frame, struct plausible *plausible)
{
	size_t size;
	if (image_at(image, frame, &size))
		plausible->held++;
	else
		plausible->lost++;
}

static bool is_plausible(const struct plausible *plausible)
{
	return plausible->held && plausible->lost <= 3 * plausible->held + 16;
}

/*
 * A PML4 maps itself in one entry of its kernel half (0x1ed before 10.0.14393, random since), so
 * that entry holds the page's own frame. No entry of it may be that of a large page.
 */
static bool is_x64_map(const struct image *image, const uint8_t *page, uint64_t address)
{
	unsigned int self = 0, kernel = 0;
	for (unsigned int i = 256; i < 512; i++) {
		uint64_t entry = le64(page + 8 * i);
		if (!(entry & PTE_VALID))
			continue;
		if ((entry & PTE_FRAME_8) == address)
			self++;
		else
			kernel++;
	}
	if (self != 1 || !kernel)
		return false;
	struct plausible plausible = {0};
	for (unsigned int i = 0; i < 512; i++) {
		uint64_t entry = le64(page + 8 * i);
		if (!(entry & PTE_VALID))
			continue;
		if (entry & PTE_LARGE)
			return false;
		if (i >= 256 && (entry & PTE_FRAME_8) != address)
			count_frame(image, entry & PTE_FRAME_8, &plausible);
	}
	return is_plausible(&plausible);
}

/*
 * A page directory without PAE maps itself at 0xc0300000, by entry 0x300: present, writable, not
 * for user mode, not large. The kernel's half has more.
 */
static bool is_x86_map(const struct image *image, const uint8_t *page, uint64_t address)
{
	if ((le32(page + 4 * 0x300) & UINT32_C(0xfffff087)) != ((uint32_t)address | 3))
		return false;
	struct plausible plausible = {0};
	for (unsigned int i = 0x200; i < 0x400; i++) {
		uint32_t entry = le32(page + 4 * i);
		if (i == 0x300 || !(entry & PTE_VALID))
			continue;
		/* The frame of a large one is at 4 MB; its lower bits are higher ones of it. */
		uint64_t frame = entry & UINT32_C(0xfffff000);
		if (entry & PTE_LARGE)
			frame = (entry & UINT32_C(0xffc00000)) |
				(uint64_t)(entry & UINT32_C(0x001fe000)) << (32 - 13);
		count_frame(image, frame, &plausible);
	}
	return is_plausible(&plausible);
}

/* The bits that an entry of PAE's first table must have clear, and present. */
#define POINTER_FIXED UINT64_C(0xfff00000000001e7)

/*
 * PAE's first table has four entries, for four page directories. The last one maps all four at
 * 0xc0600000, by its first four entries. Gives the last one's address.
 */
static bool is_pae_map(const struct image *image, const uint8_t *pointers, uint64_t *last)
{
	uint64_t frame[4];
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t entry = le64(pointers + 8 * i);
		frame[i] = entry & PTE_FRAME_8;
		if ((entry & POINTER_FIXED) != 1 || !frame[i])
			return false;
	}
	const uint8_t *directory = image_page(image, frame[3]);
	if (!directory)
		return false;
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t entry = le64(directory + 8 * i);
		if (!(entry & PTE_VALID) || (entry & PTE_FRAME_8) != frame[i])
			return false;
	}
	*last = frame[3];
	return true;
}

/* Of one page directory of PAE, the last: are its entries such as a processor takes? */
static bool is_pae_directory(const struct image *image, uint64_t address)
{
	const uint8_t *directory = image_page(image, address);
	struct plausible plausible = {0};
	for (unsigned int i = 4; directory && i < 512; i++) {
		uint64_t entry = le64(directory + 8 * i);
		if (entry & PTE_VALID)
			count_frame(image, entry & PTE_FRAME_8, &plausible);
	}
	/* With nothing but itself in it, the kernel may be below. */
	return directory && (is_plausible(&plausible) || !plausible.lost);
}

struct map_scan {
	const struct image *image;
	struct page_maps *maps;
	size_t known;			/* so many were tried already */
	struct address_set directories; /* of PAE, the last of each map that was found */
};

/* Adds what the scan finds, unless it is one of those that were tried already. */
static void add_found(struct map_scan *scan, enum paging paging, uint64_t dtb)
{
	struct page_maps *maps = scan->maps;
	for (size_t i = 0; i < scan->known; i++)
		if (maps->items[i].dtb == dtb && maps->items[i].paging == paging)
			return;
	if (maps->count >= MAPS_MAX)
		maps->more++;
	else
		*array_push(maps->items, maps->count, maps->capacity) =
			(struct page_map){.paging = paging, .dtb = dtb, .source = "page-map scan"};
}

/* PAE's first tables have 32 bytes. Of those that lead to one directory, only one is kept. */
static void scan_pae(struct map_scan *scan, const uint8_t *page, uint64_t address)
{
	for (unsigned int i = 0; i < PAGE_SIZE; i += 32) {
		uint64_t directory;
		if (is_pae_map(scan->image, page + i, &directory) &&
		    address_set_add(&scan->directories, directory) &&
		    is_pae_directory(scan->image, directory))
			add_found(scan, PAGING_PAE, address + i);
	}
}

static void scan_page(struct map_scan *scan, uint64_t address)
{
	const uint8_t *page = image_page(scan->image, address);
	if (!page)
		return;
	if (is_x64_map(scan->image, page, address))
		add_found(scan, PAGING_X64, address);
	if (address > UINT32_MAX)
		return; /* CR3 has 32 bits */
	scan_pae(scan, page, address);
	if (is_x86_map(scan->image, page, address))
		add_found(scan, PAGING_X86, address);
}

/* How often progress is told, in bytes. */
#define PROGRESS_STEP (UINT64_C(16) << 20)

struct sweep_progress sweep_begin(const struct image *image, const struct windows_options *options)
{
	image_expect_all(image, true);
	return (struct sweep_progress){.options = options, .total = image_data_size(image)};
}

void sweep_advance(struct sweep_progress *progress, uint64_t bytes)
{
	progress->done += bytes;
	if (!progress->options->progress || progress->done - progress->shown < PROGRESS_STEP)
		return;
	progress->shown = progress->done;
	/* That both are equal would mean that it is over. */
	if (progress->done < progress->total)
		progress->options->progress(progress->options->progress_context,
					    (size_t)progress->done, (size_t)progress->total);
}

void sweep_end(struct sweep_progress *progress)
{
	if (progress->options->progress)
		progress->options->progress(progress->options->progress_context,
					    (size_t)progress->total, (size_t)progress->total);
}

void page_maps_scan(const struct image *image, const struct windows_options *options,
		    struct page_maps *maps)
{
	struct map_scan scan = {.image = image, .maps = maps, .known = maps->count};
	struct sweep_progress progress = sweep_begin(image, options);
	uint64_t start, size;
	for (uint64_t at = 0; image_next_data(image, at, &start, &size); at = start + size) {
		uint64_t address = (start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1), end = start + size;
		for (; address < end && end - address >= PAGE_SIZE; address += PAGE_SIZE) {
			scan_page(&scan, address);
			sweep_advance(&progress, PAGE_SIZE);
		}
	}
	sweep_end(&progress);
	address_set_free(&scan.directories);
}
