/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the number of a page file and an offset in it to the page's bytes. The two make a key, and
 * these structures lead on from there:
 *
 *	SMKM_STORE_MGR	KeyToStoreTree gives the number of the store that has the page; Smkm is an
 *			array of 32 pointers to arrays of 32 SMKM_STORE_METADATA, which point to it
 *	SMKM_STORE	PagesTree gives the page's number in the store
 *	ChunkMetaData	the page records, in chunks: array n (of 32) has 2^n chunks. The number's
 *			upper part, counted from 1, is the chunk, so its highest bit is the array;
 *			its lower part is the record in the chunk
 *	ST_PAGE_RECORD	its Key's upper part is the region in CompressedRegionPtrArray, the lower
 *			the place in it, in units of 16 bytes; CompressedSize the bytes. A Key of
 *			all ones: NextKey is the number of the record that counts
 *
 * Regions lie in the user memory of the process that owns the store.
 */
#include "store/internal.h"

#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/kernel_address.h>
#include <impscan/xpress.h>

/* Set beside the store's number in the kernel's tree while the store does not have the page. */
#define STORE_NOT_VALID	 0x01000000u
#define STORE_NUMBER	 0x3ffu
#define REGION_ALIGNMENT UINT64_C(0x10000)
#define RECORD_LINKS	 64 /* records that may lead on to one another */
#define ALGORITHM_XPRESS 3  /* COMPRESSION_FORMAT_XPRESS of ntifs.h */
#define OWNERS		 4  /* processes that own stores; there is one */

static const char bad_record[] = "corrupt record";

struct store_reader {
	const struct store *store;
	struct space *kernel;
	struct {
		uint64_t process;
		struct space *space;
	} owners[OWNERS];
};

void store_free(struct store *store)
{
	free(store);
}

struct store_summary store_summary(const struct store *store)
{
	return store->summary;
}

struct store_reader *store_reader_new(const struct store *store, const struct memory *memory)
{
	struct store_reader *reader = alloc_new(struct store_reader);
	reader->store = store;
	reader->kernel = space_new(memory, store->dtb);
	space_leave_out_store(reader->kernel);
	space_set_prototypes(reader->kernel, reader->kernel, NULL, NULL);
	return reader;
}

void store_reader_free(struct store_reader *reader)
{
	for (size_t i = 0; i < OWNERS; i++)
		if (reader->owners[i].space)
			space_free(reader->owners[i].space);
	space_free(reader->kernel);
	free(reader);
}

static bool read_pointer(const struct store_reader *reader, uint64_t address, uint64_t *value)
{
	return space_pointer(reader->kernel, address, reader->store->layout.pointer_size, value);
}

/* The SMKM_STORE that has the page. */
static const char *find_store(const struct store_reader *reader, uint32_t key, uint64_t *store)
{
	const struct store_layout *layout = &reader->store->layout;
	uint64_t manager = reader->store->summary.manager;
	uint64_t tree, metadata;
	uint32_t number;
	if (!read_pointer(reader, manager + layout->manager_tree, &tree))
		return store_unread;
	const char *why = store_tree_find(reader->kernel, layout, tree, key, &number);
	if (why)
		return why;
	if (number & STORE_NOT_VALID)
		return store_absent;
	number &= STORE_NUMBER;
	if (!read_pointer(reader,
			  manager + layout->manager_smkm + (number >> 5) * layout->pointer_size,
			  &metadata))
		return store_unread;
	if (!is_kernel_pointer(layout->pointer_size, metadata))
		return bad_record;
	if (!read_pointer(reader,
			  metadata + (uint64_t)(number & 31) * layout->metadata_size +
				  layout->metadata_store,
			  store))
		return store_unread;
	return is_kernel_pointer(layout->pointer_size, *store) ? NULL : bad_record;
}

