/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds physical addresses where the kernel's page map may be: by the image's header, by what
 * kernels leave in low memory, or by a scan of the whole image for tables that map themselves.
 */
#include "discover/internal.h"

#include <stdlib.h>

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

/* The doubt of a page map without KUSER_SHARED_DATA: more than all entries of a table. */
#define UNSHARED 2048

/* More page maps than this are not kept: no machine has as many processes. */
#define MAPS_MAX ((size_t)1 << 20)

/*
 * What the present entries of a table look like. The image must have the frames of most of them;
 * not of all, since it may be truncated, and devices have memory too.
 */
struct plausible {
	unsigned int held, lost; /* entries whose frame the image has, or has not */
	unsigned int odd;	 /* entries with bits that Windows does not set there */
};

static void count_frame(const struct image *image, uint64_t frame, struct plausible *plausible)
{
	if (image_holds(image, frame))
		plausible->held++;
	else
		plausible->lost++;
}

static bool is_plausible(const struct plausible *plausible)
{
	return plausible->held && plausible->lost <= 3 * plausible->held + 16;
}

/*
 * Entries of the kernel's half that lead to tables are writable and not for user mode. Bits 52 to
 * 62 are free for software, which does not use them there.
 */
#define KERNEL_ENTRY	  UINT64_C(0x7ff0000000000006)
#define KERNEL_ENTRY_GOOD UINT64_C(0x2)

/* Notes an entry of the kernel's half. */
static void count_kernel_entry(const struct image *image, uint64_t entry,
			       struct plausible *plausible)
{
	count_frame(image, entry & PTE_FRAME_8, plausible);
	plausible->odd += (entry & KERNEL_ENTRY) != KERNEL_ENTRY_GOOD;
}

/*
 * A PML4 maps itself in one entry of its kernel half (0x1ed before 10.0.14393, random since), so
 * that entry holds the page's own frame. No entry of it may be that of a large page.
 */
static bool is_x64_map(const struct image *image, const uint8_t *page, uint64_t address,
		       struct plausible *plausible)
{
	const uint64_t itself = address | PTE_VALID;
	unsigned int self = 0;
	for (unsigned int i = 256; i < 512; i++)
		self += (le64(page + 8 * i) & (PTE_FRAME_8 | PTE_VALID)) == itself;
	if (self != 1)
		return false;
	*plausible = (struct plausible){0};
	for (unsigned int i = 0; i < 512; i++) {
		uint64_t entry = le64(page + 8 * i);
		if (!(entry & PTE_VALID))
			continue;
		if (entry & PTE_LARGE)
			return false;
		if (i >= 256 && (entry & PTE_FRAME_8) != address)
			count_kernel_entry(image, entry, plausible);
	}
	return is_plausible(plausible); /* with more than itself */
}

/*
 * A page directory without PAE maps itself at 0xc0300000, by entry 0x300: present, writable, not
 * for user mode, not large. The kernel's half has more.
 */
