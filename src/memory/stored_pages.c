/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pages that a space has read from the compressed store. Pointers to them stay valid as long as
 * the space, so none is freed before it. Their number is limited by memory_set_store_pages(); most
 * spaces live too shortly (for a process) to come near.
 */
#include "memory/paging.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/hash_table.h>

struct stored_page {
	uint64_t key;  /* offset << 4 | page file */
	uint8_t *data; /* NULL: could not be read */
	const char *why;
};

struct stored_pages {
	const struct page_store_ops *store;
	void *reader;		 /* of the store */
	struct hash_table pages; /* of struct stored_page, by key */
	size_t kept;		 /* those with data */
};

/* A free slot has neither data nor words. */
static bool is_used(const void *slot, const void *key)
{
	const struct stored_page *page = slot;
	(void)key;
	return page->data || page->why;
}

static bool matches(const void *slot, const void *key)
{
	return ((const struct stored_page *)slot)->key == *(const uint64_t *)key;
}

static uint64_t slot_hash(const void *slot)
{
	return hash_number(((const struct stored_page *)slot)->key);
}

static const struct hash_kind kind = {sizeof(struct stored_page), is_used, matches, slot_hash};

static struct stored_pages *stored_of(struct space *space)
{
	if (!space->stored) {
		const struct memory *memory = space->memory;
		space->stored = alloc_new(struct stored_pages);
		space->stored->store = memory->store;
		space->stored->reader = memory->store->new_reader(memory->store_state, memory);
	}
	return space->stored;
}

void stored_pages_free(struct stored_pages *stored)
{
	if (!stored)
		return;
	struct stored_page *pages = stored->pages.slots;
	for (size_t i = 0; i < stored->pages.capacity; i++)
		free(pages[i].data);
	free(pages);
	stored->store->free_reader(stored->reader);
	free(stored);
}

/* Reads a page from the store, or finds it among those that were read. */
static void find(struct space *space, struct page *page, uint8_t *buffer)
{
	const struct memory *memory = space->memory;
	struct stored_pages *stored = stored_of(space);
	uint64_t key = page->page_file_offset << 4 | page->page_file;
	struct stored_page *slot = hash_table_place(&stored->pages, &kind, hash_number(key), &key);
	page->data = slot->data;
	page->why = slot->why;
	if (is_used(slot, NULL))
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
		if (stored->pages.count - stored->kept >= memory->store_pages)
			return;
		data = NULL;
	}
	*slot = (struct stored_page){.key = key, .data = data, .why = page->why};
	stored->kept += data != NULL;
	stored->pages.count++;
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
