/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The compressed store of Windows 10 and later: pages that the memory manager took out of working
 * sets, compressed, and kept in the private memory of the process MemCompression. A page is asked
 * for by its page file (the virtual one) and its offset in it, as page-table entries name it.
 *
 * None of this is in the public symbols. What is known is due to Sardar and Stancill of FireEye
 * ("Finding Evil in Windows 10 Compressed Memory", 2019) and to MemProcFS; the offsets belong to
 * profiles.
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

/* Where things lie, by the members of a profile; bytes from the start of their structure. */
struct store_layout {
	unsigned int pointer_size; /* 4 or 8 */

	/* SM_PAGE_KEY: the page file's number; `bits` 0: not part of it. */
	struct entry_field key_number;
	struct entry_field key_offset;

	/* SMKM_STORE_MGR: its own offset in what SmGlobals points to; 0: it is SmGlobals. */
	uint32_t manager_link;
	uint32_t manager_smkm;
	uint32_t manager_tree; /* KeyToStoreTree */

	/* SMKM_STORE_METADATA */
	uint32_t metadata_size;
	uint32_t metadata_store;

	/* SMKM_STORE; `store_` + ST_STORE.StDataMgr + ST_DATA_MGR member is taken together. */
	uint32_t store_regions; /* CompressedRegionPtrArray */
	uint32_t store_owner;	/* OwnerProcess */
	uint32_t store_tree;	/* PagesTree */
	uint32_t store_chunks;	/* ChunkMetaData */
	uint32_t store_self;	/* SmkmStore: points back */
	uint32_t store_region_size_mask;
	uint32_t store_region_index_mask;
	bool has_algorithm; /* else all is LZ4 */
	uint32_t store_algorithm;

	/* SMHP_CHUNK_METADATA, and the size of what its arrays consist of */
	uint32_t chunks_pointers;
	uint32_t chunks_bit_value;
	uint32_t chunks_records_mask;
	uint32_t chunks_record_size;
	uint32_t chunks_header_size;
	uint32_t chunk_size;

	/* B_TREE: a page with sorted entries, inner ones and leaves */
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

/* What was found, for --info. */
struct store_summary {
	uint64_t manager;    /* SMKM_STORE_MGR */
	unsigned int stores; /* those that make sense */
	uint64_t owner;	     /* EPROCESS that holds the first one's regions */
};

/*
 * Looks for the store manager in the `size` bytes of the kernel image at `start`: by its shape, by
 * its trees and by at least one store whose process can be read. NULL when there is none (memory
 * compression is off, or never had work). `kernel` is a space of the kernel's page map. Spends of
 * `budget` (NULL: without bound); when that ends, there is none: what was not seen might be it.
 */
struct store *store_find(struct space *kernel, const struct store_layout *layout, uint64_t start,
			 uint64_t size, struct budget *budget);
void store_free(struct store *store);
DEFINE_CLEANUP(struct store, store_free)
#define _cleanup_store_ _cleanup_(store_free_p)

struct store_summary store_summary(const struct store *store);

/*
 * Makes `memory` read the pages of the virtual page file from the store, which it then owns. `number`:
 * of that page file, or -1, as for memory_set_store().
 */
void store_attach(struct store *store, struct memory *memory, int number);

/* The store that was attached to the memory; NULL when there is none. The memory owns it. */
const struct store *store_of(const struct memory *memory);

/* How one thread reads a store: through spaces of its own. */
struct store_reader;
struct store_reader *store_reader_new(const struct store *store, const struct memory *memory);
void store_reader_free(struct store_reader *reader);
DEFINE_CLEANUP(struct store_reader, store_reader_free)
#define _cleanup_store_reader_ _cleanup_(store_reader_free_p)

/*
 * Decompresses one page to the 4096 bytes of `buffer`. NULL for success; otherwise static words
 * that say why not ("corrupt record"), and nothing is promised of `buffer`.
 */
const char *store_page(struct store_reader *reader, unsigned int page_file, uint64_t offset,
		       uint8_t *buffer);

/*
 * Decompresses plain LZ77 of Xpress ([MS-XCA] 2.4) until `out` is full or the input ends; the
 * number of bytes written, or -1 when the input makes no sense.
 */
ptrdiff_t xpress_decompress(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size);

#endif
