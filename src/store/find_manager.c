/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finding the store manager without symbols. Up to Windows 11 21H2 it is SmGlobals itself, a
 * variable of the kernel; from 22H2 on it is allocated, and SmGlobals has a pointer into it. So
 * each pointer in the kernel image is tried. What it leads to must have a sound tree, and stores
 * with sound trees, chunks and a process that can be read.
 */
#include "store/internal.h"

#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/kernel_address.h>

#define ARRAYS 32 /* elements of SMKM.StoreMetaDataPtrArray, and metadata in each array */

/* Steps of a page of the image, of reading a pointer, of a tree's node, of a store. */
#define WORD_STEPS    1
#define POINTER_STEPS 1
#define NODE_STEPS    2
#define STORE_STEPS   5

struct search {
	struct space *kernel;
	const struct store_layout *layout;
	struct budget *budget;
	struct address_set tried; /* managers that were rated */
	struct store_summary best;
	unsigned int best_score;
};

/* False also when the budget is used up, so that all loops over pointers end. */
static bool read_pointer(const struct search *search, uint64_t address, uint64_t *value)
{
	if (!budget_spend(search->budget, POINTER_STEPS))
		return false;
	return space_pointer(search->kernel, address, search->layout->pointer_size, value);
}

static bool is_tree(const struct search *search, uint64_t root)
{
	(void)budget_spend(search->budget, NODE_STEPS);
	return store_tree_check(search->kernel, search->layout, root);
}

/* How well a structure fits a store: 0 not, 2 if it also points to itself as a store does. */
static unsigned int rate_store(const struct search *search, uint64_t store, uint64_t *owner)
{
	const struct store_layout *layout = search->layout;
	uint64_t chunks = store + layout->store_chunks;
	uint64_t tree, regions, dtb, self;
	uint32_t shift, size, header, region_shift;
	if (!budget_spend(search->budget, STORE_STEPS) ||
	    !read_pointer(search, store + layout->store_tree, &tree) || !is_tree(search, tree))
		return 0;
	if (!space_u32(search->kernel, chunks + layout->chunks_bit_value, &shift) ||
	    !space_u32(search->kernel, chunks + layout->chunks_record_size, &size) ||
	    !space_u32(search->kernel, chunks + layout->chunks_header_size, &header) ||
	    !space_u32(search->kernel, store + layout->store_region_index_mask, &region_shift))
		return 0;
	if ((shift & 0xff) >= 32 || (region_shift & 0xff) >= 32 || size < layout->record_size + 2 ||
	    size > PAGE_SIZE || header >= PAGE_SIZE)
		return 0;
	if (!read_pointer(search, store + layout->store_regions, &regions) ||
	    !is_kernel_pointer(layout->pointer_size, regions))
		return 0;
	if (!read_pointer(search, store + layout->store_owner, owner) ||
	    !is_kernel_pointer(layout->pointer_size, *owner) ||
	    !read_pointer(search, *owner + layout->process_dtb, &dtb) || !(dtb & ~(PAGE_SIZE - 1)))
		return 0;
	return read_pointer(search, store + layout->store_self, &self) && self == store ? 2 : 1;
}

/* Adds up the ratings of the stores of one array of metadata. */
static unsigned int rate_array(const struct search *search, uint64_t array,
			       struct store_summary *summary)
{
	const struct store_layout *layout = search->layout;
	unsigned int score = 0;
	for (unsigned int i = 0; i < ARRAYS; i++) {
		uint64_t store, owner;
		if (!read_pointer(search,
				  array + (uint64_t)i * layout->metadata_size +
					  layout->metadata_store,
				  &store))
			return score;
		if (!is_kernel_pointer(layout->pointer_size, store))
			continue;
		unsigned int rating = rate_store(search, store, &owner);
		if (rating && !summary->stores++)
			summary->owner = owner;
		score += rating;
	}
	return score;
}

static void try_manager(struct search *search, uint64_t manager)
{
	const struct store_layout *layout = search->layout;
	struct store_summary summary = {.manager = manager};
	unsigned int score = 0;
	uint64_t tree, array;
	if (!read_pointer(search, manager + layout->manager_tree, &tree) ||
	    !is_kernel_pointer(layout->pointer_size, tree) || tree % PAGE_SIZE)
		return;
	if (!read_pointer(search, manager + layout->manager_smkm, &array) ||
	    !is_kernel_pointer(layout->pointer_size, array))
		return;
	if (!is_tree(search, tree) || !address_set_add(&search->tried, manager))
		return;
	for (unsigned int i = 0; i < ARRAYS; i++) {
		if (!read_pointer(search, manager + layout->manager_smkm + i * layout->pointer_size,
				  &array))
			return;
		if (is_kernel_pointer(layout->pointer_size, array))
			score += rate_array(search, array, &summary);
	}
	if (score > search->best_score) {
		search->best_score = score;
		search->best = summary;
	}
}

/* The user may give any profile: what is read from a node must lie inside of it. */
static bool layout_makes_sense(const struct store_layout *layout)
{
	uint32_t pointer = layout->pointer_size;
	return (pointer == 4 || pointer == 8) && layout->tree_nodes <= PAGE_SIZE / 2 &&
	       range_within(layout->tree_elements, 2, PAGE_SIZE) &&
	       range_within(layout->tree_leaf, 1, PAGE_SIZE) &&
	       range_within(layout->tree_left_child, pointer, PAGE_SIZE) &&
	       layout->inner_size <= PAGE_SIZE && layout->leaf_size <= PAGE_SIZE &&
	       range_within(layout->inner_key, 4, layout->inner_size) &&
	       range_within(layout->inner_child, pointer, layout->inner_size) &&
	       range_within(layout->leaf_key, 4, layout->leaf_size) &&
	       range_within(layout->leaf_value, 4, layout->leaf_size) &&
	       layout->key_offset.bit + layout->key_offset.bits <= 32 &&
	       layout->key_number.bit + layout->key_number.bits <= 32 && layout->metadata_size &&
	       layout->chunk_size;
}

struct store *store_find(struct space *kernel, const struct store_layout *layout, uint64_t start,
			 uint64_t size, struct budget *budget)
{
	struct search search = {.kernel = kernel, .layout = layout, .budget = budget};
	uint64_t end = start + size;
	unsigned int step = layout->pointer_size;
	uint64_t last = 0;
	if (!layout_makes_sense(layout))
		return NULL;
	for (uint64_t page = start & ~(PAGE_SIZE - 1); page < end; page += PAGE_SIZE) {
		size_t available;
		const uint8_t *data = space_at(kernel, page, &available);
		if (!budget_spend(budget, WORD_STEPS))
			break;
		if (!data || !any_kernel_pointer(data, PAGE_SIZE, step))
			continue;
		for (unsigned int at = 0; at < PAGE_SIZE && !budget_exceeded(budget); at += step) {
			uint64_t word = le_pointer(data + at, step);
			/* The same pointer once more leads to the same manager. */
			if (!is_kernel_pointer(layout->pointer_size, word) ||
			    (layout->manager_link && word == last))
				continue;
			last = word;
			if (layout->manager_link)
				try_manager(&search, word - layout->manager_link);
			else
				try_manager(&search, page + at - layout->manager_smkm);
		}
	}
	address_set_free(&search.tried);
	if (!search.best_score || budget_exceeded(budget))
		return NULL;
	struct store *store = alloc_new(struct store);
	store->layout = *layout;
	store->dtb = space_dtb(kernel);
	store->summary = search.best;
	return store;
}
