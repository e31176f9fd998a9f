/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looking up one page, and reading bytes through a space. The walk over the processor's tables is
 * that of the paging (x86.c, pae.c, x64.c); here is what follows when it ends at an entry that is
 * not valid: the prototype PTE, which is read through the kernel's space, the page file, the
 * compressed store.
 */
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/memory.h>
#include <impscan/space.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory/paging.h"

struct space *space_new(const struct memory *memory, uint64_t dtb)
{
	struct space *space = alloc_new(struct space);
	space->memory = memory;
	space->dtb = dtb;
	space->generation = memory->generation;
	return space;
}

void space_free(struct space *space)
{
	if (!space)
		return;
	stored_pages_free(space->stored);
	free(space);
}

const struct memory *space_memory(const struct space *space)
{
	return space->memory;
}

uint64_t space_dtb(const struct space *space)
{
	return space->dtb;
}

void space_set_prototypes(struct space *space, struct space *kernel, space_find_prototype *find,
			  void *context)
{
	space->kernel = kernel;
	space->find_prototype = find;
	space->find_context = context;
}

void space_leave_out_store(struct space *space)
{
	space->without_store = true;
}

bool space_canonical(const struct space *space, uint64_t address)
{
	return space->memory->operations->canonical(address);
}

void space_refresh(struct space *space)
{
	if (space->generation == space->memory->generation)
		return;
	/* tables too: they may be paged out as other pages are */
	memset(space->pages, 0, sizeof(space->pages));
	memset(space->tables, 0, sizeof(space->tables));
	space->generation = space->memory->generation;
}

static void fill_rights(const struct page_entry *entry, struct page *page)
{
	page->writable = entry->writable;
	page->executable = entry->executable;
}

/* Fills in what an entry says itself, one that does not lead to a prototype PTE. */
static void fill_place(const struct page_entry *entry, struct page *page)
{
	static const enum page_state states[] = {
		[ENTRY_VALID] = PAGE_VALID,	   [ENTRY_TRANSITION] = PAGE_TRANSITION,
		[ENTRY_PAGE_FILE] = PAGE_PAGEFILE, [ENTRY_DEMAND_ZERO] = PAGE_DEMAND_ZERO,
		[ENTRY_MAPPED_FILE] = PAGE_FILE,
	};
	page->state = states[entry->kind];
	page->frame = entry->frame;
	page->page_file = entry->page_file;
	page->page_file_offset = entry->page_file_offset;
}

/* Reads the prototype PTE at a kernel address. PAGE_LOST when it is not present. */
static void read_prototype(struct space *space, uint64_t prototype, struct page *page)
{
	uint8_t bytes[8];
	struct page_entry entry;
	unsigned int size = space->memory->operations->entry_size;
	page->prototype = true;
	page->state = PAGE_LOST;
	if (!space->kernel || !space_read(space->kernel, prototype, bytes, size))
		return;
	entry_decode_prototype(&space->memory->format, le_pointer(bytes, size), &entry);
	fill_place(&entry, page);
	if (entry.kind != ENTRY_VALID)
		fill_rights(&entry, page);
}

void space_prototype_page(struct space *space, uint64_t prototype, struct page *page)
{
	read_prototype(space, prototype, page);
	page_find(space, page, NULL);
}

/* Reads the prototype PTE that the VAD has for a page; false when it has none. */
static bool ask_vad(struct space *space, uint64_t address, struct page *page)
{
	uint64_t prototype =
		space->find_prototype ? space->find_prototype(space->find_context, address) : 0;
	if (!prototype)
		return false;
	read_prototype(space, prototype, page);
	return true;
}

/* Follows an entry that leads to a prototype PTE. */
static void follow_prototype(struct space *space, uint64_t address, const struct page_entry *entry,
			     struct page *page)
{
	page->prototype = true;
	page->state = PAGE_LOST;
	if (entry->kind == ENTRY_ASK_VAD) {
		(void)ask_vad(space, address, page);
	} else if (entry->prototype) {
		read_prototype(space, entry->prototype, page);
		if (page->state == PAGE_LOST && entry->prototype_unmasked != entry->prototype)
			read_prototype(space, entry->prototype_unmasked, page);
	}
	/* This process's own protection goes before that of the section. */
	if (entry->protection)
		fill_rights(entry, page);
}

/* Without a page table or an entry: perhaps a view of a section that was not touched here. */
static void find_untouched(struct space *space, uint64_t address, struct page *page)
{
	uint64_t span = page->span;
	enum page_state state = page->state;
	page->span = PAGE_SIZE;
	if (ask_vad(space, address, page))
		return;
	page->span = span;
	page->state = state == PAGE_NO_TABLE ? state : PAGE_DEMAND_ZERO;
}

