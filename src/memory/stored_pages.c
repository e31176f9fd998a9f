/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pages that a space has read from the compressed store. Pointers to them stay valid as long as
 * the space, so none is freed before it. Their number is limited by memory_set_store_pages(); most
 * spaces live too shortly (for a process) to come near.
 */
#include "memory/paging.h"

#include <stdlib.h>

#include <impscan/alloc.h>

struct stored_page {
	uint64_t key;  /* offset << 4 | page file */
	uint8_t *data; /* NULL: could not be read */
	const char *why;
};

struct stored_pages {
	const struct page_store_ops *store;
	void *reader;		   /* of the store */
	struct stored_page *slots; /* a hash table, at most half full */
	size_t capacity;	   /* a power of two */
	size_t count;
	size_t kept; /* those with data */
};

static struct stored_page *slot_of(struct stored_page *slots, size_t capacity, uint64_t key)
{
	size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (capacity - 1);
	/* An empty slot has neither data nor words. */
	while ((slots[at].data || slots[at].why) && slots[at].key != key)
		at = (at + 1) & (capacity - 1);
	return &slots[at];
}

static void grow(struct stored_pages *stored)
{
	size_t capacity = stored->capacity ? stored->capacity * 2 : 64;
	struct stored_page *slots = alloc_zero(capacity, sizeof(*slots));
	for (size_t i = 0; i < stored->capacity; i++)
		if (stored->slots[i].data || stored->slots[i].why)
			*slot_of(slots, capacity, stored->slots[i].key) = stored->slots[i];
	free(stored->slots);
	stored->slots = slots;
	stored->capacity = capacity;
}

static struct stored_pages *stored_of(struct space *space)
{
	if (!space->stored) {
		const struct memory *memory = space->memory;
		space->stored = alloc_new(struct stored_pages);
		space->stored->store = memory->store;
		space->stored->reader = memory->store->new_reader(memory->store_state, memory);
		grow(space->stored);
	}
	return space->stored;
}

void stored_pages_free(struct stored_pages *stored)
{
	if (!stored)
		return;
	for (size_t i = 0; i < stored->capacity; i++)
		free(stored->slots[i].data);
	free(stored->slots);
	stored->store->free_reader(stored->reader);
	free(stored);
}

/* Reads a page from the store, or finds it among those that were read. */
static void find(struct space *space, struct page *page, uint8_t *buffer)
{
	const struct memory *memory = space->memory;
	struct stored_pages *stored = stored_of(space);
	uint64_t key = page->page_file_offset << 4 | page->page_file;
	struct stored_page *slot = slot_of(stored->slots, stored->capacity, key);
	page->data = slot->data;
	page->why = slot->why;
	if (slot->data || slot->why)
		return;
	bool full = stored->kept >= memory->store_pages;
	if (full && !buffer) {
		page->why = "more pages than are kept";
		return;
	}
	uint8_t *data = full ? buffer : alloc_zero(PAGE_SIZE, 1);
	page->why =
		stored->store->read(stored->reader, page->page_file, page->page_file_offset, data);
	page->data = page->why ? NULL : data;
	if (full)
		return;
	if (page->why) {
		free(data);
		/* Hostile entries could name any number of pages that are not there. */
		if (stored->count - stored->kept >= memory->store_pages)
			return;
		data = NULL;
	}
	*slot = (struct stored_page){.key = key, .data = data, .why = page->why};
	stored->kept += data != NULL;
	if (++stored->count * 2 > stored->capacity)
		grow(stored);
}

void stored_page_find(struct space *space, struct page *page, uint8_t *buffer)
{
	const struct memory *memory = space->memory;
	bool absent = space->without_store;
	page->compressed = true;
	if (space->without_store) {
		page->why = "itself compressed";
	} else if (!memory->store) {
		page->why = memory->store_why;
	} else {
		find(space, page, buffer);
		absent = page->why == memory->store->absent;
	}
	/* Where the virtual page file's number is not known: then it is of an ordinary one. */
	if (memory->store_number < 0 && absent) {
		page->compressed = false;
		page->why = NULL;
	}
}