/* The address of the record with a number. */
static const char *find_record(const struct store_reader *reader, uint64_t store, uint32_t number,
			       uint64_t *record)
{
	const struct store_layout *layout = &reader->store->layout;
	struct space *kernel = reader->kernel;
	uint64_t chunks = store + layout->store_chunks;
	uint32_t shift, mask, size, header;
	uint64_t array, chunk;
	if (!space_u32(kernel, chunks + layout->chunks_bit_value, &shift) ||
	    !space_u32(kernel, chunks + layout->chunks_records_mask, &mask) ||
	    !space_u32(kernel, chunks + layout->chunks_record_size, &size) ||
	    !space_u32(kernel, chunks + layout->chunks_header_size, &header))
		return store_unread;
	uint32_t encoded = (shift & 0xff) < 32 ? number >> (shift & 0xff) : 0;
	if (!encoded)
		return bad_record;
	unsigned int level = 31 - (unsigned int)__builtin_clz(encoded);
	uint32_t index = encoded ^ UINT32_C(1) << level;
	if (!read_pointer(reader, chunks + layout->chunks_pointers + level * layout->pointer_size,
			  &array))
		return store_unread;
	if (!is_kernel_pointer(layout->pointer_size, array))
		return bad_record;
	if (!read_pointer(reader, array + (uint64_t)index * layout->chunk_size, &chunk))
		return store_unread;
	if (!is_kernel_pointer(layout->pointer_size, chunk))
		return bad_record;
	*record = chunk + header + (uint64_t)(number & mask) * size;
	return NULL;
}

struct stretch {
	uint64_t address; /* in the owner's memory */
	unsigned int size;
};

/* Where the compressed bytes of the page with a number in the store lie. */
static const char *find_stretch(const struct store_reader *reader, uint64_t store, uint32_t number,
				struct stretch *stretch)
{
	const struct store_layout *layout = &reader->store->layout;
	struct space *kernel = reader->kernel;
	uint64_t record = 0, regions, region;
	uint32_t key = UINT32_MAX, mask, shift;
	uint16_t size;
	for (int links = 0; key == UINT32_MAX; links++) {
		const char *why = find_record(reader, store, number, &record);
		if (why)
			return why;
		if (links == RECORD_LINKS)
			return bad_record;
		if (!space_u32(kernel, record + layout->record_key, &key))
			return store_unread;
		if (key == UINT32_MAX && !space_u32(kernel, record + layout->record_next, &number))
			return store_unread;
	}
	if (!space_u16(kernel, record + layout->record_size, &size) ||
	    !space_u32(kernel, store + layout->store_region_size_mask, &mask) ||
	    !space_u32(kernel, store + layout->store_region_index_mask, &shift) ||
	    !read_pointer(reader, store + layout->store_regions, &regions))
		return store_unread;
	if ((shift & 0xff) >= 32 || !is_kernel_pointer(layout->pointer_size, regions))
		return bad_record;
	if (!read_pointer(reader,
			  regions + (uint64_t)(key >> (shift & 0xff)) * layout->pointer_size,
			  &region))
		return store_unread;
	/* The low bits of the pointer are a count. */
	region &= ~(REGION_ALIGNMENT - 1);
	if (!region || is_kernel_pointer(layout->pointer_size, region))
		return bad_record;
	stretch->address = region + ((uint64_t)(key & mask) << 4);
	stretch->size = size == PAGE_SIZE ? size : size & (PAGE_SIZE - 1);
	return NULL;
}

/* The memory of the process that owns a store; NULL when its page map can't be read. */
static struct space *owner_space(struct store_reader *reader, uint64_t store)
{
	uint64_t process, dtb;
	const struct store_layout *layout = &reader->store->layout;
	if (!read_pointer(reader, store + layout->store_owner, &process))
		return NULL;
	size_t i = 0;
	while (i < OWNERS && reader->owners[i].space && reader->owners[i].process != process)
		i++;
	if (i == OWNERS) {
		space_free(reader->owners[--i].space);
		reader->owners[i].space = NULL;
	}
	if (reader->owners[i].space)
		return reader->owners[i].space;
	if (!is_kernel_pointer(layout->pointer_size, process) ||
	    !read_pointer(reader, process + layout->process_dtb, &dtb) || !dtb)
		return NULL;
	reader->owners[i].process = process;
	reader->owners[i].space = space_new(space_memory(reader->kernel), dtb);
	space_leave_out_store(reader->owners[i].space);
	space_set_prototypes(reader->owners[i].space, reader->kernel, NULL, NULL);
	return reader->owners[i].space;
}

