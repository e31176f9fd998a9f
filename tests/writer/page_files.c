/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Page files: what is in them, how the kernel describes them, and the virtual one behind which
 * Windows 10 keeps pages compressed (store.h). See guest.h.
 *
 * Facts: _MMPAGING_FILE of the published symbols; pagefile.sys is number 0, swapfile.sys (Windows 8
 * and later) 1, the virtual store's comes after them and has no name ("Windows Internals", 7th
 * edition, part 1, chapter 5; WinDbg's !vm says "No Name for Paging File"). Which builds compress
 * is what profiles/facts/windows-store.tsv knows.
 */
#include <writer/guest.h>

#include <writer/store.h>

enum {
	FIRST_PAGE = 1,	      /* of a page file: the first holds its header */
	FILE_UNIT = 0x100,    /* page files have whole megabytes */
	MOST_STORED = 0x8000, /* pages that the virtual store's page file could name */
	OWNER_PID = 1796,
	REGIONS_AT = 0x10000000,
	REGIONS_SIZE = 0x10000000,
	NODE_LIMIT = 60, /* deep trees from few pages */
	DETOURS = 7,
	STORES = 2,
	TRIMMED_ONE_IN = 6,
	PROTECTION_READWRITE = 4,
};

struct guest_store {
	struct store_writer *writer;
	struct guest_process *owner;
	uint64_t next; /* offset in the virtual page file */
};

uint64_t guest_pagefile_add(struct guest *guest, const uint8_t *page)
{
	uint64_t number = guest->pagefile_pages ? guest->pagefile_pages : FIRST_PAGE;
	number += util_random_below(&guest->random, 3);
	if (number >= guest->pagefile_room) {
		guest->pagefile_room = 2 * (number + 1);
		guest->pagefile = realloc(guest->pagefile, guest->pagefile_room * PAGE);
		if (!guest->pagefile)
			util_die("out of memory");
	}
	uint64_t from = guest->pagefile_pages * PAGE;
	memset(guest->pagefile + from, 0, number * PAGE - from);
	memcpy(guest->pagefile + number * PAGE, page, PAGE);
	guest->pagefile_pages = number + 1;
	return number;
}

/* Pages of the file as it lies on disk. */
static uint64_t file_pages(const struct guest *guest)
{
	return util_round_up(guest->pagefile_pages + 1, FILE_UNIT);
}

void guest_pagefile_write(const struct guest *guest, const char *path)
{
	uint64_t size = file_pages(guest) * PAGE;
	uint8_t *bytes = util_alloc(size, 1);
	if (guest->pagefile)
		memcpy(bytes, guest->pagefile, guest->pagefile_pages * PAGE);
	util_write_file(path, bytes, size);
	free(bytes);
}

/* The memory of the store's structures, and that of the process that keeps the pages. */
static uint64_t kernel_new(void *context, uint64_t size)
{
	return guest_pool_alloc(context, GUEST_NONPAGED, (uint32_t)util_round_up(size, PAGE),
				"smBt");
}

static void kernel_write(void *context, uint64_t va, const void *data, size_t size)
{
	paging_write(((struct guest *)context)->kernel, va, data, size);
}

static void owner_map(void *context, uint64_t va, uint64_t size)
{
	struct guest *guest = context;
	if (va + size > REGIONS_AT + REGIONS_SIZE)
		util_die("too many pages to compress");
	paging_map_new(guest->store->owner->space, va, size, PAGE_USER | PAGE_WRITE);
}

static void owner_write(void *context, uint64_t va, const void *data, size_t size)
{
	paging_write(((struct guest *)context)->store->owner->space, va, data, size);
}

bool guest_compresses(const struct guest *guest)
{
	return guest->options.store &&
	       store_writer_knows(guest->options.store, guest->build, guest->options.arch);
}

void guest_store_new(struct guest *guest)
{
	if (!guest_compresses(guest))
		return;
	struct guest_store *store = guest->store = util_alloc(1, sizeof(*store));
	store->owner =
		guest_process_new(guest, &(struct guest_process_options){.name = "MemCompression",
									 .pid = OWNER_PID,
									 .ppid = 4,
									 .kernel_only = true});
	guest_vad_add(store->owner, REGIONS_AT, REGIONS_SIZE, PROTECTION_READWRITE);
	store->next = FIRST_PAGE + util_random_below(&guest->random, FILE_UNIT);
	store->writer = store_writer_new(&(struct store_options){
		.facts = guest->options.store,
		.build = guest->build,
		.arch = guest->options.arch,
		.memory = {.context = guest,
			   .kernel_new = kernel_new,
			   .kernel_write = kernel_write,
			   .owner_map = owner_map,
			   .owner_write = owner_write},
		.owner = store->owner->eprocess,
		.region_base = REGIONS_AT,
		.stores = STORES,
		.node_limit = NODE_LIMIT,
		.detours = DETOURS,
		.seed = util_random(&guest->random),
	});
}

