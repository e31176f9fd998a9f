/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The compressed store of Windows 10 and later: pages that the memory manager took out of working
 * sets, compressed, and kept in the private memory of the process MemCompression. A page is known
 * by the number of its page file (the virtual one) and its offset in it, as page-table entries have
 * them.
 *
 * None of this is in the public symbols. Sources: Sardar and Stancill of FireEye, "Finding Evil in
 * Windows 10 Compressed Memory" (2019), and MemProcFS. The offsets are in the profiles.
 *
 * Room: store.
 */
#ifndef IMPSCAN_STORE_H
#define IMPSCAN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/budget.h>
#include <impscan/cleanup.h>
#include <impscan/entry.h>
#include <impscan/space.h>

/* The members of a profile for the store: offsets and sizes in bytes, of the structures named. */
struct store_layout {
	unsigned int pointer_size; /* 4 or 8 */

	/* SM_PAGE_KEY */
	struct entry_field key_number; /* the page file's; `bits` 0: keys don't have it */
	struct entry_field key_offset;

	/* SMKM_STORE_MGR */
	uint32_t manager_link; /* its offset behind SmGlobals; 0: it is SmGlobals itself */
	uint32_t manager_smkm;
	uint32_t manager_tree; /* KeyToStoreTree */

	/* SMKM_STORE_METADATA */
	uint32_t metadata_size;
	uint32_t metadata_store;

	/* SMKM_STORE, and ST_DATA_MGR in it: from the start of SMKM_STORE */
	uint32_t store_regions; /* CompressedRegionPtrArray */
	uint32_t store_owner;	/* OwnerProcess */
	uint32_t store_tree;	/* PagesTree */
	uint32_t store_chunks;	/* ChunkMetaData */
	uint32_t store_self;	/* SmkmStore: points back */
	uint32_t store_region_size_mask;
	uint32_t store_region_index_mask;
	bool has_algorithm; /* else all pages are compressed by LZ4 */
	uint32_t store_algorithm;

	/* SMHP_CHUNK_METADATA, and the size of an element of its arrays */
	uint32_t chunks_pointers;
	uint32_t chunks_bit_value;
	uint32_t chunks_records_mask;
	uint32_t chunks_record_size;
	uint32_t chunks_header_size;
	uint32_t chunk_size;

	/* B_TREE: a node is a page of sorted elements, of inner nodes or of leaves */
	uint32_t tree_elements;
	uint32_t tree_leaf;
	uint32_t tree_left_child;
	uint32_t tree_nodes;
	uint32_t inner_size, inner_key, inner_child;
	uint32_t leaf_size, leaf_key, leaf_value;

	/* ST_PAGE_RECORD */
	uint32_t record_key;
	uint32_t record_size;
	uint32_t record_next;

	/* EPROCESS.Pcb + KPROCESS.DirectoryTableBase */
	uint32_t process_dtb;
};

struct store;

/* What store_find() found. */
struct store_summary {
	uint64_t manager;    /* SMKM_STORE_MGR */
	unsigned int stores; /* the number of stores that are consistent */
	uint64_t owner; /* EPROCESS of the process whose memory has the first store's regions */
};

/*
 * Searches the kernel image, the `size` bytes at `start`, for the store manager: a structure of
 * that shape, with sound trees and at least one store whose process can be read. `kernel` is a
 * space of the kernel's page map.
 *
 * Returns the store, which the caller frees; NULL when there is none (memory compression is off, or
 * was not yet used) or when `budget` (NULL: no limit) was used up before the end of the search.
 */
struct store *store_find(struct space *kernel, const struct store_layout *layout, uint64_t start,
			 uint64_t size, struct budget *budget);
void store_free(struct store *store);
DEFINE_CLEANUP(struct store, store_free)
#define _cleanup_store_ _cleanup_(store_free_p)

struct store_summary store_summary(const struct store *store);

/*
 * Makes `memory` read the pages of the virtual page file from the store, which it then owns.
 * `number`: of that page file, or -1, as for memory_set_store().
 */
void store_attach(struct store *store, struct memory *memory, int number);

/* The store that was attached to the memory; NULL when there is none. The memory owns it. */
const struct store *store_of(const struct memory *memory);

/* One thread's access to a store, through spaces of its own. The caller frees it. */
struct store_reader;
struct store_reader *store_reader_new(const struct store *store, const struct memory *memory);
void store_reader_free(struct store_reader *reader);
DEFINE_CLEANUP(struct store_reader, store_reader_free)
#define _cleanup_store_reader_ _cleanup_(store_reader_free_p)

/*
 * Writes a page, decompressed, to the 4096 bytes of `buffer`. Returns NULL for success; otherwise
 * static words that say why not ("corrupt record"), and the contents of `buffer` are undefined.
 */
const char *store_page(struct store_reader *reader, unsigned int page_file, uint64_t offset,
		       uint8_t *buffer);

#endif