/* Finds out what the entry of a page table says, which is not valid. */
static void resolve(struct space *space, uint64_t address, struct page *page)
{
	struct page_entry entry;
	if (page->state == PAGE_NO_TABLE || !page->entry) {
		find_untouched(space, address, page);
		return;
	}
	entry_decode(&space->memory->format, page->entry, &entry);
	if (entry.kind == ENTRY_PROTOTYPE || entry.kind == ENTRY_ASK_VAD) {
		follow_prototype(space, address, &entry, page);
		return;
	}
	fill_place(&entry, page);
	fill_rights(&entry, page);
}

void space_look_up(struct space *space, uint64_t address, struct page *page)
{
	space_refresh(space);
	*page = (struct page){.span = PAGE_SIZE, .state = PAGE_NO_TABLE};
	if (!space_canonical(space, address))
		return;
	space->memory->operations->walk(space, address, page);
	if (page->state != PAGE_VALID && page->state != PAGE_LEFT_OUT)
		resolve(space, address, page);
}

void space_page(struct space *space, uint64_t address, struct page *page)
{
	space_look_up(space, address, page);
	page_find(space, page, NULL);
}

const uint8_t *space_table_behind(struct space *space, uint64_t bits)
{
	struct page_entry entry;
	struct page page = {0};
	if (!bits || bits & PTE_PROTOTYPE)
		return NULL;
	entry_decode(&space->memory->format, bits, &entry);
	fill_place(&entry, &page);
	page_find(space, &page, NULL);
	return page.data;
}

void page_find(struct space *space, struct page *page, uint8_t *buffer)
{
	const struct memory *memory = space->memory;
	page->data = NULL;
	page->why = NULL;
	if (page->state == PAGE_VALID || page->state == PAGE_TRANSITION) {
		page->data = image_page(memory->image, page->frame);
		return;
	}
	if (page->state != PAGE_PAGEFILE)
		return;
	const struct page_file *file = memory_page_file(memory, page->page_file);
	bool used = file && file->used;
	if (used && page->page_file_offset < file->pages) {
		page->data = page_file_page(file, page->page_file_offset);
		if (!page->data)
			page->why = "the page file given can't be unpacked there";
	} else if (used)
		page->why = "beyond the end of the page file given";
	else if (page->page_file == memory->store_number ||
		 (memory->store_number < 0 && memory->store))
		stored_page_find(space, page, buffer);
	if (file && !used && !page->data && !page->compressed)
		page->why = "the page file given is not that of this image";
}

const char *page_why(const struct page *page, char *buffer, size_t size)
{
	switch (page->state) {
	case PAGE_VALID:
	case PAGE_TRANSITION:
		snprintf(buffer, size, "physical page 0x%llx not in image",
			 (unsigned long long)page->frame);
		return buffer;
	case PAGE_PAGEFILE:
		if (page->compressed && page->why) {
			snprintf(buffer, size, "compressed store: %s", page->why);
			return buffer;
		}
		if (page->why)
			return page->why;
		snprintf(buffer, size, "page file %u not given", page->page_file);
		return buffer;
	case PAGE_FILE:
		return "only in the file on disk";
	case PAGE_DEMAND_ZERO:
		return "demand zero";
	case PAGE_LOST:
		return "prototype PTE not present";
	case PAGE_NO_TABLE:
		return page->entry ? "page table not present" : "not mapped";
	case PAGE_LEFT_OUT:
		return "not in the dump";
	}
	return "unknown";
}

/* The bytes of the page at `address`, for those who want nothing else of it. */
static const uint8_t *find_bytes(struct space *space, uint64_t address, uint8_t *buffer)
{
	uint64_t number = address / PAGE_SIZE;
	struct space_bytes *known = &space->pages[number % SPACE_PAGES];
	space_refresh(space);
	if (known->tag == number + 1)
		return known->data;
	struct page page;
	space_look_up(space, address, &page);
	page_find(space, &page, buffer);
	if (page.data && page.data != buffer)
		*known = (struct space_bytes){number + 1, page.data};
	return page.data;
}

const uint8_t *space_at(struct space *space, uint64_t address, size_t *available)
{
	const uint8_t *page = find_bytes(space, address, NULL);
	if (!page)
		return NULL;
	size_t offset = (size_t)(address & (PAGE_SIZE - 1));
	*available = (size_t)PAGE_SIZE - offset;
	return page + offset;
}

bool space_read(struct space *space, uint64_t address, void *buffer, size_t size)
{
	uint8_t *to = buffer;
	uint8_t decompressed[PAGE_SIZE];
	while (size) {
		const uint8_t *page = find_bytes(space, address, decompressed);
		if (!page)
			return false;
		size_t offset = (size_t)(address & (PAGE_SIZE - 1));
		size_t part = min_of((size_t)PAGE_SIZE - offset, size);
		memcpy(to, page + offset, part);
		to += part;
		size -= part;
		if (size && address > UINT64_MAX - part)
			return false;
		address += part;
	}
	return true;
}