void guest_store_free(struct guest *guest)
{
	if (!guest->store)
		return;
	store_writer_free(guest->store->writer);
	free(guest->store);
}

uint64_t guest_store_add(struct guest *guest, const uint8_t *page)
{
	struct guest_store *store = guest->store;
	if (!store)
		util_die("build %u does not compress pages, as far as is known", guest->build);
	uint64_t number = store->next;
	store->next += 1 + util_random_below(&guest->random, 3);
	if (number >= MOST_STORED)
		util_die("too many pages to compress");
	store_writer_add(store->writer, GUEST_VIRTUAL_STORE, number, page);
	return number;
}

/* The stores' structures, and the kernel's variable that leads to them. */
static void write_store(struct guest *guest)
{
	struct paging *owner = guest->store->owner->space;
	uint64_t globals = guest_symbol(guest, "SmGlobals"), link;
	size_t size;
	store_writer_finish(guest->store->writer);
	const uint8_t *bytes = store_writer_globals(guest->store->writer, &size, &link);
	if (bytes)
		paging_write(guest->kernel, globals, bytes, size);
	else
		paging_put_pointer(guest->kernel, globals, link);
	/* its own working set is trimmed as any other */
	for (uint64_t va = REGIONS_AT; va < REGIONS_AT + REGIONS_SIZE; va += PAGE) {
		if (paging_entry(owner, va) & 1 &&
		    !util_random_below(&guest->random, TRIMMED_ONE_IN))
			paging_set_state(owner, va, PAGE_TRANSITION);
	}
}

/* One MMPAGING_FILE, and its place in the array. */
static void put_file(struct guest *guest, unsigned int number, const char *name, uint64_t pages)
{
	static const char type[] = "_MMPAGING_FILE";
	struct paging *space = guest->kernel;
	uint64_t va = guest_pool_alloc(guest, GUEST_NONPAGED, size_of(guest->layout, type), "Mm  ");
	/* SIZE_T; ULONG in Windows 11 24H2 */
	unsigned int width = offset_of(guest->layout, type, "MaximumSize") -
			     offset_of(guest->layout, type, "Size");
	guest_put(guest, space, va, type, "Size", pages, width);
	guest_put(guest, space, va, type, "MaximumSize", pages * 3, width);
	if (name) {
		uint64_t file = guest_object_new(guest, GUEST_TYPE_FILE,
						 size_of(guest->layout, "_FILE_OBJECT"), "File");
		guest_put_pointer(guest, space, va, type, "File", file);
		guest_put_kernel_string(guest, va + offset_of(guest->layout, type, "PageFileName"),
					name);
	}
	if (layout_find(guest->layout, type, "PageFileNumber")->bits)
		guest_put_bits(guest, va, type, "PageFileNumber", number);
	else /* XP and Server 2003 */
		guest_put(guest, space, va, type, "PageFileNumber", number, 4);
	if (!name)
		guest_put_bits(guest, va, type, "VirtualStorePagefile", 1);
	paging_put_pointer(space, guest_symbol(guest, "MmPagingFile") + number * guest->pointer,
			   va);
}

void guest_page_files_write(struct guest *guest)
{
	enum { FIRST_SWAPFILE = 9200, SWAPFILE_PAGES = 0x1000 };
	if (!layout_has(guest->layout, "_MMPAGING_FILE", "PageFileNumber"))
		return;
	put_file(guest, GUEST_PAGEFILE, "\\??\\C:\\pagefile.sys", file_pages(guest));
	if (guest->build >= FIRST_SWAPFILE)
		put_file(guest, GUEST_SWAPFILE, "\\??\\C:\\swapfile.sys", SWAPFILE_PAGES);
	if (!guest->store)
		return;
	put_file(guest, GUEST_VIRTUAL_STORE, NULL, MOST_STORED);
	write_store(guest);
}
