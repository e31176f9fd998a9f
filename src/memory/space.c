/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/memory.h>
#include <impscan/space.h>
#include <impscan/text.h>

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

void space_look_up(struct space *space, uint64_t address, struct page *page)
{
	space_refresh(space);
	*page = (struct page){.span = PAGE_SIZE, .state = PAGE_NO_TABLE};
	if (!space_canonical(space, address))
		return;
	space->memory->operations->walk(space, address, page);
	if (page->state != PAGE_VALID)
		entry_resolve(space, address, page);
}

void space_page(struct space *space, uint64_t address, struct page *page)
{
	space_look_up(space, address, page);
	page_find(space, page, NULL);
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
	if (used && page->page_file_offset < file->pages)
		page->data = file->data + page->page_file_offset * PAGE_SIZE;
	else if (used)
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

bool space_u16(struct space *space, uint64_t address, uint16_t *value)
{
	uint8_t bytes[2];
	if (!space_read(space, address, bytes, sizeof(bytes)))
		return false;
	*value = le16(bytes);
	return true;
}

bool space_u32(struct space *space, uint64_t address, uint32_t *value)
{
	uint8_t bytes[4];
	if (!space_read(space, address, bytes, sizeof(bytes)))
		return false;
	*value = le32(bytes);
	return true;
}

bool space_u64(struct space *space, uint64_t address, uint64_t *value)
{
	uint8_t bytes[8];
	if (!space_read(space, address, bytes, sizeof(bytes)))
		return false;
	*value = le64(bytes);
	return true;
}

bool space_pointer(struct space *space, uint64_t address, unsigned int size, uint64_t *value)
{
	if (size == 8)
		return space_u64(space, address, value);
	uint32_t narrow;
	if (!space_u32(space, address, &narrow))
		return false;
	*value = narrow;
	return true;
}

bool space_unicode_place(struct space *space, uint64_t address, unsigned int pointer_size,
			 uint64_t *buffer, uint16_t *length)
{
	uint8_t header[16];
	if (!space_read(space, address, header, pointer_size == 8 ? 16 : 8))
		return false;
	*length = le16(header);
	*buffer = le_pointer(header + (pointer_size == 8 ? 8 : 4), pointer_size);
	return !*length || (*length % 2 == 0 && *buffer);
}

char *space_utf16(struct space *space, uint64_t buffer, uint16_t length)
{
	if (!length)
		return alloc_strdup("");
	_cleanup_free_ uint8_t *utf16 = alloc_zero(length, 1);
	if (!space_read(space, buffer, utf16, length))
		return NULL;
	return text_from_utf16(utf16, length);
}

char *space_unicode_string(struct space *space, uint64_t address, unsigned int pointer_size)
{
	uint64_t buffer;
	uint16_t length;
	if (!space_unicode_place(space, address, pointer_size, &buffer, &length))
		return NULL;
	return space_utf16(space, buffer, length);
}