static bool is_x86_map(const struct image *image, const uint8_t *page, uint64_t address,
		       struct plausible *plausible)
{
	if ((le32(page + 4 * 0x300) & UINT32_C(0xfffff087)) != ((uint32_t)address | 3))
		return false;
	*plausible = (struct plausible){0};
	for (unsigned int i = 0x200; i < 0x400; i++) {
		uint32_t entry = le32(page + 4 * i);
		if (i == 0x300 || !(entry & PTE_VALID))
			continue;
		/* The frame of a large one is at 4 MB; its lower bits are higher ones of it. */
		uint64_t frame = entry & UINT32_C(0xfffff000);
		if (entry & PTE_LARGE)
			frame = (entry & UINT32_C(0xffc00000)) |
				(uint64_t)(entry & UINT32_C(0x001fe000)) << (32 - 13);
		count_frame(image, frame, plausible);
		plausible->odd += (entry & KERNEL_ENTRY) != KERNEL_ENTRY_GOOD;
	}
	return is_plausible(plausible);
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
static bool is_pae_directory(const struct image *image, uint64_t address,
			     struct plausible *plausible)
{
	const uint8_t *directory = image_page(image, address);
	*plausible = (struct plausible){0};
	for (unsigned int i = 4; directory && i < 512; i++) {
		uint64_t entry = le64(directory + 8 * i);
		if (entry & PTE_VALID)
			count_kernel_entry(image, entry, plausible);
	}
	/* With nothing but itself in it, the kernel may be below. */
	return directory && (is_plausible(plausible) || !plausible->lost);
}

struct map_scan {
	const struct image *image;
	struct page_maps *maps;
	size_t known;			/* so many were tried already */
	struct address_set directories; /* of PAE, the last of each map that was found */
	struct memory *memories[3];	/* by paging; NULL: not needed yet */
	page_map_likely *likely;
	void *context;
	bool over; /* likely() said so */
};

/*
 * Is KUSER_SHARED_DATA where each kernel maps it, with a version of Windows? All page maps of a
 * machine have it but those that a process has for user mode only.
 */
static bool has_shared_data(struct map_scan *scan, enum paging paging, uint64_t dtb)
{
	struct memory **memory = &scan->memories[paging];
	uint64_t shared = paging == PAGING_X64 ? KUSER_SHARED_DATA : KUSER_SHARED_DATA32;
	uint32_t major, minor;
	if (!*memory)
		*memory = memory_new(scan->image, paging);
	_cleanup_space_ struct space *space = space_new(*memory, dtb);
	return space_u32(space, shared + KUSER_MAJOR_VERSION, &major) && major >= 5 &&
	       major <= 10 && space_u32(space, shared + KUSER_MINOR_VERSION, &minor) && minor <= 3;
}

/* Adds what the scan finds, unless it is one of those that were tried already. */
static void add_found(struct map_scan *scan, enum paging paging, uint64_t dtb,
		      const struct plausible *plausible)
{
	struct page_maps *maps = scan->maps;
	for (size_t i = 0; i < scan->known; i++)
		if (maps->items[i].dtb == dtb && maps->items[i].paging == paging)
			return;
	if (maps->count >= MAPS_MAX) {
		maps->more++;
		return;
	}
	unsigned int doubt = plausible->odd + plausible->lost;
	bool shared = has_shared_data(scan, paging, dtb);
	*array_push(maps->items, maps->count, maps->capacity) = (struct page_map){
		.paging = paging,
		.dtb = dtb,
		.doubt = shared ? doubt : UNSHARED + doubt,
		.source = "page-map scan",
	};
	if (shared && scan->likely && !scan->over)
		scan->over = scan->likely(scan->context, maps->count - 1);
}

/* By how much speaks against them, then in the order in which they were found. */
static int compare_maps(const void *a, const void *b)
{
	const struct page_map *x = a, *y = b;
	if (x->doubt != y->doubt)
		return x->doubt < y->doubt ? -1 : 1;
	if (x->dtb != y->dtb)
		return x->dtb < y->dtb ? -1 : 1;
	return x->paging < y->paging ? -1 : x->paging > y->paging;
}

/* PAE's first tables have 32 bytes. Of those that lead to one directory, only one is kept. */
static void scan_pae(struct map_scan *scan, const uint8_t *page, uint64_t address)
{
	struct plausible plausible;
	for (unsigned int i = 0; i < PAGE_SIZE; i += 32) {
		uint64_t directory;
		if (is_pae_map(scan->image, page + i, &directory) &&
		    address_set_add(&scan->directories, directory) &&
		    is_pae_directory(scan->image, directory, &plausible))
			add_found(scan, PAGING_PAE, address + i, &plausible);
	}
}

static void scan_page(struct map_scan *scan, uint64_t address)
{
	const uint8_t *page = image_page(scan->image, address);
	struct plausible plausible;
	if (!page)
		return;
	if (is_x64_map(scan->image, page, address, &plausible))
		add_found(scan, PAGING_X64, address, &plausible);
	if (address > UINT32_MAX)
		return; /* CR3 has 32 bits */
	scan_pae(scan, page, address);
	if (is_x86_map(scan->image, page, address, &plausible))
		add_found(scan, PAGING_X86, address, &plausible);
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

static void scan_image(struct map_scan *scan, const struct windows_options *options)
{
	struct sweep_progress progress = sweep_begin(scan->image, options);
	const uint64_t most = options->brief ? WINDOWS_BRIEF : UINT64_MAX;
	uint64_t start, size, at = 0;
	for (; !scan->over && image_next_data(scan->image, at, &start, &size) && start < most;
	     at = start + size) {
		uint64_t address = (start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
		uint64_t end = min_of(start + size, most);
		for (; address < end && end - address >= PAGE_SIZE && !scan->over;
		     address += PAGE_SIZE) {
			scan_page(scan, address);
			sweep_advance(&progress, PAGE_SIZE);
		}
	}
	sweep_end(&progress);
}

bool page_maps_scan(const struct image *image, const struct windows_options *options,
		    struct page_maps *maps, page_map_likely *likely, void *context)
{
	struct map_scan scan = {
		.image = image,
		.maps = maps,
		.known = maps->count,
		.likely = likely,
		.context = context,
	};
	scan_image(&scan, options);
	/* Many pages may look like a map: what looks most like one is tried first. */
	if (maps->count > scan.known)
		qsort(maps->items + scan.known, maps->count - scan.known, sizeof(*maps->items),
		      compare_maps);
	for (size_t i = 0; i < array_size(scan.memories); i++)
		memory_free(scan.memories[i]);
	address_set_free(&scan.directories);
	return scan.over;
}