static const char *decompress(const struct store_reader *reader, uint64_t store,
			      const uint8_t *data, unsigned int size, uint8_t *buffer)
{
	const struct store_layout *layout = &reader->store->layout;
	uint16_t algorithm;
	ptrdiff_t written;
	if (!layout->has_algorithm) {
		written = LZ4_decompress_safe((const char *)data, (char *)buffer, (int)size,
					      (int)PAGE_SIZE);
	} else {
		if (!space_u16(reader->kernel, store + layout->store_algorithm, &algorithm))
			return store_unread;
		if (algorithm != ALGORITHM_XPRESS)
			return "compression method not known";
		written = xpress_decompress(data, size, buffer, PAGE_SIZE);
	}
	return written == (ptrdiff_t)PAGE_SIZE ? NULL : "data does not decompress";
}

/* Makes the key; false when the page file's number or the offset has too many bits for one. */
static bool make_key(const struct store_layout *layout, unsigned int page_file, uint64_t offset,
		     uint32_t *key)
{
	if (offset >> layout->key_offset.bits ||
	    (layout->key_number.bits && page_file >> layout->key_number.bits))
		return false;
	*key = (uint32_t)(offset << layout->key_offset.bit);
	if (layout->key_number.bits)
		*key |= (uint32_t)page_file << layout->key_number.bit;
	return true;
}

/* Are the compressed bytes not present because they were written to a page file themselves? */
static bool in_page_file(struct space *owner, const struct stretch *stretch)
{
	uint64_t end = stretch->address + stretch->size - 1;
	struct page first, last;
	space_page(owner, stretch->address, &first);
	space_page(owner, end, &last);
	const struct page *missing = first.data ? &last : &first;
	return missing->state == PAGE_PAGEFILE && !missing->compressed && !missing->why;
}

const char *store_page(struct store_reader *reader, unsigned int page_file, uint64_t offset,
		       uint8_t *buffer)
{
	const struct store_layout *layout = &reader->store->layout;
	struct stretch stretch;
	uint8_t data[PAGE_SIZE];
	uint32_t key, number;
	uint64_t store, tree;
	if (!make_key(layout, page_file, offset, &key))
		return store_absent;
	const char *why = find_store(reader, key, &store);
	if (why)
		return why;
	if (!read_pointer(reader, store + layout->store_tree, &tree))
		return store_unread;
	why = store_tree_find(reader->kernel, layout, tree, key, &number);
	if (why)
		return why;
	why = find_stretch(reader, store, number, &stretch);
	if (why)
		return why;
	if (!stretch.size) {
		memset(buffer, 0, PAGE_SIZE);
		return NULL;
	}
	struct space *owner = owner_space(reader, store);
	if (!owner)
		return "the process that holds it can't be read";
	if (!space_read(owner, stretch.address, data, stretch.size))
		return in_page_file(owner, &stretch) ? "its data in a page file not given"
						     : "its data not present";
	if (stretch.size == PAGE_SIZE) {
		memcpy(buffer, data, PAGE_SIZE);
		return NULL;
	}
	return decompress(reader, store, data, stretch.size, buffer);
}

static void *ops_new_reader(const void *state, const struct memory *memory)
{
	return store_reader_new(state, memory);
}

static void ops_free_reader(void *reader)
{
	store_reader_free(reader);
}

static const char *ops_read(void *reader, unsigned int page_file, uint64_t offset, uint8_t *buffer)
{
	return store_page(reader, page_file, offset, buffer);
}

static void ops_free_state(void *state)
{
	store_free(state);
}

static const struct page_store_ops ops = {
	.new_reader = ops_new_reader,
	.free_reader = ops_free_reader,
	.read = ops_read,
	.free_state = ops_free_state,
	.absent = store_absent,
};

void store_attach(struct store *store, struct memory *memory, int number)
{
	memory_set_store(memory, number, &ops, store, NULL);
}

const struct store *store_of(const struct memory *memory)
{
	return memory_store_state(memory, &ops);
}
